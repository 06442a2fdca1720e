/** Rows that are written and do not run at once. */
import type { Live } from './recorded.js'
import { type Recorder, recordedBy, type Storage } from './recording.js'
import { wordsOf } from './rows.js'

/** Takes the rows of kernels, which do not run. */
class RowTaker implements Recorder {
  constructor(readonly take: (row: Float64Array) => void) {}

  runs(row: Float64Array): boolean {
    this.take(row)
    return true
  }

  live(run: () => void): void {
    run()
  }

  eachRun(storages: readonly Storage[], run: (storages: readonly Storage[]) => void): void {
    run(storages)
  }

  // What runs here may read and write what it counts by.
  asks(_: Storage): void {}
  makes(): void {}
  ran(): void {}
  reads(): void {}
  writes(): void {}
  gradient(): void {}
  accepts(): void {}
  reliesOn(): void {}
}

/** Lets what is `live` write its numbers into the rows. */
export class Rewriter extends RowTaker {
  #row = 0

  constructor(
    starts: readonly number[],
    inputs: ReadonlySet<number>,
    view: () => Float64Array,
    readonly pinned: Set<Storage>,
  ) {
    super((row) => {
      const words = view()
      const start = starts[this.#row]
      const length = starts[++this.#row] - start
      if (words[start] !== row[0]) {
        throw new Error('what is live runs another kernel than it ran when it was recorded')
      }
      for (let i = 2; i < length; i++) {
        const at = start + i
        if (words[at] !== row[i] && !inputs.has(at)) words[at] = row[i]
      }
    })
  }

  rewrite({ run, first }: Live): void {
    this.#row = first
    recordedBy(this, run)
  }

  override asks(storage: Storage): void {
    if (this.pinned.has(storage)) return
    this.pinned.add(storage)
    storage.pin()
  }
}

/** The row that a kernel's call writes, which does not run. */
export function rowOf(call: () => void): Float64Array {
  let row: Float64Array = new Float64Array(0)
  const taker = new RowTaker((written) => {
    row = wordsOf(written)
  })
  recordedBy(taker, call)
  return row
}
