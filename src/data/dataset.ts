/** What a data set is, and how a DataLoader gets batches of it. */
import { kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import type { StreamPoint } from '../tensor/random.js'
import { eachTensor, outside } from '../tensor/scope.js'
import { type Collated, collate } from './collate.js'
import { isSize } from './idx.js'

/**
 * Samples that are told apart by a number, as https://pytorch.org/docs/stable/data.html#torch.utils.data.Dataset: any
 * object with a `length` and a `get` is one.
 */
export interface Dataset<S = unknown> {
  /** Number of samples. */
  readonly length: number
  /**
   * Sample `index`, or a promise of it: an array such as [x, y], or a plain object, of tensors, typed arrays, arrays of
   * numbers and numbers (see `data.collate`).
   */
  get(index: number): S | Promise<S>
  /**
   * Several samples at once, where that is faster: the batch, as `collate` would make it of them, or a promise of it.
   *
   * @param indices of samples, in the order of the batch
   */
  getBatch?(indices: Int32Array): Collated<S> | Promise<Collated<S>>
}

/** What a pass is known by, for what is random in it. */
export interface PassKey {
  readonly seed: number
  readonly epoch: number
}

/** Where in the stream of its seed a pass draws its order, and what else is random in it: far from `manualSeed`'s own. */
export const streamOf = ({ seed, epoch }: PassKey, use: 'order' | 'buffer'): StreamPoint => ({
  seed,
  position: (use === 'order' ? 1 : 2) * 2 ** 51 + (epoch % 2 ** 20) * 2 ** 31,
})

/** How a pass is wanted. */
export interface PassOptions extends PassKey {
  /** Makes a batch of samples. */
  collate(samples: unknown[]): unknown
  readonly batchSize: number
  readonly dropLast: boolean
  /** How many samples at the beginning nobody wants any more. */
  readonly skip: number
}

/** The batches of a pass: samples `order[first … first + count)`. */
export interface Source {
  /** Undefined where there are no more. */
  batch(first: number, count: number): unknown
  close(): void
}

/**
 * The library's own sets have a method of this name: it is told the whole order of a pass, and so can leave it in wasm
 * memory, and gather from there.
 */
export const OPEN: unique symbol = Symbol('open')

/** Samples in an order; without a length where only their end tells it. */
export interface Opens {
  [OPEN](order: Uint32Array, options: PassOptions): Source
}

/** Whether its own class, or the nearest that it extends, says how to open it: one that has its own `get` does not. */
function opens(dataset: object): dataset is Opens {
  for (let at = dataset; at; at = Object.getPrototypeOf(at)) {
    if (Object.hasOwn(at, OPEN)) return true
    if (Object.hasOwn(at, 'get') || Object.hasOwn(at, 'getBatch')) return false
  }
  return false
}

/** The batches of any data set in an order. */
export function openDataset(dataset: Dataset | Opens, order: Uint32Array, options: PassOptions): Source {
  if (opens(dataset)) return dataset[OPEN](order, options)
  const take = (first: number, count: number) =>
    takeSamples(dataset as Dataset, Int32Array.from(order.subarray(first, first + count)), options.collate)
  // A user's data set may keep what it gives.
  return { batch: (first, count) => outside([], () => take(first, count)), close() {} }
}

/** The samples of those indices as a batch, or a promise of it. */
function takeSamples(dataset: Dataset, indices: Int32Array, make: PassOptions['collate']): unknown {
  if (dataset.getBatch && make === collate) {
    const batch = dataset.getBatch(indices)
    return isPromise(batch) ? batch.then(checkBatch) : checkBatch(batch)
  }
  const samples = Array.from(indices, (index) => dataset.get(index))
  return samples.some(isPromise) ? Promise.all(samples).then(make) : make(samples)
}

/** Whether it is a promise, of whatever realm. */
export function isPromise(value: unknown): value is Promise<unknown> {
  return typeof (value as Partial<Promise<unknown>> | null | undefined)?.then === 'function'
}

/** Whether there is a tensor in it: a batch has one. */
function hasTensor(value: unknown): boolean {
  let has = false
  eachTensor(value, () => {
    has = true
  })
  return has
}

/** @throws {ArgumentError} for what is no tensor, nor an array or object with one */
function checkBatch(batch: unknown): unknown {
  if (hasTensor(batch)) return batch
  throw new ArgumentError(
    `DataLoader: getBatch gives a batch of tensors, such as [x, y], and it gave ${kindOf(batch)}`,
  )
}

/** @throws {ArgumentError} for what has no `get`, or a length that counts nothing */
export function checkDataset(name: string, dataset: unknown): asserts dataset is Dataset | Opens {
  const { get, length, [OPEN]: open } = (dataset ?? {}) as Partial<Dataset & Opens>
  if (typeof get !== 'function' && !open) {
    const hint = hasTensor(dataset) ? '; new data.TensorDataset(x, y) makes one of tensors' : ''
    throw new ArgumentError(
      `${name}: expected a dataset, with a length and get(index), such as a data.TensorDataset, got ${kindOf(dataset)}${hint}`,
    )
  }
  if (isSize(length) || (open && Number.isNaN(length))) return
  throw new ArgumentError(
    `${name}: the dataset's length is a whole number of at least 0, got ${kindOf(length)}`,
  )
}
