/** What every function that makes a leaf has in common. */
import {
  ArgumentError,
  arange,
  eye,
  full,
  type LeafOptions,
  linspace,
  ones,
  rand,
  randn,
  ShapeError,
  type Tensor,
  tensor,
  zeros,
} from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

const MAKERS: Record<string, (options?: LeafOptions) => Tensor> = {
  arange: (options) => arange(0, 3, 1, options),
  eye: (options) => eye(2, 3, options),
  full: (options) => full([2, 3], 7, options),
  linspace: (options) => linspace(1, 2, 3, options),
  ones: (options) => ones([3], options),
  rand: (options) => rand([3], options),
  randn: (options) => randn([3], options),
  tensor: (options) => tensor([1, 2, 3], options),
  zeros: (options) => zeros([3], options),
}

describe.each(Object.entries(MAKERS))('%s', (name, make) => {
  it('makes leaves that require a gradient where they are asked to', () => {
    expect(make().requiresGrad).toBe(false)
    expect(make({ requiresGrad: false }).requiresGrad).toBe(false)
    const x = make({ requiresGrad: true })
    x.mul(3).sum().backward()
    expect(new Set(x.grad?.toFloat32Array())).toEqual(new Set([3]))
  })

  it('takes no other option, and nothing else in its place', () => {
    const slips = [{ requires_grad: true }, { requiresGrad: 1 }, true, null] as unknown as LeafOptions[]
    for (const slip of slips) {
      expect(() => make(slip)).toThrow(ArgumentError)
      expect(() => make(slip)).toThrow(name)
    }
  })
})

it('a shape that is none is told before options are', () => {
  for (const make of [zeros, ones, rand, randn])
    expect(() => make(2 as unknown as number[], { requiresGrad: true })).toThrow(ShapeError)
})
