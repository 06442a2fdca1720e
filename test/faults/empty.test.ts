/**
 * Tensors without elements are as PyTorch has them: sums are 0, means NaN, and where there is nothing to choose from it
 * is an error (faults 13 and 14). empty.json has PyTorch's answers; its output is null where PyTorch throws.
 */
import { nn, SimdgradError, Tensor, tensor, zeros } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { runChild } from '../support/child.js'
import {
  decode,
  decodeTensor,
  type Encoded,
  type OperationCase,
  readFixture,
  resolve,
} from '../support/fixtures.js'
import { initForTest } from '../support/init.js'

type EmptyCase = Omit<OperationCase, 'output'> & { output: Encoded | null }

const cases = readFixture<EmptyCase[]>('empty.json')

beforeAll(initForTest)

function run({ op, target, args }: EmptyCase, tensors: readonly Tensor[]): Tensor {
  const [first, ...rest] = resolve(args, tensors) as unknown[]
  const owner: object = target === 'method' ? (first as Tensor) : nn.functional
  const operation: unknown = Reflect.get(owner, op)
  if (typeof operation !== 'function') throw new Error(`there is no ${op}`)
  const result: unknown = operation.apply(owner, target === 'method' ? rest : [first, ...rest])
  if (!(result instanceof Tensor)) throw new Error(`${op} did not give a tensor`)
  return result
}

describe.each([...new Set(cases.map(({ op }) => op))])('%s', (op) => {
  const own = cases.filter((each) => each.op === op)
  it.each(own.map((each) => [each.name, each] as const))('%s', (_, each) => {
    const inputs = each.inputs.map((input) => decodeTensor(input, input.requiresGrad))
    const { output } = each
    if (!output) {
      expect(() => run(each, inputs)).toThrow(SimdgradError)
      return
    }
    const result = run(each, inputs)
    expect(result.shape).toEqual(output.shape)
    expect(result.toFloat32Array()).toEqual(decode(output))
    expect(result.requiresGrad).toBe(each.cotangent !== null)
    if (!each.cotangent) return
    result.backward(decodeTensor(each.cotangent))
    each.grads.forEach((expected, i) => {
      expect(inputs[i].grad?.shape, `gradient ${i}`).toEqual(expected?.shape)
      // A zero's sign is of no interest.
      const grad = inputs[i].grad?.toFloat32Array().map((value) => value + 0)
      expect(grad, `gradient ${i}`).toEqual(expected ? decode(expected) : undefined)
    })
  })
})

describe('batch normalisation of nothing, in training', () => {
  it.each([
    [0, 3],
    [0, 3, 4, 4],
  ])('[%i, %i, …] is refused or empty, and leaves the running statistics finite', (...shape) => {
    const layer = shape.length === 2 ? new nn.BatchNorm1d(3) : new nn.BatchNorm2d(3)
    try {
      expect(layer.forward(zeros(shape)).shape).toEqual(shape)
    } catch (error) {
      expect(error).toBeInstanceOf(SimdgradError)
    }
    expect(layer.runningMean?.toFloat32Array()).toEqual(new Float32Array(3))
    expect(layer.runningVar?.toFloat32Array().every(Number.isFinite)).toBe(true)
  })
})

describe('layers of an empty batch', () => {
  it('give an empty result, and gradients of 0', () => {
    const net = new nn.Sequential(
      new nn.Conv2d(1, 2, 3),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.Flatten(),
      new nn.Linear(8, 3),
    )
    const y = net.forward(zeros([0, 1, 6, 6]))
    expect(y.shape).toEqual([0, 3])
    y.sum().backward()
    for (const { grad, shape } of net.parameters()) {
      expect(grad?.shape).toEqual(shape)
      expect(grad?.toFloat32Array().every((value) => value === 0)).toBe(true)
    }
  })

  it('count no right answers', () => {
    expect(nn.functional.correct(zeros([0, 3]), [])).toBe(0)
  })
})

it('a convolution over no channels has none, and its bias the gradient 0', () => {
  const bias = tensor([1, 2, 3], { requiresGrad: true })
  const y = nn.functional.conv2d(zeros([2, 0, 4, 4]), zeros([3, 0, 3, 3]), bias)
  expect(y.shape).toEqual([2, 0, 2, 2])
  y.sum().backward()
  expect(bias.grad?.toArray()).toEqual([0, 0, 0])
})

describe('tensors without elements', () => {
  it('are made, read and copied', () => {
    for (const shape of [[0], [5, 0], [0, 2 ** 40], [2, 0, 3]]) {
      const x = zeros(shape)
      expect(x.shape).toEqual(shape)
      expect(x.size).toBe(0)
      expect(x.toFloat32Array()).toEqual(new Float32Array(0))
      expect(zeros(shape).copy_(x).fill_(1).shape).toEqual(shape)
    }
    expect(tensor([]).shape).toEqual([0])
    expect(zeros([2, 0]).toArray()).toEqual([[], []])
    expect(() => zeros([0]).item()).toThrow(SimdgradError)
  })
})

it('many thousand caught errors leave nothing behind', { timeout: 60_000 }, async () => {
  const result = await runChild(new URL('errors.mjs', import.meta.url), [3000], { seconds: 15 })
  expect(result).toEqual({ caught: 'all ours', right: true })
})
