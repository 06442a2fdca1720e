import { checkOptions } from '../check.js'
import { ArgumentError } from '../errors.js'
import { Indices } from '../tensor/gather.js'
import { randomPermutation } from '../tensor/random.js'
import { outside } from '../tensor/scope.js'
import type { Tensor } from '../tensor/tensor.js'
import type { Dataset } from './dataset.js'

/** Options of DataLoader. */
export interface DataLoaderOptions {
  /** Samples of a batch. Default 1. */
  batchSize?: number
  /** Whether each pass has its own random order. Default false. */
  shuffle?: boolean
  /** Whether to leave out a last batch that is not full (batch norm can't train on a single sample). Default false. */
  dropLast?: boolean
}

/**
 * Batches of a dataset, pass after pass: `for (const [x, y] of loader)`.
 * https://pytorch.org/docs/stable/data.html#torch.utils.data.DataLoader
 */
export class DataLoader {
  /** Samples of a batch. */
  readonly batchSize: number
  /** Whether each pass has its own random order. */
  readonly shuffle: boolean
  /** Whether a last batch that is not full is left out. */
  readonly dropLast: boolean

  /**
   * @param dataset where the samples are
   * @throws {ArgumentError} for a batch size below 1 or an unknown option
   */
  constructor(
    readonly dataset: Dataset,
    options: DataLoaderOptions = {},
  ) {
    checkOptions('DataLoader', options, ['batchSize', 'shuffle', 'dropLast'])
    const { batchSize = 1, shuffle = false, dropLast = false } = options
    if (!Number.isInteger(batchSize) || batchSize < 1) {
      throw new ArgumentError(`DataLoader: batchSize is a whole number of at least 1, got ${batchSize}`)
    }
    this.batchSize = batchSize
    this.shuffle = shuffle
    this.dropLast = dropLast
  }

  /** Batches in a pass. */
  get length(): number {
    const batches = this.dataset.length / this.batchSize
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches)
  }

  /** One pass: batches of tensors [batchSize, ...], the last one smaller where the samples run out. */
  *[Symbol.iterator](): Generator<Tensor[]> {
    const { dataset, batchSize, length } = this
    const order = this.shuffle
      ? randomPermutation(dataset.length)
      : Uint32Array.from({ length: dataset.length }, (_, i) => i)
    const indices = new Indices(order)
    try {
      for (let batch = 0; batch < length; batch++) {
        const first = batch * batchSize
        const count = Math.min(batchSize, dataset.length - first)
        const take = () => dataset.batch(indices, first, count)
        // A user's data set may keep what it gives.
        yield dataset.libraryBatch === dataset.batch ? take() : outside([], take)
      }
    } finally {
      indices.dispose()
    }
  }
}
