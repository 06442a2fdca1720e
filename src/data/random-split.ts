/** Parts of a data set, drawn at random. */
import { checkNumber, checkOptions, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { atPoint, randomPermutation } from '../tensor/random.js'
import type { Dataset } from './dataset.js'
import { isSize } from './idx.js'
import { checkFinite, Subset } from './subsets.js'

/** What `randomSplit` takes besides. */
export interface RandomSplitOptions {
  /** Where the random order comes from; default: the stream that `manualSeed` starts. */
  seed?: number
  /** A class for each sample: each part then has as much of each class as all have. */
  stratify?: ArrayLike<number | string>
}

/**
 * Parts of a set, drawn at random. https://pytorch.org/docs/stable/data.html#torch.utils.data.random_split
 *
 * @param dataset what is parted
 * @param lengths samples of each part, which add up to all; or shares, which add up to 1
 * @throws {ArgumentError} for lengths that do not, a seed out of range, or classes that are more or fewer than the samples
 */
export function randomSplit<S>(
  dataset: Dataset<S>,
  lengths: readonly number[],
  options: RandomSplitOptions = {},
): Subset<S>[] {
  checkFinite('randomSplit', dataset)
  checkOptions('randomSplit', options, ['seed', 'stratify'])
  const { seed, stratify } = options
  const n = dataset.length
  const sizes = partSizes(n, lengths)
  if (seed !== undefined) {
    checkNumber('randomSplit', 'seed', seed, { least: 0, most: Number.MAX_SAFE_INTEGER, whole: true })
  }
  if (stratify !== undefined && stratify?.length !== n) {
    throw new ArgumentError(
      `randomSplit: stratify is a class for each of the ${n} samples, got ${kindOf(stratify)} of ${stratify?.length}`,
    )
  }
  const draw = () => randomPermutation(n)
  const order = seed === undefined ? draw() : atPoint({ seed, position: 0 }, draw)
  const partOf = stratify ? dealt(order, stratify, sizes) : cut(order, sizes)
  return sizes.map(
    (_, part) =>
      new Subset<S>(
        dataset,
        order.filter((index) => partOf[index] === part),
      ),
  )
}

/** @throws {ArgumentError} */
function partSizes(n: number, lengths: readonly number[]): number[] {
  const list: unknown[] = Array.isArray(lengths) ? lengths : []
  const numbers = list.filter((length): length is number => typeof length === 'number' && length >= 0)
  const sum = numbers.reduce((total, length) => total + length, 0)
  if (numbers.length === list.length && list.length > 0) {
    if (numbers.every(isSize) && sum === n) return numbers
    if (Math.abs(sum - 1) < 1e-6) {
      // Rounded down; what is left goes to the first ones, one each.
      const sizes = numbers.map((share) => Math.floor(share * n + 1e-9))
      const left = n - sizes.reduce((total, size) => total + size, 0)
      return sizes.map((size, i) => size + (i < left ? 1 : 0))
    }
  }
  throw new ArgumentError(
    `randomSplit: lengths are an array of sizes that add up to ${n}, or of shares that add up to 1, got ${Array.isArray(lengths) ? `[${lengths}]` : kindOf(lengths)}`,
  )
}

/** The part of each sample: the first `sizes[0]` of the order are of part 0, and so on. */
function cut(order: Uint32Array, sizes: readonly number[]): Uint32Array {
  const partOf = new Uint32Array(order.length)
  let at = 0
  for (const [part, size] of sizes.entries()) {
    for (const index of order.subarray(at, at + size)) partOf[index] = part
    at += size
  }
  return partOf
}

/** The part of each sample, dealt out class by class to whichever part lags most behind its share. */
function dealt(
  order: Uint32Array,
  classes: ArrayLike<number | string>,
  sizes: readonly number[],
): Uint32Array {
  const byClass = new Map<number | string, number[]>()
  for (const index of order) {
    const own = byClass.get(classes[index])
    if (own) own.push(index)
    else byClass.set(classes[index], [index])
  }
  const partOf = new Uint32Array(order.length)
  const given = sizes.map(() => 0)
  let dealtOut = 0
  for (const indices of byClass.values()) {
    for (const index of indices) {
      dealtOut++
      const behind = sizes.map((size, part) => (size * dealtOut) / order.length - given[part])
      const part = behind.indexOf(Math.max(...behind))
      partOf[index] = part
      given[part]++
    }
  }
  return partOf
}
