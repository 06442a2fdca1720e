/**
 * A gradient that goes to several takers reaches each of them whole, however it lies in memory (fault 1), and what a
 * user holds outlives the call that shares memory with it.
 */
import { nn, randn, type Tensor } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectClose, largest } from '../support/all-close.js'
import { decode, decodeTensor, type Encoded, readFixture } from '../support/fixtures.js'
import { GRAPHS } from '../support/graphs.js'
import { initForTest } from '../support/init.js'

interface GraphCase {
  name: string
  inputs: (Encoded & { requiresGrad: boolean })[]
  output: Encoded
  cotangent: Encoded
  grads: (Encoded | null)[]
}

const cases = readFixture<GraphCase[]>('graphs.json')
const FORWARD = 1e-5
const GRADIENTS = 1e-4

beforeAll(initForTest)

/** Where a gradient cancels to (nearly) nothing, errors are measured by what it was computed from. */
function expectGradient(grad: Tensor | null, expected: Encoded, cotangent: number, what: string) {
  const values = decode(expected)
  const own = largest(values)
  expect(grad?.shape, what).toEqual(expected.shape)
  expectClose(grad ?? [], values, {
    tolerance: GRADIENTS,
    scale: own < 1e-3 * cotangent ? cotangent : own,
    what,
  })
}

it('has the graphs of the fixture, and the fixture these', () => {
  expect(cases.map(({ name }) => name)).toEqual(Object.keys(GRAPHS))
})

describe('a gradient with several takers', () => {
  it.each(cases.map((each) => [each.name, each] as const))('%s', (name, each) => {
    const inputs = each.inputs.map((input) => decodeTensor(input, input.requiresGrad))
    const output = GRAPHS[name](...inputs)
    expect(output.shape).toEqual(each.output.shape)
    expectClose(output, decode(each.output), { tolerance: FORWARD, what: 'output' })
    output.backward(decodeTensor(each.cotangent))
    const cotangent = largest(decode(each.cotangent))
    each.grads.forEach((expected, i) => {
      if (expected) expectGradient(inputs[i].grad, expected, cotangent, `gradient ${i}`)
      else expect(inputs[i].grad, `gradient ${i}`).toBeNull()
    })
  })

  it.each(cases.map((each) => [each.name, each] as const))('%s, twice: gradients add up', (name, each) => {
    const inputs = each.inputs.map((input) => decodeTensor(input, input.requiresGrad))
    for (let i = 0; i < 2; i++) GRAPHS[name](...inputs).backward(decodeTensor(each.cotangent))
    const cotangent = 2 * largest(decode(each.cotangent))
    each.grads.forEach((expected, i) => {
      if (!expected) return
      const half = inputs[i].grad?.mul(0.5) ?? null
      expectGradient(half, expected, cotangent, `half of gradient ${i}`)
    })
  })
})

describe('what a user holds', () => {
  const conv = (x: Tensor, w: Tensor) => nn.functional.conv2d(x, w, null, { padding: 1 })

  it('of a graph stays readable after backward: summands, sums and results', () => {
    const [x, v, w] = [randn([5, 3, 4, 4]), randn([3, 3, 3, 3]), randn([3, 3, 3, 3])]
    for (const tensor of [x, v, w]) tensor.requiresGrad = true
    const h = conv(x, v)
    const s = h.add(x)
    const y = conv(s, w)
    const held = [h, s, y]
    const before = held.map((tensor) => tensor.toFloat32Array())
    y.sum().backward()
    expect(held.map((tensor) => tensor.toFloat32Array())).toEqual(before)
  })

  it('as a cotangent stays as it was, and can be used again, in either layout', () => {
    const [x, v] = [randn([5, 3, 4, 4]), randn([3, 3, 3, 3])]
    x.requiresGrad = true
    const inRows = randn([5, 3, 4, 4])
    const ofConvolution = conv(randn([5, 3, 4, 4]), v)
    for (const cotangent of [inRows, ofConvolution]) {
      const before = cotangent.toFloat32Array()
      for (let i = 0; i < 2; i++) {
        x.zeroGrad()
        conv(x, v).add(x).add(1).backward(cotangent)
        expect(cotangent.toFloat32Array()).toEqual(before)
      }
    }
  })

  it('as a gradient is nobody else’s: a sum gives its two inputs gradients that are apart', () => {
    const [a, b] = [randn([3, 4]), randn([3, 4])]
    for (const tensor of [a, b]) tensor.requiresGrad = true
    a.add(b).sum().backward()
    a.grad?.fill_(7)
    expect(b.grad?.toFloat32Array()).toEqual(new Float32Array(12).fill(1))
    a.grad?.dispose()
    expect(b.grad?.toFloat32Array()).toEqual(new Float32Array(12).fill(1))
  })

  it('as a gradient does not follow the cotangent that was given', () => {
    const [a, b] = [randn([3, 4]), randn([3, 4])]
    for (const tensor of [a, b]) tensor.requiresGrad = true
    const cotangent = randn([3, 4])
    const values = cotangent.toFloat32Array()
    a.add(b).backward(cotangent)
    cotangent.fill_(0)
    cotangent.dispose()
    expect(a.grad?.toFloat32Array()).toEqual(values)
    expect(b.grad?.toFloat32Array()).toEqual(values)
  })
})
