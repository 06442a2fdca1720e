/**
 * A Parameter keeps its values, whatever becomes of what it was made of; and the hash of a state tells states apart
 * that differ in shapes alone.
 */
import { hashState, nn, ones, optim, SimdgradError, type Tensor, tensor, zeros } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

describe('a Parameter', () => {
  const made: [string, () => Tensor][] = [
    ['a tensor', () => tensor([1, 2, 3, 4])],
    ['a result', () => ones([4]).add(tensor([0, 1, 2, 3]))],
    [
      'a result that lies otherwise',
      () => nn.functional.conv2d(tensor([1, 2, 3, 4], { shape: [4, 1, 1, 1] }), ones([1, 1, 1, 1])),
    ],
    [
      'a view',
      () =>
        tensor([
          [1, 2],
          [3, 4],
        ]).reshape([4]),
    ],
  ]

  it.each(made)('of %s keeps its values when that is disposed of', (_, make) => {
    const values = make()
    const parameter = new nn.Parameter(values)
    values.dispose()
    expect([...parameter.toFloat32Array()]).toEqual([1, 2, 3, 4])
    parameter.mul(2).sum().backward()
    new optim.SGD([parameter], { lr: 0.5 }).step()
    expect([...parameter.toFloat32Array()]).toEqual([0, 1, 2, 3])
  })

  it.each(made)('of %s may be disposed of, and that stays', (_, make) => {
    const values = make()
    new nn.Parameter(values).dispose()
    expect([...values.toFloat32Array()]).toEqual([1, 2, 3, 4])
  })

  it('outlives a block in which its values are used', () => {
    const scope = () => {
      const values = tensor([1, 2])
      const parameter = new nn.Parameter(values)
      // What `using` does at the end of a block.
      const dispose: unknown = Reflect.get(values, Symbol.dispose)
      if (typeof dispose !== 'function') throw new Error('this runtime has no Symbol.dispose')
      dispose.call(values)
      return parameter
    }
    expect([...scope().toFloat32Array()]).toEqual([1, 2])
  })

  it('of a parameter is one of its own to dispose of', () => {
    const first = new nn.Parameter(tensor([1, 2]))
    const second = new nn.Parameter(first)
    first.dispose()
    expect([...second.toFloat32Array()]).toEqual([1, 2])
  })
})

describe('hashState', () => {
  it('sees names, values and shapes', async () => {
    const states: Record<string, Tensor>[] = [
      { w: ones([2, 3]) },
      { w: ones([3, 2]) },
      { w: ones([6]) },
      { w: ones([1, 6]) },
      { v: ones([2, 3]) },
      { w: zeros([2, 3]) },
      { w: ones([2, 3]), v: zeros([0]) },
      {},
    ]
    const hashes = await Promise.all(states.map((state) => hashState(state)))
    expect(new Set(hashes).size).toBe(hashes.length)
    expect(await hashState({ w: ones([2, 3]) })).toBe(hashes[0])
  })

  it('does not see the order of the names', async () => {
    const [a, b] = [ones([2]), zeros([3])]
    expect(await hashState({ a, b })).toBe(await hashState({ b, a }))
  })

  it('refuses what is no state', async () => {
    await expect(hashState(null as never)).rejects.toThrow(SimdgradError)
  })
})
