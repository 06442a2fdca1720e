import { checkBoolean, checkNumber, checkOptions, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { uniforms } from '../tensor/random.js'
import { Tensor } from '../tensor/tensor.js'
import type { Sampler } from './data-loader.js'

/** Options of WeightedRandomSampler. */
export interface WeightedRandomSamplerOptions {
  /** Whether an index may come again. Default true. */
  replacement?: boolean
}

/**
 * Random indices, each as likely as its weight says; new ones each pass, of the loader's seed or of the stream that
 * `manualSeed` starts. https://pytorch.org/docs/stable/data.html#torch.utils.data.WeightedRandomSampler
 */
export class WeightedRandomSampler implements Sampler {
  /** How many indices a pass has. */
  readonly length: number
  /** Whether an index may come again. */
  readonly replacement: boolean
  readonly #weights: Float64Array

  /**
   * @param weights one a sample, of at least 0; they need not add up to 1
   * @param numSamples how many indices a pass has; without replacement at most as many as weigh anything
   * @throws {ArgumentError} for a weight below 0, NaN or infinite, for none above 0, or too few to draw from
   */
  constructor(
    weights: ArrayLike<number> | Tensor,
    numSamples: number,
    options: WeightedRandomSamplerOptions = {},
  ) {
    checkOptions('WeightedRandomSampler', options, ['replacement'])
    const { replacement = true } = options
    checkBoolean('WeightedRandomSampler', 'replacement', replacement)
    checkNumber('WeightedRandomSampler', 'numSamples', numSamples, { least: 1, whole: true })
    const values = weights instanceof Tensor ? weights.toFloat32Array() : weights
    if (typeof values !== 'object' || values === null || typeof values.length !== 'number') {
      throw new ArgumentError(`WeightedRandomSampler: weights are an array of numbers, got ${kindOf(values)}`)
    }
    const list: unknown[] = Array.from(values)
    const bad = list.findIndex((weight) => !(typeof weight === 'number' && weight >= 0 && weight < 1e300))
    if (bad >= 0) {
      throw new ArgumentError(
        `WeightedRandomSampler: weight ${bad} is ${kindOf(list[bad])}, expected a number of at least 0`,
      )
    }
    this.#weights = Float64Array.from(list as number[])
    const some = this.#weights.reduce((count, weight) => count + Number(weight > 0), 0)
    if (some < (replacement ? 1 : numSamples)) {
      throw new ArgumentError(
        `WeightedRandomSampler: ${some} weights are above 0, too few to draw ${numSamples}${replacement ? '' : ' without replacement'}`,
      )
    }
    this.length = numSamples
    this.replacement = replacement
  }

  /** New indices. */
  *[Symbol.iterator](): Generator<number> {
    const tree = new SumTree(this.#weights)
    const words = uniforms(2 * this.length)
    for (let i = 0; i < this.length; i++) {
      // 48 bits.
      const index = tree.find((words[2 * i] + words[2 * i + 1] / 2 ** 24) * tree.total)
      if (!this.replacement) tree.clear(index)
      yield index
    }
  }
}

/** A tree of sums over weights: each node is the sum of the two below it. */
class SumTree {
  readonly #leaves: number
  readonly #sums: Float64Array

  constructor(weights: Float64Array) {
    this.#leaves = 2 ** Math.ceil(Math.log2(Math.max(weights.length, 2)))
    this.#sums = new Float64Array(2 * this.#leaves)
    this.#sums.set(weights, this.#leaves)
    for (let node = this.#leaves - 1; node > 0; node--) this.#add(node)
  }

  get total(): number {
    return this.#sums[1]
  }

  #add(node: number): void {
    this.#sums[node] = this.#sums[2 * node] + this.#sums[2 * node + 1]
  }

  /** The leaf in whose share of the total `at` lies: one that weighs something. */
  find(at: number): number {
    let [node, rest] = [1, at]
    while (node < this.#leaves) {
      node *= 2
      const left = this.#sums[node]
      // Rounding leads to no side without weight.
      if ((rest >= left && this.#sums[node + 1] > 0) || left === 0) {
        rest -= left
        node++
      }
    }
    return node - this.#leaves
  }

  /** Takes a leaf's weight away. */
  clear(leaf: number): void {
    let node = this.#leaves + leaf
    this.#sums[node] = 0
    while (node > 1) {
      node >>= 1
      this.#add(node)
    }
  }
}
