/** One pass over a data set: its batches one after the other, and those ahead that take their time. */
import { isPromise, type PassOptions, type Source } from './dataset.js'

/** How far ahead batches are asked for that come as promises. */
export interface Ahead {
  readonly prefetch: number
  /** Samples in all; infinite where nobody knows. */
  readonly samples: number
  /** Called when a batch is handed out, and, without one, at the end. */
  onBatch(batch: number | undefined): void
}

export class Pass {
  /** Batches that were asked for. */
  #asked: number
  /** Batches that were handed out. */
  #handed: number
  readonly #ahead: Promise<unknown>[] = []

  constructor(
    readonly source: Source,
    readonly options: PassOptions,
    readonly ahead: Ahead,
  ) {
    this.#asked = this.#handed = options.skip
  }

  /** The next batch, or a promise of it; undefined at the end. */
  next(): unknown {
    const head = this.#ahead.shift() ?? this.#fetch()
    if (!isPromise(head)) return this.#hand(head)
    while (this.#ahead.length < this.ahead.prefetch) {
      const later = this.#fetchLater()
      if (later === undefined) break
      this.#ahead.push(later)
    }
    return head.then((batch) => this.#hand(batch))
  }

  /** Nobody wants more. */
  close(): void {
    this.source.close()
  }

  #hand(batch: unknown): unknown {
    this.ahead.onBatch(batch === undefined ? undefined : ++this.#handed)
    return batch
  }

  #fetch(): unknown {
    const { batchSize, dropLast } = this.options
    const first = this.#asked * batchSize
    const count = Math.min(batchSize, this.ahead.samples - first)
    if (count < (dropLast ? batchSize : 1)) return undefined
    this.#asked++
    return this.source.batch(first, count)
  }

  /** A batch ahead, whose error waits until its turn has come. */
  #fetchLater(): Promise<unknown> | undefined {
    let batch: Promise<unknown>
    try {
      const fetched = this.#fetch()
      if (fetched === undefined) return undefined
      batch = Promise.resolve(fetched)
    } catch (error) {
      batch = Promise.reject(error)
    }
    batch.catch(() => {})
    return batch
  }
}
