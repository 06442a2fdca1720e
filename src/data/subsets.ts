/** Data sets made of others. */
import { kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { fromValues } from '../tensor/create.js'
import { outside } from '../tensor/scope.js'
import { Tensor } from '../tensor/tensor.js'
import { type Collated, collate } from './collate.js'
import {
  checkDataset,
  type Dataset,
  isPromise,
  OPEN,
  openDataset,
  type PassKey,
  type PassOptions,
  type Source,
} from './dataset.js'
import { isSize } from './idx.js'

/** Where a set is asked for a single batch, beside any pass. */
const ALONE: PassKey = { seed: 0, epoch: 0 }

function batchOf<S>(dataset: Dataset<S>, order: Uint32Array): Collated<S> | Promise<Collated<S>> {
  const options = { ...ALONE, collate, batchSize: order.length, dropLast: false, skip: 0 }
  const source = openDataset(dataset as Dataset, order, options as PassOptions)
  const batch = source.batch(0, order.length)
  if (isPromise(batch)) return batch.finally(() => source.close()) as Promise<Collated<S>>
  source.close()
  return batch as Collated<S>
}

/** A set with a length and samples. @throws {ArgumentError} */
export function checkFinite(name: string, dataset: unknown): asserts dataset is Dataset {
  checkDataset(name, dataset)
  if (isSize((dataset as Dataset).length) && 'get' in dataset) return
  throw new ArgumentError(
    `${name}: the dataset's samples are taken by their index, which those of ${kindOf(dataset)} can not be`,
  )
}

/**
 * Some samples of a set, in an order. https://pytorch.org/docs/stable/data.html#torch.utils.data.Subset
 */
export class Subset<S = unknown> implements Dataset<S> {
  /** Which samples of `dataset`. */
  readonly indices: Uint32Array
  /** The set that has them. */
  readonly dataset: Dataset<S>

  /**
   * @param dataset where they are
   * @param indices which; an index may come again
   * @throws {ArgumentError} for what is no dataset, or an index that it does not have
   */
  constructor(dataset: Dataset<S>, indices: ArrayLike<number>) {
    checkFinite('Subset', dataset)
    if (typeof indices !== 'object' || indices === null || !isSize(indices.length)) {
      throw new ArgumentError(`Subset: indices are an array of numbers, got ${kindOf(indices)}`)
    }
    const bad = Array.from(indices).find((i) => !(isSize(i) && i < dataset.length))
    if (bad !== undefined || Array.from(indices).includes(undefined as never)) {
      throw new ArgumentError(`Subset: ${kindOf(bad)} is no index of ${dataset.length} samples`)
    }
    this.dataset = dataset
    this.indices = Uint32Array.from(indices)
  }

  get length(): number {
    return this.indices.length
  }

  /** Sample `index` of these. @throws {ArgumentError} for an index that there is not */
  get(index: number): S | Promise<S> {
    return this.dataset.get(this.#at(index))
  }

  /**
   * Several of them.
   *
   * @param indices of these samples
   * @throws {ArgumentError} for an index that there is not
   */
  getBatch(indices: Int32Array): Collated<S> | Promise<Collated<S>> {
    return batchOf(
      this.dataset,
      Uint32Array.from(indices, (index) => this.#at(index)),
    )
  }

  #at(index: number): number {
    if (isSize(index) && index < this.length) return this.indices[index]
    throw new ArgumentError(`Subset: index ${index} is out of range for ${this.length} samples`)
  }

  /** @internal */
  [OPEN](order: Uint32Array, options: PassOptions): Source {
    return openDataset(
      this.dataset as Dataset,
      order.map((index) => this.indices[index]),
      options,
    )
  }
}

/**
 * Sets one after the other. https://pytorch.org/docs/stable/data.html#torch.utils.data.ConcatDataset
 */
export class ConcatDataset<S = unknown> implements Dataset<S> {
  /** The sets. */
  readonly datasets: readonly Dataset<S>[]
  /** How many samples there are up to the end of each. */
  readonly #ends: number[] = []
  readonly length: number

  /**
   * @param datasets at least one; their samples are of one kind
   * @throws {ArgumentError} for none, or for what is no dataset
   */
  constructor(datasets: readonly Dataset<S>[]) {
    if (!Array.isArray(datasets) || datasets.length === 0) {
      throw new ArgumentError(`ConcatDataset: expected an array of datasets, got ${kindOf(datasets)}`)
    }
    let end = 0
    for (const dataset of datasets as readonly Dataset<S>[]) {
      checkFinite('ConcatDataset', dataset)
      end += dataset.length
      this.#ends.push(end)
    }
    this.datasets = [...datasets]
    this.length = end
  }

  /** Sample `index`, counted through all. @throws {ArgumentError} for an index that there is not */
  get(index: number): S | Promise<S> {
    const [part, own] = this.#find(index)
    return this.datasets[part].get(own)
  }

  /**
   * Several: each set is asked once for those that are its own.
   *
   * @param indices of samples, counted through all
   * @throws {ArgumentError} for an index that there is not
   */
  getBatch(indices: Int32Array): Collated<S> | Promise<Collated<S>> {
    const places = Array.from(indices, (index) => this.#find(index))
    const asked = this.datasets.map((dataset, part) => {
      const own = places.filter(([of]) => of === part).map(([, index]) => index)
      return own.length > 0 ? batchOf(dataset, Uint32Array.from(own)) : undefined
    })
    const next = this.datasets.map(() => 0)
    const from = places.map(([part]) => [part, next[part]++] as const)
    const join = (parts: unknown[]) => joined(parts, from) as Collated<S>
    return asked.some(isPromise) ? Promise.all(asked).then(join) : join(asked)
  }

  /** Each set is opened for its own samples of the pass, so that it knows which pass it is. @internal */
  [OPEN](order: Uint32Array, options: PassOptions): Source {
    const places = Array.from(order, (index) => this.#find(index))
    const own = this.datasets.map((_, part) => places.filter(([of]) => of === part))
    // Where a sample stands among those of its set.
    const next = this.datasets.map(() => 0)
    const ranks = places.map(([part]) => next[part]++)
    const whole = options.collate === collate
    const parts = whole ? options : { ...options, collate: (samples: unknown[]) => samples }
    const sources = this.datasets.map((dataset, part) =>
      openDataset(
        dataset as Dataset,
        Uint32Array.from(own[part], ([, index]) => index),
        parts,
      ),
    )
    return {
      batch(first, count) {
        const rows = places.slice(first, first + count).map(([part], i) => ({ part, rank: ranks[first + i] }))
        const starts = sources.map((_, part) => rows.find((row) => row.part === part)?.rank ?? 0)
        const asked = sources.map((source, part) => {
          const size = rows.filter((row) => row.part === part).length
          return size > 0 ? source.batch(starts[part], size) : undefined
        })
        const from = rows.map(({ part, rank }) => [part, rank - starts[part]] as const)
        const join = (batches: unknown[]) => {
          if (whole) return joined(batches, from)
          const samples = from.map(([part, row]) => (batches[part] as unknown[])[row])
          return outside([samples], () => options.collate(samples))
        }
        return asked.some(isPromise) ? Promise.all(asked).then(join) : join(asked)
      },
      close() {
        for (const source of sources) source.close()
      },
    }
  }

  #find(index: number): [part: number, own: number] {
    if (!isSize(index) || index >= this.length) {
      throw new ArgumentError(`ConcatDataset: index ${index} is out of range for ${this.length} samples`)
    }
    const part = this.#ends.findIndex((end) => index < end)
    return [part, index - (this.#ends[part - 1] ?? 0)]
  }
}

/** One batch of those of several parts: its row i is row `from[i][1]` of part `from[i][0]`. */
function joined(parts: readonly unknown[], from: readonly (readonly [part: number, row: number])[]): unknown {
  const some = parts.filter((part) => part !== undefined)
  const [first] = some
  // All of one set, in order.
  if (some.length === 1) return first
  if (first instanceof Tensor) {
    const values = parts.map((part) => (part instanceof Tensor ? part.toFloat32Array() : undefined))
    const [, ...shape] = first.shape
    const row = shape.reduce((product, n) => product * n, 1)
    const all = new Float32Array(from.length * row)
    for (const [i, [part, at]] of from.entries()) {
      const rows = values[part]
      const own = (parts[part] as Tensor).shape?.slice(1)
      if (!rows || String(own) !== String(shape)) {
        throw new ArgumentError(
          `ConcatDataset: the samples of its sets differ: [${shape}] and ${rows ? `[${own}]` : kindOf(parts[part])}`,
        )
      }
      all.set(rows.subarray(at * row, (at + 1) * row), i * row)
    }
    return fromValues(all, [from.length, ...shape])
  }
  if (Array.isArray(first) && typeof first[0] === 'string') {
    return from.map(([part, row]) => (parts[part] as string[])[row])
  }
  if (typeof first !== 'object' || first === null) {
    throw new ArgumentError(`ConcatDataset: nothing can be joined of ${kindOf(first)}`)
  }
  const entries = Object.keys(first).map((key): [string, unknown] => [
    key,
    joined(
      parts.map((part) => (part === undefined ? part : (part as Record<string, unknown>)[key])),
      from,
    ),
  ])
  return Array.isArray(first) ? entries.map(([, part]) => part) : Object.fromEntries(entries)
}
