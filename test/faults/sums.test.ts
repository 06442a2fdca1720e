/**
 * Sums of many values are as exact as float32 lets them be, along whatever dimension (fault 12): every reduction adds
 * in pairs, or carries its error along. One float that takes a million values in turn is off by 1e-4.
 */
import { nn, ones, type Tensor, tensor } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'
import { Random } from '../support/random.js'

beforeAll(initForTest)

/** A few roundings of float32, which is 6e-8 each. */
const TOLERANCE = 3e-7
/** A product adds blocks of 256 terms in turn, and then the blocks with care. (PyTorch's of the one below: 3.7e-6.) */
const TOLERANCE_OF_PRODUCTS = 4e-6

/** Positive values, so that nothing cancels. */
function positive(n: number): Float32Array {
  const random = new Random(n)
  return Float32Array.from({ length: n }, () => random.uniform() + 0.5)
}

/** Sums over the middle of [before, over, after], in float64. */
function exactSums(values: Float32Array, before: number, over: number, after: number): Float64Array {
  const sums = new Float64Array(before * after)
  for (let i = 0; i < before; i++)
    for (let j = 0; j < over; j++)
      for (let k = 0; k < after; k++) sums[i * after + k] += values[(i * over + j) * after + k]
  return sums
}

function expectExact(
  actual: Tensor | null,
  expected: ArrayLike<number>,
  what = 'sum',
  tolerance = TOLERANCE,
): void {
  if (!actual) throw new Error(`${what}: there is none`)
  const values = actual.toFloat32Array()
  expect(values.length, what).toBe(expected.length)
  for (let i = 0; i < values.length; i++) {
    const error = Math.abs(values[i] / expected[i] - 1)
    expect(error, `relative error of ${what} at ${i}: ${values[i]}, expected ${expected[i]}`).toBeLessThan(
      tolerance,
    )
  }
}

const FORMS: [before: number, over: number, after: number][] = [
  [1, 500_000, 1],
  [1, 400_000, 2],
  [1, 300_000, 3],
  [1, 200_000, 5],
  [1, 100_000, 8],
  [1, 60_000, 17],
  [3, 200_000, 1],
  [2, 100_000, 3],
  [7, 50_000, 2],
]

describe('over a long dimension', () => {
  it.each(FORMS)('[%i, %i, %i]: sum, mean and variance', (before, over, after) => {
    const values = positive(before * over * after)
    const x = tensor(values, { shape: [before, over, after] })
    const sums = exactSums(values, before, over, after)
    expectExact(x.sum({ dim: 1 }), sums)
    const means = sums.map((sum) => sum / over)
    expectExact(x.mean({ dim: 1 }), means, 'mean')
    const squares = values.map((value, i) => {
      const at = Math.floor(i / (over * after)) * after + (i % after)
      return (value - means[at]) ** 2
    })
    const variances = exactSums(squares, before, over, after).map((sum) => sum / (over - 1))
    expectExact(x.var({ dim: 1 }), variances, 'variance')
  })

  it('of one small value a million times, in three columns', () => {
    const x = tensor(new Float32Array(3e6).fill(1e-5), { shape: [1e6, 3] })
    expectExact(x.sum({ dim: 0 }), new Array(3).fill(Math.fround(1e-5) * 1e6))
  })

  it('of everything, and of two dimensions that are no neighbours', () => {
    const values = positive(600_000)
    const x = tensor(values, { shape: [1000, 3, 200] })
    expectExact(x.sum(), exactSums(values, 1, 600_000, 1))
    const channels = exactSums(exactSumsAsFloats(values), 1, 1000, 3)
    expectExact(x.sum({ dim: [0, 2] }), channels)
  })
})

/** Sums over the last 200 of each row: small enough that rounding them to float32 changes nothing that is measured. */
function exactSumsAsFloats(values: Float32Array): Float32Array {
  return Float32Array.from(exactSums(values, 3000, 200, 1))
}

describe('gradients that add up over many rows', () => {
  it('of a bias, where the loss is a mean over 100,000 rows', () => {
    const layer = new nn.Linear(2, 3)
    layer
      .forward(ones([100_000, 2]))
      .mean()
      .backward()
    expectExact(layer.bias?.grad ?? null, [1 / 3, 1 / 3, 1 / 3], 'bias gradient')
    expectExact(layer.weight.grad, new Array(6).fill(1 / 3), 'weight gradient', TOLERANCE_OF_PRODUCTS)
  })

  it.each([1, 3, 4])('of what was broadcast to 500,000 rows of %i', (columns) => {
    const b = ones([columns])
    b.requiresGrad = true
    const cotangent = positive(500_000 * columns)
    const x = ones([500_000, columns])
    x.add(b).backward(tensor(cotangent, { shape: [500_000, columns] }))
    expectExact(b.grad, exactSums(cotangent, 1, 500_000, columns), 'gradient')
  })

  it('of a single value that was added to all', () => {
    const b = tensor(1, { requiresGrad: true })
    const cotangent = positive(900_000)
    ones([300, 3000])
      .mul(b)
      .backward(tensor(cotangent, { shape: [300, 3000] }))
    expectExact(b.grad, exactSums(cotangent, 1, 900_000, 1), 'gradient')
  })

  it('of a convolution’s bias over many pixels', () => {
    const layer = new nn.Conv2d(1, 3, 1)
    const cotangent = positive(4 * 3 * 200 * 200)
    layer.forward(ones([4, 1, 200, 200])).backward(tensor(cotangent, { shape: [4, 3, 200, 200] }))
    const perImage = Float32Array.from(exactSums(cotangent, 12, 40_000, 1))
    expectExact(layer.bias?.grad ?? null, exactSums(perImage, 1, 4, 3), 'bias gradient')
  })

  it('of batch norm’s bias over many rows', () => {
    const layer = new nn.BatchNorm1d(3)
    const values = positive(300_000 * 3)
    layer.forward(tensor(values, { shape: [300_000, 3] })).backward(tensor(values, { shape: [300_000, 3] }))
    expectExact(layer.bias?.grad ?? null, exactSums(values, 1, 300_000, 3), 'bias gradient')
  })
})

describe('what is a mean over many rows', () => {
  it('the running statistics of batch norm', () => {
    const layer = new nn.BatchNorm1d(3, { momentum: 1 })
    const values = positive(900_000)
    layer.forward(tensor(values, { shape: [300_000, 3] }))
    const means = exactSums(values, 1, 300_000, 3).map((sum) => sum / 300_000)
    const squares = values.map((value, i) => (value - means[i % 3]) ** 2)
    const variances = exactSums(squares, 1, 300_000, 3).map((sum) => sum / 299_999)
    expectExact(layer.runningMean ?? null, means, 'running mean')
    expectExact(layer.runningVar ?? null, variances, 'running variance')
  })

  it('the cross entropy of equal logits', () => {
    const loss = nn.functional.crossEntropy(ones([300_000, 3]), new Float32Array(300_000))
    expectExact(loss, [Math.log(3)], 'loss')
  })
})
