import { checkNumber, checkOptions, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { atPoint, uniforms } from '../tensor/random.js'
import { outside } from '../tensor/scope.js'
import { isPromise, OPEN, type PassKey, type PassOptions, type Source, streamOf } from './dataset.js'

/** Options of IterableDataset. */
export interface IterableDatasetOptions {
  /**
   * How many samples are held, of which each next one is drawn at random: the larger, the better shuffled. Default 0,
   * the order as it comes.
   */
  shuffleBuffer?: number
  /** Number of samples, where it is known: a loader then knows how many batches it has. */
  length?: number
}

/**
 * Samples that come one after the other, from anything that can be gone through with `for of` or `for await`: a
 * generator, the lines of a file, a stream. As
 * https://pytorch.org/docs/stable/data.html#torch.utils.data.IterableDataset
 */
export class IterableDataset<S = unknown> {
  /** Number of samples; NaN where nobody knows. */
  readonly length: number
  /** How many samples are held to be drawn from. */
  readonly shuffleBuffer: number
  readonly #open: () => Iterable<S | Promise<S>> | AsyncIterable<S>

  /**
   * @param open called at the beginning of each pass: gives the samples anew, as `async function* () { … }` does
   * @throws {ArgumentError} for what is no function, or an option that is out of range or unknown
   */
  constructor(open: () => Iterable<S | Promise<S>> | AsyncIterable<S>, options: IterableDatasetOptions = {}) {
    if (typeof open !== 'function') {
      throw new ArgumentError(
        `IterableDataset: expected a function that gives the samples of a pass, such as () => samples, got ${kindOf(open)}`,
      )
    }
    checkOptions('IterableDataset', options, ['shuffleBuffer', 'length'])
    const { shuffleBuffer = 0, length } = options
    checkNumber('IterableDataset', 'shuffleBuffer', shuffleBuffer, { least: 0, most: 2 ** 24, whole: true })
    if (length !== undefined) checkNumber('IterableDataset', 'length', length, { least: 0, whole: true })
    this.#open = open
    this.shuffleBuffer = shuffleBuffer
    this.length = length ?? Number.NaN
  }

  /** @internal */
  [OPEN](_order: Uint32Array, options: PassOptions): Source {
    const samples = outside([], this.#open)
    const buffer = new ShuffleBuffer<S | Promise<S>>(this.shuffleBuffer, options)
    if (typeof samples === 'object' && samples !== null) {
      if (Symbol.asyncIterator in samples) return comingLater(shuffledLater(samples, buffer), options)
      if (Symbol.iterator in samples) return coming(shuffled(samples, buffer), options)
    }
    throw new ArgumentError(
      `IterableDataset: its function gives what can be gone through, such as a generator, and it gave ${kindOf(samples)}`,
    )
  }
}

/** Numbers that are made together. */
const DRAWN = 1024

/** Holds `size` samples; each new one takes the place of one drawn at random. */
class ShuffleBuffer<S> {
  readonly #held: S[] = []
  #numbers: Float32Array = new Float32Array()
  #used = 0

  constructor(
    readonly size: number,
    readonly key: PassKey,
  ) {}

  /** What `sample` drives out, if the buffer is full. */
  put(sample: S): S[] {
    if (this.#held.length < this.size) {
      this.#held.push(sample)
      return []
    }
    if (this.size === 0) return [sample]
    const at = this.#below(this.size)
    const out = this.#held[at]
    this.#held[at] = sample
    return [out]
  }

  /** What is left, in random order. */
  rest(): S[] {
    const left = this.#held
    for (let i = left.length - 1; i > 0; i--) {
      const at = this.#below(i + 1)
      ;[left[i], left[at]] = [left[at], left[i]]
    }
    return left
  }

  #below(bound: number): number {
    const place = this.#used++ % DRAWN
    if (place === 0) {
      const { seed, position } = streamOf(this.key, 'buffer')
      const blocks = (this.#used - 1) / 4
      this.#numbers = atPoint({ seed, position: position + blocks }, () => uniforms(DRAWN))
    }
    return Math.floor(this.#numbers[place] * bound)
  }
}

function* shuffled<S>(samples: Iterable<S>, buffer: ShuffleBuffer<S>): Generator<S> {
  for (const sample of samples) yield* buffer.put(sample)
  yield* buffer.rest()
}

async function* shuffledLater<S>(samples: AsyncIterable<S>, buffer: ShuffleBuffer<S>): AsyncGenerator<S> {
  for await (const sample of samples) yield* buffer.put(sample)
  yield* buffer.rest()
}

/** Batches of samples that are there, or promises. */
function coming<S>(samples: Generator<S>, { collate, batchSize, dropLast, skip }: PassOptions): Source {
  let skipped = 0
  const take = (count: number): S[] => {
    const taken: S[] = []
    while (taken.length < count) {
      const next = samples.next()
      if (next.done) break
      taken.push(next.value)
    }
    return taken
  }
  return {
    batch: (_, count) =>
      outside([], () => {
        for (; skipped < skip; skipped++) take(batchSize)
        const taken = take(count)
        if (taken.length < (dropLast ? batchSize : 1)) return undefined
        return taken.some(isPromise) ? Promise.all(taken).then(collate) : collate(taken)
      }),
    close: () => void samples.return(undefined),
  }
}

/** Batches of samples that have to be waited for, one batch after the other. */
function comingLater<S>(samples: AsyncGenerator<S>, options: PassOptions): Source {
  const { collate, batchSize, dropLast, skip } = options
  const take = async (count: number): Promise<S[]> => {
    const taken: S[] = []
    while (taken.length < count) {
      const next = await samples.next()
      if (next.done) break
      taken.push(next.value)
    }
    return taken
  }
  const skipFirst = async () => {
    for (let skipped = 0; skipped < skip; skipped++) await take(batchSize)
  }
  let before: Promise<unknown> | undefined
  return {
    batch: (_, count) => {
      const batch = (before ?? skipFirst()).then(async () => {
        const taken = await take(count)
        return taken.length < (dropLast ? batchSize : 1) ? undefined : collate(taken)
      })
      before = batch
      return batch
    },
    close: () => {
      samples.return(undefined).catch(() => {})
    },
  }
}
