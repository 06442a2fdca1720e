import { checkBoolean, checkNumber, checkOptions, kindOf } from '../check.js'
import { ArgumentError, StateDictError } from '../errors.js'
import { atPoint, randomPermutation, type StreamPoint, streamPoint } from '../tensor/random.js'
import type { Tensor } from '../tensor/tensor.js'
import { type Collated, collate } from './collate.js'
import { checkDataset, type Dataset, isPromise, openDataset, streamOf } from './dataset.js'
import { isSize } from './idx.js'
import type { IterableDataset } from './iterable-dataset.js'
import { Pass } from './pass.js'

/** An order of samples, new for each pass: what WeightedRandomSampler is, or an array of indices. */
export interface Sampler extends Iterable<number> {
  /** How many samples a pass has. */
  readonly length: number
}

/** Options of DataLoader. */
export interface DataLoaderOptions<S = unknown, B = Collated<S>> {
  /** Samples of a batch. Default 1. */
  batchSize?: number
  /** Whether each pass has its own random order. Default false. */
  shuffle?: boolean
  /** Whether to leave out a last batch that is not full (batch norm can't train on a single sample). Default false. */
  dropLast?: boolean
  /**
   * What the order (and augmentation) of each pass is made from, with the number of the pass: the same whatever else is
   * random. A whole number from 0 to 2⁵³ − 1. Default: the stream that `manualSeed` starts, where it stands.
   */
  seed?: number
  /** Which samples a pass has, in which order, in place of `shuffle`. Random numbers in it are as those of `shuffle`. */
  sampler?: Sampler
  /** Makes a batch of samples. Default: `data.collate`. */
  collate?: (samples: S[]) => B
  /** How many batches ahead are asked for while one is used, where the samples are promises. Default 2. */
  prefetch?: number
}

/** Where a loader stands, as JSON holds it. */
export interface DataLoaderState {
  /** Passes before this one. */
  epoch: number
  /** Batches of this pass that were handed out. */
  position: number
  /** The seed, and the place in its stream, of this pass's order; null before the pass has begun. */
  seed: number | null
  /** The place in the seed's stream; null where `seed` is. */
  offset: number | null
  /** Samples of a pass; null where nobody knows. */
  samples: number | null
  /** Samples of a batch. */
  batchSize: number
  /** Whether passes are shuffled. */
  shuffle: boolean
}

const OPTIONS = ['batchSize', 'shuffle', 'dropLast', 'seed', 'sampler', 'collate', 'prefetch']

/**
 * Batches of a dataset, pass after pass: `for (const [x, y] of loader)`, or, where samples are promises,
 * `for await (const [x, y] of loader)`, which asks for the next ones while the loop works on one.
 * https://pytorch.org/docs/stable/data.html#torch.utils.data.DataLoader
 */
export class DataLoader<S = Tensor[], B = Collated<S>> {
  /** Where the samples are. */
  readonly dataset: Dataset | IterableDataset
  /** Samples of a batch. */
  readonly batchSize: number
  /** Whether each pass has its own random order. */
  readonly shuffle: boolean
  /** Whether a last batch that is not full is left out. */
  readonly dropLast: boolean
  /** What the order of each pass is made from; undefined where it is the stream that `manualSeed` starts. */
  readonly seed: number | undefined
  readonly #sampler: Sampler | undefined
  readonly #collate: (samples: unknown[]) => unknown
  readonly #prefetch: number
  /** The pass at hand, or the next one. */
  #epoch = 0
  #position = 0
  /** Where its order was drawn, once it has begun. */
  #start: StreamPoint | undefined
  /** Whether the next pass goes on with it. */
  #goesOn = false
  #latest: Pass | undefined

  /**
   * @param dataset where the samples are: anything with a length and a get(index)
   * @throws {ArgumentError} for what is no dataset, a batch size below 1 or an unknown option
   */
  constructor(dataset: Dataset<S> | IterableDataset<S>, options: DataLoaderOptions<S, B> = {}) {
    checkDataset('DataLoader', dataset)
    checkOptions('DataLoader', options, OPTIONS)
    const { batchSize = 1, shuffle = false, dropLast = false, seed, sampler, prefetch = 2 } = options
    checkNumber('DataLoader', 'batchSize', batchSize, { least: 1, whole: true })
    checkBoolean('DataLoader', 'shuffle', shuffle)
    checkBoolean('DataLoader', 'dropLast', dropLast)
    checkNumber('DataLoader', 'seed', seed ?? 0, { least: 0, most: Number.MAX_SAFE_INTEGER, whole: true })
    checkNumber('DataLoader', 'prefetch', prefetch, { least: 0, whole: true })
    const make: unknown = options.collate ?? collate
    if (typeof make !== 'function') {
      throw new ArgumentError(`DataLoader: collate is a function of samples, got ${kindOf(make)}`)
    }
    if (
      sampler !== undefined &&
      !(typeof sampler?.[Symbol.iterator] === 'function' && isSize(sampler.length))
    ) {
      throw new ArgumentError(
        `DataLoader: sampler is an iterable of indices with a length, got ${kindOf(sampler)}`,
      )
    }
    if (shuffle && (sampler || Number.isNaN(dataset.length))) {
      throw new ArgumentError(
        'DataLoader: shuffle goes neither with a sampler nor with an IterableDataset, whose shuffleBuffer does it',
      )
    }
    this.dataset = dataset
    this.batchSize = batchSize
    this.shuffle = shuffle
    this.dropLast = dropLast
    this.seed = seed
    this.#sampler = sampler
    this.#collate = make as typeof collate
    this.#prefetch = prefetch
  }

  /** Batches in a pass; NaN where nobody knows how many samples there are. */
  get length(): number {
    const batches = this.#samples / this.batchSize
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches)
  }

  get #samples(): number {
    return (this.#sampler ?? this.dataset).length
  }

  /**
   * One pass: batches of tensors [batchSize, ...], the last one smaller where the samples run out.
   *
   * @throws {ArgumentError} where the samples are promises, or what no batch can be made of
   */
  *[Symbol.iterator](): Generator<B> {
    const pass = this.pass()
    try {
      for (let next = pass.next(); next !== undefined; next = pass.next()) {
        if (isPromise(next)) {
          next.catch(() => {})
          throw new ArgumentError(
            'DataLoader: the dataset gives promises: for await (const batch of loader) waits for them, as fit does',
          )
        }
        yield next as B
      }
    } finally {
      pass.close()
    }
  }

  /** As the other pass, where samples may be promises. */
  async *[Symbol.asyncIterator](): AsyncGenerator<B> {
    const pass = this.pass()
    try {
      for (let next = await pass.next(); next !== undefined; next = await pass.next()) yield next as B
    } finally {
      pass.close()
    }
  }

  /** Begins a pass, or goes on with the one that was loaded; the caller closes it. @internal */
  pass(): Pass {
    // A length that is counted anew each time may have become another one.
    checkDataset('DataLoader', this.dataset)
    if (this.#start && !this.#goesOn) this.#finish()
    const epoch = this.#epoch
    const start = this.#start ?? this.#startOf(epoch)
    // The stream stands behind an order that was drawn before.
    const order = this.#start || this.seed !== undefined ? atPoint(start, () => this.#order()) : this.#order()
    const { batchSize, dropLast } = this
    const options = {
      ...{ batchSize, dropLast, skip: this.#position },
      ...{ seed: start.seed, epoch, collate: this.#collate },
    }
    const pass: Pass = new Pass(openDataset(this.dataset, order, options), options, {
      prefetch: this.#prefetch,
      samples: Number.isNaN(this.#samples) ? Number.POSITIVE_INFINITY : order.length,
      onBatch: (position) => {
        if (this.#latest !== pass) return
        if (position === undefined) this.#finish()
        else this.#position = position
      },
    })
    this.#latest = pass
    this.#start = start
    this.#goesOn = false
    return pass
  }

  #startOf(epoch: number): StreamPoint {
    return this.seed === undefined ? streamPoint() : streamOf({ seed: this.seed, epoch }, 'order')
  }

  #finish(): void {
    this.#epoch++
    this.#position = 0
    this.#start = this.#latest = undefined
  }

  #order(): Uint32Array {
    const { length } = this.dataset
    if (this.shuffle) return randomPermutation(length)
    if (!this.#sampler) return Uint32Array.from({ length: length || 0 }, (_, i) => i)
    return Uint32Array.from(this.#sampler, (index) => {
      if (isSize(index) && index < length) return index
      throw new ArgumentError(
        `DataLoader: the sampler gives ${kindOf(index)}, which is no index of the ${length} samples`,
      )
    })
  }

  /**
   * Where the loader stands: in mid-pass, after the last batch that was handed out. JSON holds it; samples are not in
   * it.
   */
  stateDict(): DataLoaderState {
    const { seed = null, position = null } = this.#start ?? {}
    const { batchSize, shuffle } = this
    const samples = Number.isNaN(this.#samples) ? null : this.#samples
    return {
      ...{ epoch: this.#epoch, position: this.#position, seed, offset: position },
      ...{ samples, batchSize, shuffle },
    }
  }

  /**
   * The next pass goes on from there: in the order that it had, with the very next batch. Without a `seed` of the
   * loader's, later passes draw from the stream of `manualSeed`, whose place is not in the state.
   *
   * @param state as `stateDict()` gives it
   * @throws {StateDictError} for a state of another set, batch size, order or seed, or one that is none; nothing is
   *   changed
   */
  loadStateDict(state: DataLoaderState): void {
    const wrong = this.#whyNot(state)
    if (wrong !== undefined) {
      throw new StateDictError(`DataLoader: the state does not fit this loader: ${wrong}`)
    }
    this.#epoch = state.epoch
    this.#position = state.position
    const { seed, offset } = state
    this.#start = seed === null || offset === null ? undefined : { seed, position: offset }
    this.#goesOn = this.#start !== undefined
    this.#latest = undefined
  }

  #whyNot(state: DataLoaderState): string | undefined {
    const given = { ...state }
    const own = this.stateDict()
    for (const name of ['samples', 'batchSize', 'shuffle'] as const) {
      if (given[name] !== own[name]) return `its ${name} is ${kindOf(given[name])}, and here ${own[name]}`
    }
    const { epoch, position, seed, offset } = given
    const seeds: unknown[] = this.seed === undefined ? [seed, null] : [this.seed, null]
    if (!seeds.includes(seed) || !(seed === null ? offset === null : isSize(seed) && isSize(offset))) {
      return `its seed is ${kindOf(seed)} and its offset ${kindOf(offset)}, and here the seed is ${this.seed}`
    }
    if (isSize(epoch) && isSize(position) && !(position > (seed === null ? 0 : this.length))) return undefined
    return `its epoch is ${kindOf(epoch)} and its position ${kindOf(position)}, of ${this.length} batches`
  }
}
