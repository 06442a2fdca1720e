import { checkBoolean, checkNumber, checkOptions, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { Indices } from '../tensor/gather.js'
import { randomPermutation } from '../tensor/random.js'
import { outside } from '../tensor/scope.js'
import { Tensor } from '../tensor/tensor.js'
import type { Dataset } from './dataset.js'
import { isSize } from './idx.js'

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
   * @throws {ArgumentError} for what is no dataset, a batch size below 1 or an unknown option
   */
  constructor(
    readonly dataset: Dataset,
    options: DataLoaderOptions = {},
  ) {
    checkDataset(dataset)
    checkOptions('DataLoader', options, ['batchSize', 'shuffle', 'dropLast'])
    const { batchSize = 1, shuffle = false, dropLast = false } = options
    checkNumber('DataLoader', 'batchSize', batchSize, { least: 1, whole: true })
    checkBoolean('DataLoader', 'shuffle', shuffle)
    checkBoolean('DataLoader', 'dropLast', dropLast)
    this.batchSize = batchSize
    this.shuffle = shuffle
    this.dropLast = dropLast
  }

  /** Batches in a pass. */
  get length(): number {
    const batches = this.dataset.length / this.batchSize
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches)
  }

  /**
   * One pass: batches of tensors [batchSize, ...], the last one smaller where the samples run out.
   *
   * @throws {ArgumentError} where the dataset gives anything but an array of tensors
   */
  *[Symbol.iterator](): Generator<Tensor[]> {
    // A length that is counted anew each time may have become another one.
    checkDataset(this.dataset)
    const { dataset, batchSize, length } = this
    const order = this.shuffle
      ? randomPermutation(dataset.length)
      : Uint32Array.from({ length: dataset.length }, (_, i) => i)
    const indices = new Indices(order)
    try {
      for (let batch = 0; batch < length; batch++) {
        const first = batch * batchSize
        const count = Math.min(batchSize, indices.length - first)
        const take = () => tensorsOf(dataset.batch(indices, first, count))
        // A user's data set may keep what it gives.
        yield dataset.libraryBatch === dataset.batch ? take() : outside([], take)
      }
    } finally {
      indices.dispose()
    }
  }
}

/** @throws {ArgumentError} for what has no `batch`, or a length that counts nothing */
function checkDataset(dataset: unknown): asserts dataset is Dataset {
  if (typeof dataset !== 'object' || dataset === null || !('batch' in dataset)) {
    const tensors = dataset instanceof Tensor || (Array.isArray(dataset) && dataset.length > 0)
    const hint = tensors ? '; new data.TensorDataset(x, y) makes one of tensors' : ''
    throw new ArgumentError(
      `DataLoader: expected a dataset, such as a data.TensorDataset, got ${kindOf(dataset)}${hint}`,
    )
  }
  if (typeof dataset.batch !== 'function') {
    throw new ArgumentError(
      `DataLoader: the dataset's batch is a function of (indices, first, count), got ${kindOf(dataset.batch)}`,
    )
  }
  const length = 'length' in dataset ? dataset.length : undefined
  if (!isSize(length)) {
    throw new ArgumentError(
      `DataLoader: the dataset's length is a whole number of at least 0, got ${kindOf(length)}`,
    )
  }
}

/** What a dataset gave as a batch, once it is one. @throws {ArgumentError} for anything but an array of tensors */
function tensorsOf(batch: unknown): Tensor[] {
  const expected = `DataLoader: the dataset's batch gives an array of tensors, such as [x, y]`
  if (!Array.isArray(batch) || batch.length === 0) {
    const hint = batch instanceof Promise ? '; it can not wait: load before' : ''
    const given = Array.isArray(batch) ? 'an empty array' : kindOf(batch)
    throw new ArgumentError(`${expected}, and it gave ${given}${hint}`)
  }
  const index = batch.findIndex((value) => !(value instanceof Tensor))
  if (index < 0) return batch
  throw new ArgumentError(`${expected}, and element ${index} is ${kindOf(batch[index])}`)
}
