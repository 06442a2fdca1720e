/** A recorded step that runs again: its rows lie in wasm memory, and are run as one list. */
import { bytes, outOfMemory } from './allocate.js'
import { ALIGN, planArena } from './arena.js'
import { callList } from './call.js'
import { instance } from './instance.js'
import { copyStrided } from './kernels.generated.js'
import { Storage as Owned } from './memory.js'
import type { Between, Live, Recorded } from './recorded.js'
import type { HasGradient, Storage } from './recording.js'
import { Rewriter, rowOf } from './rewriter.js'
import { fuseRows } from './row-fusion.js'
import { relieve } from './steps.js'

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

/** Each is called before a run, and gives what takes back what it knows of; for a run that turns out to be unforeseen. */
export const marks: (() => () => void)[] = []

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
  /** What of it is written before something may turn out to be unforeseen, and where its values before are. */
  readonly #backups: readonly { storage: Storage; copy: number }[]
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
    fuseRows(recorded)
    this.#written = writtenBefore(recorded, rows.length)
    // What may have to be taken back, if what comes after it is unforeseen.
    const doubtful = rows.findLastIndex((row) => row.accepts !== undefined)
    const endangered =
      doubtful < 0 ? [] : [...new Set([...writtenBefore(recorded, doubtful), ...recorded.rewritten])]
    // Rows that copy what is endangered, the recorded rows, the copies, and the temporaries.
    const starts = [COPY_WORDS * endangered.length]
    for (const { words } of rows) starts.push(starts[starts.length - 1] + words.length)
    this.#length = starts[rows.length]
    let end = aligned(8 * this.#length)
    const copies = endangered.map((storage) => {
      const at = end
      end += aligned(storage.bytes)
      return at
    })
    const { offsets, bytes: temporary } = planArena(spansOf(recorded))
    this.#memory = new Owned(end + temporary, 'rows', 'leaf', 1).pin()
    const { address: base } = this.#memory
    const view = this.#words()
    this.#backups = endangered.map((storage, i) => ({ storage, copy: base + copies[i] }))
    for (const [i, { storage, copy }] of this.#backups.entries()) {
      view.set(
        rowOf(() => copyAll(storage, copy)),
        i * COPY_WORDS,
      )
    }
    const addressOf = new Map([...offsets].map(([{ storage }, offset]) => [storage, base + end + offset]))
    this.#inputs = inputs.map(() => [])
    for (const [i, { words, places }] of rows.entries()) {
      view.set(words, starts[i])
      for (const { word, storage, delta } of places) {
        const input = inputs.indexOf(storage)
        if (input >= 0) this.#inputs[input].push([starts[i] + word, delta])
        else view[starts[i] + word] = (addressOf.get(storage) ?? storage.address) + delta
      }
    }
    this.#segments = segmentsOf(recorded, starts)
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
    for (let i = 0; i < inputs.length; i++) {
      const { address } = inputs[i]
      const words = this.#words()
      for (const [word, delta] of this.#inputs[i]) words[word] = address + delta
    }
    for (const [of, storage] of this.#gradients) {
      if (of.gradientStorage !== storage) of.gradientStorage = storage
    }
    for (const storage of this.#written) storage.willChange()
    const backs = marks.map((mark) => mark())
    try {
      for (const segment of this.#segments) this.#runSegment(segment, inputs)
    } catch (error) {
      if (error instanceof Unforeseen) {
        for (const back of backs) back()
        for (const { storage, copy } of this.#backups) restore(storage, copy)
      }
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
  // The first one begins with the copies.
  const startOf = (row: number) => (segments.length === 0 ? 0 : starts[row])
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
      segments.push({ lives: own, start: startOf(from), end: starts[at + 1], accepts, between: undefined })
      own = []
      from = at + 1
    }
    segments.push({ lives: own, start: startOf(from), end: starts[to], accepts: undefined, between })
    from = to
  }
  return segments
}

const inputWords = (inputs: readonly (readonly (readonly [number, number])[])[]) =>
  new Set(inputs.flat().map(([word]) => word))

/** What was there before the step and is written by the rows up to the one of that number. */
function writtenBefore(recorded: Recorded, last: number): Storage[] {
  const written = recorded.rows
    .slice(0, last + 1)
    .flatMap(({ places }) => places.filter((place) => place.written).map(({ storage }) => storage))
  return [...new Set(written)].filter((storage) => recorded.isForeign(storage))
}

/** Words of a row that copies a whole storage. */
const COPY_WORDS = 12

/** Copies all floats of a storage to an address. */
function copyAll(storage: Storage, to: number): void {
  const length = storage.bytes / 4
  const [x, y] = [storage.address, to].map((address) => ({ address, length, version: 0, willChange() {} }))
  copyStrided({ xStart: 0, yStart: 0, x, y, dims: [[length], [1], [1]] })
}

function restore({ address, bytes: size }: Storage, copy: number): void {
  bytes().copyWithin(address, copy, copy + size)
}

const aligned = (size: number) => Math.ceil(size / ALIGN) * ALIGN
