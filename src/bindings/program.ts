/** A recorded step that runs again: its rows lie in wasm memory, and are run as one list. */
import { outOfMemory } from './allocate.js'
import { ALIGN, planArena } from './arena.js'
import { callList } from './call.js'
import { instance } from './instance.js'
import { Storage as Owned, relieve } from './memory.js'
import type { Between, Live, Recorded } from './recorded.js'
import { type HasGradient, type Recorder, type Storage, setRecorder } from './recording.js'

/** Kernels that run without JavaScript between them. */
interface Segment {
  readonly lives: readonly Live[]
  /** Words of the rows, from the first to before the end. */
  readonly start: number
  readonly end: number
  /** What is asked of the number that its last kernel gives. */
  readonly accepts: { word: number; isRight: (number: number) => boolean } | undefined
  /** What JavaScript does after it. */
  readonly between: Between | undefined
}

/** What a run was not recorded for: the step is to run again, as it is; nothing has happened. */
export class Unforeseen extends Error {}

export class Program {
  readonly #recorded: Recorded
  /** The rows, and behind them the temporaries. */
  readonly #memory: Owned
  /** Words of the rows. */
  readonly #length: number
  readonly #segments: readonly Segment[]
  /** By input: the words that have its address, and how many bytes after it. */
  readonly #inputs: readonly (readonly [word: number, delta: number])[][]
  readonly #gradients: readonly (readonly [of: HasGradient, storage: Storage | undefined])[]
  /** What was there before, and is written. */
  readonly #written: readonly Storage[]
  /** What of it is written before something may turn out to be unforeseen. */
  readonly #endangered: readonly Storage[]
  readonly #rewriter: Rewriter
  #view = new Float64Array(0)

  /**
   * Takes the recording over. Nothing of what it has made is in use any more, but for what it has pinned.
   *
   * @throws {OutOfMemoryError}
   */
  constructor(recorded: Recorded) {
    this.#recorded = recorded
    const { rows, inputs, pinned } = recorded
    this.#gradients = [...recorded.gradients].map((of) => [of, of.gradientStorage] as const)
    for (const [, storage] of this.#gradients) if (storage) recorded.pin(storage)
    for (const { places } of rows) {
      for (const { storage } of places) if (recorded.isForeign(storage)) recorded.pin(storage)
    }
    for (const storage of recorded.rewritten) recorded.pin(storage)
    const { offsets, bytes } = planArena(spansOf(recorded))
    this.#length = rows.reduce((sum, row) => sum + row.words.length, 0)
    const behind = Math.ceil((8 * this.#length) / ALIGN) * ALIGN
    this.#memory = new Owned(behind + bytes, 'rows', 'leaf', 1).pin()
    const arena = this.#memory.address + behind
    const offsetOf = new Map([...offsets].map(([{ storage }, offset]) => [storage, offset]))
    this.#inputs = inputs.map(() => [])
    const starts: number[] = []
    const view = this.#words()
    let at = 0
    for (const row of rows) {
      starts.push(at)
      view.set(row.words, at)
      for (const { word, storage, delta } of row.places) {
        const input = inputs.indexOf(storage)
        const offset = offsetOf.get(storage)
        if (input >= 0) this.#inputs[input].push([at + word, delta])
        else view[at + word] = (offset === undefined ? storage.address : arena + offset) + delta
      }
      at += row.words.length
    }
    starts.push(at)
    this.#segments = segmentsOf(recorded, starts)
    const written = rows.map(({ places }) =>
      places.filter((place) => place.written).map(({ storage }) => storage),
    )
    const foreign = (storages: readonly Storage[]) =>
      [...new Set(storages)].filter((one) => recorded.isForeign(one))
    this.#written = foreign(written.flat())
    const doubtful = rows.findLastIndex((row) => row.accepts !== undefined)
    this.#endangered =
      doubtful < 0 ? [] : foreign([...written.slice(0, doubtful + 1).flat(), ...recorded.rewritten])
    this.#rewriter = new Rewriter(starts, inputWords(this.#inputs), () => this.#words(), pinned)
  }

  /** Whether all holds that the recording relies on. */
  holds(): boolean {
    for (const guard of this.#recorded.guards) if (!guard()) return false
    return true
  }

  /**
   * Runs the step.
   *
   * @param inputs in place of those of the recording
   * @throws {Unforeseen} where the step must run as it is; nothing has changed
   * @throws {OutOfMemoryError} @throws {WorkerError} and whatever JavaScript between the rows throws
   */
  run(inputs: readonly Storage[]): void {
    const backups = this.#endangered.map((storage) => [storage, storage.copyOut()] as const)
    for (let i = 0; i < inputs.length; i++) {
      const { address } = inputs[i]
      const words = this.#words()
      for (const [word, delta] of this.#inputs[i]) words[word] = address + delta
    }
    for (const [of, storage] of this.#gradients) {
      if (of.gradientStorage !== storage) of.gradientStorage = storage
    }
    try {
      for (const segment of this.#segments) this.#runSegment(segment, inputs)
    } catch (error) {
      if (error instanceof Unforeseen) for (const [storage, bytes] of backups) restore(storage, bytes)
      throw error
    } finally {
      for (const storage of this.#written) storage.version++
    }
  }

  #runSegment({ lives, start, end, accepts, between }: Segment, inputs: readonly Storage[]): void {
    for (const live of lives) this.#rewriter.rewrite(live)
    const base = this.#memory.address
    let at = base + 8 * start
    for (let tries = 0; at < base + 8 * end; tries++) {
      if (tries > 0) relieve()
      const reached = callList(at, base + 8 * end)
      if (reached === at && tries > 0) throw outOfMemory('a compiled step: no room for intermediate values')
      if (reached !== at) tries = 0
      at = reached
    }
    if (accepts && !accepts.isRight(this.#words()[accepts.word])) throw new Unforeseen()
    if (!between) return
    const mine = between.storages.map((storage) => {
      const input = this.#recorded.inputs.indexOf(storage)
      return input < 0 ? storage : inputs[input]
    })
    between.run(mine)
  }

  /** The rows. A memory that has grown may leave a view of nothing. */
  #words(): Float64Array {
    if (this.#view.length === 0) {
      this.#view = new Float64Array(instance().memory.buffer, this.#memory.address, this.#length)
    }
    return this.#view
  }

  /** Bytes of wasm memory that it has for itself. */
  get bytes(): number {
    return this.#memory.bytes
  }

  /** Gives its memory back. */
  free(): void {
    this.#recorded.free()
    this.#memory.unpin()
    this.#memory.release()
  }
}

/** The temporaries that may share memory, and from which row to which each is there. */
function spansOf({ rows, made, pinned }: Recorded) {
  const spans = new Map<Storage, { storage: Storage; bytes: number; first: number; last: number }>()
  for (const [i, { places }] of rows.entries()) {
    for (const { storage } of places) {
      if (!made.has(storage) || pinned.has(storage)) continue
      const span = spans.get(storage)
      if (span) span.last = i
      else spans.set(storage, { storage, bytes: storage.bytes, first: i, last: i })
    }
  }
  return [...spans.values()]
}

/** `starts` are the words at which the rows begin, and where the last ends. */
function segmentsOf({ rows, lives, betweens }: Recorded, starts: readonly number[]): Segment[] {
  const segments: Segment[] = []
  let from = 0
  for (let i = 0; i <= betweens.length; i++) {
    const between = betweens.at(i)
    const to = between?.after ?? rows.length
    let own = lives.filter(({ segment }) => segment === i)
    // What is not accepted must not be computed with.
    for (let at = from; at < to; at++) {
      const { accepts: isRight } = rows[at]
      if (!isRight) continue
      const accepts = { word: starts[at] + 1, isRight }
      segments.push({ lives: own, start: starts[from], end: starts[at + 1], accepts, between: undefined })
      own = []
      from = at + 1
    }
    segments.push({ lives: own, start: starts[from], end: starts[to], accepts: undefined, between })
    from = to
  }
  return segments
}

const inputWords = (inputs: readonly (readonly (readonly [number, number])[])[]) =>
  new Set(inputs.flat().map(([word]) => word))

function restore(storage: Storage, bytes: Uint8Array): void {
  const { buffer } = instance().memory
  new Uint8Array(buffer, storage.address, bytes.length).set(bytes)
}

/** Lets what is `live` write its numbers into the rows. */
class Rewriter implements Recorder {
  #row = 0

  constructor(
    readonly starts: readonly number[],
    readonly inputWords: ReadonlySet<number>,
    readonly words: () => Float64Array,
    readonly pinned: Set<Storage>,
  ) {}

  rewrite({ run, first }: Live): void {
    this.#row = first
    const before = setRecorder(this)
    try {
      run()
    } finally {
      setRecorder(before)
    }
  }

  runs(row: Float64Array): boolean {
    const words = this.words()
    const start = this.starts[this.#row]
    const length = this.starts[++this.#row] - start
    if (words[start] !== row[0])
      throw new Error('what is live runs another kernel than it ran when it was recorded')
    for (let i = 2; i < length; i++) if (!this.inputWords.has(start + i)) words[start + i] = row[i]
    return true
  }

  asks(storage: Storage): void {
    if (this.pinned.has(storage)) return
    this.pinned.add(storage)
    storage.pin()
  }

  live(run: () => void): void {
    run()
  }

  eachRun(storages: readonly Storage[], run: (storages: readonly Storage[]) => void): void {
    run(storages)
  }

  // What is live may read and write what it counts by.
  makes(): void {}
  ran(): void {}
  reads(): void {}
  writes(): void {}
  gradient(): void {}
  accepts(): void {}
  reliesOn(): void {}
}
