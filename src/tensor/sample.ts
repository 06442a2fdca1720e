/** Random whole numbers, of the stream that `manualSeed` starts. */
import { checkBytes } from '../bindings/allocate.js'
import { checkBoolean, checkNumber, checkOptions, kindOf } from '../check.js'
import { ArgumentError, ShapeError } from '../errors.js'
import { fromValues } from './create.js'
import { randomPermutation, uniforms } from './random.js'
import { checkShape, type Shape, sizeOf } from './shape.js'
import { Tensor } from './tensor.js'

/** Uniform numbers from [0, 1), each of 48 bits: made of two of the stream's, which have 24. */
function uniform(count: number): Float64Array {
  const values = uniforms(2 * count)
  return Float64Array.from({ length: count }, (_, i) => values[2 * i] + values[2 * i + 1] / 2 ** 24)
}

/**
 * The numbers from 0 to n − 1 in random order.
 * https://pytorch.org/docs/stable/generated/torch.randperm.html
 *
 * @param n how many
 * @returns [n]
 * @throws {ArgumentError} for what is no whole number from 0 to 2²⁴, up to which a float has every one
 */
export function randperm(n: number): Tensor {
  checkNumber('randperm', 'n', n, { least: 0, most: 2 ** 24, whole: true })
  return fromValues(randomPermutation(n), [n])
}

/**
 * Random whole numbers from 0 to below `high`, each as likely.
 * https://pytorch.org/docs/stable/generated/torch.randint.html
 *
 * @param high more than 0, at most 2²⁴
 * @param shape sizes of the dimensions
 * @throws {ArgumentError} for bounds between which there is no number, or that a float does not have
 * @throws {ShapeError} for a shape that is no array of whole numbers of at least 0
 */
export function randint(high: number, shape: Shape): Tensor
/**
 * Random whole numbers from `low` to below `high`, each as likely.
 * https://pytorch.org/docs/stable/generated/torch.randint.html
 *
 * @param low the least, at least −2²⁴
 * @param high more than it, at most 2²⁴
 * @param shape sizes of the dimensions
 * @throws {ArgumentError} for bounds between which there is no number, or that a float does not have
 * @throws {ShapeError} for a shape that is no array of whole numbers of at least 0
 */
export function randint(low: number, high: number, shape: Shape): Tensor
export function randint(first: number, second: number | Shape, third?: Shape): Tensor {
  const [low, high, shape] =
    third === undefined && typeof second !== 'number' ? [0, first, second] : [first, second, third]
  checkNumber('randint', 'low', low, { least: -(2 ** 24), most: 2 ** 24, whole: true })
  checkNumber('randint', 'high', high, { least: low + 1, most: 2 ** 24, whole: true })
  checkShape('randint', shape as Shape)
  const size = sizeOf(shape as Shape)
  checkBytes(8 * size)
  const range = Number(high) - low
  return fromValues(
    uniform(size).map((u) => low + Math.floor(u * range)),
    [...(shape as Shape)],
  )
}

/** What `multinomial` takes besides. */
export interface MultinomialOptions {
  /** Whether an index may come again. Default false. */
  replacement?: boolean
}

/** Draws from one row of weights, from the numbers `at` on. */
function draw(weights: Float64Array, count: number, replacement: boolean, u: Float64Array, at: number) {
  const found = new Float32Array(count)
  for (let k = 0; k < count; k++) {
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    let rest = u[at + k] * total
    // The last that has any: rounding may leave something over.
    let pick = weights.findLastIndex((weight) => weight > 0)
    for (let i = 0; i < pick; i++) {
      rest -= weights[i]
      if (rest < 0) pick = i
    }
    found[k] = pick
    if (!replacement) weights[pick] = 0
  }
  return found
}

/**
 * Random indices, each as likely as its weight says. https://pytorch.org/docs/stable/generated/torch.multinomial.html
 *
 * @param input [n] or [rows, n] weights of at least 0; they need not add up to 1
 * @param numSamples how many for each row, at least 1; without replacement at most as many as weigh anything
 * @param options replacement
 * @returns [numSamples] or [rows, numSamples]
 * @throws {ShapeError} for another shape
 * @throws {ArgumentError} for a weight below 0, NaN or infinite, or a row with too few to draw from
 */
export function multinomial(input: Tensor, numSamples: number, options: MultinomialOptions = {}): Tensor {
  if (!(input instanceof Tensor)) {
    throw new ArgumentError(
      `multinomial: the input is a tensor of weights, got ${kindOf(input)}; make one with tensor(…)`,
    )
  }
  checkNumber('multinomial', 'numSamples', numSamples, { least: 1, whole: true })
  checkOptions('multinomial', options, ['replacement'])
  const { replacement = false } = options
  checkBoolean('multinomial', 'replacement', replacement)
  const { shape } = input
  if (shape.length !== 1 && shape.length !== 2) {
    throw new ShapeError(`multinomial: expected weights of shape [n] or [rows, n], got [${shape}]`)
  }
  const n = shape[shape.length - 1]
  const rows = shape.length === 2 ? shape[0] : 1
  const weights = Float64Array.from(input.toFloat32Array())
  const bad = weights.findIndex((weight) => !(weight >= 0 && weight < Number.POSITIVE_INFINITY))
  if (bad >= 0) {
    throw new ArgumentError(
      `multinomial: weight ${bad % n}${shape.length === 2 ? ` of row ${Math.floor(bad / n)}` : ''} is ${weights[bad]}, expected a number of at least 0`,
    )
  }
  const rowOf = (row: number) => weights.subarray(row * n, (row + 1) * n)
  for (let row = 0; row < rows; row++) {
    const some = rowOf(row).reduce((count, weight) => count + Number(weight > 0), 0)
    if (some >= (replacement ? 1 : numSamples)) continue
    throw new ArgumentError(
      `multinomial: ${shape.length === 2 ? `row ${row}` : 'the input'} has ${some} weights above 0, too few to draw ${numSamples}${replacement ? '' : ' without replacement'}`,
    )
  }
  const u = uniform(rows * numSamples)
  const found = new Float32Array(rows * numSamples)
  for (let row = 0; row < rows; row++) {
    found.set(draw(rowOf(row), numSamples, replacement, u, row * numSamples), row * numSamples)
  }
  return fromValues(found, [...shape.slice(0, -1), numSamples])
}
