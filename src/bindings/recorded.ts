/** A step, written down while it ran: its kernels' rows, and what JavaScript does between them. */
import { AutogradError } from '../errors.js'
import { type HasGradient, type Recorder, recordedBy, type Storage } from './recording.js'
import { ROW_FORMS } from './rows.generated.js'
import { wordsOf } from './rows.js'

/** An array of a row: in which word its address stands, and where that is. */
export interface Place {
  readonly word: number
  readonly storage: Storage
  /** Bytes from the storage's beginning. */
  readonly delta: number
  readonly written: boolean
}

/** A kernel's call. */
export interface Row {
  readonly words: Float64Array
  readonly places: readonly Place[]
  readonly name: string
  /** Whether its numbers change from run to run. */
  readonly live: boolean
  /** Whether what the kernel gave lets all go on. */
  accepts?: (number: number) => boolean
}

/** What makes the numbers of some rows anew. */
export interface Live {
  readonly run: () => void
  /** Its first row. */
  readonly first: number
  /** How much JavaScript between rows came before it. */
  readonly segment: number
}

/** JavaScript between the rows. */
export interface Between {
  /** How many rows come before it. */
  readonly after: number
  readonly storages: readonly Storage[]
  readonly run: (storages: readonly Storage[]) => void
}

/** What a recording relies on: it may be used while all hold. */
export type Guard = () => boolean

export class Recorded implements Recorder {
  readonly rows: Row[] = []
  readonly lives: Live[] = []
  readonly betweens: Between[] = []
  readonly guards: Guard[] = []
  /** What had a gradient set. */
  readonly gradients = new Set<HasGradient>()
  /** Storages that came up in the step. */
  readonly made = new Set<Storage>()
  /** Storages that have to stay, where they are. */
  readonly pinned = new Set<Storage>()
  /** Storages whose values JavaScript has written once. */
  readonly constants: Storage[] = []
  /** Storages of others that JavaScript writes at each run. */
  readonly rewritten = new Set<Storage>()
  /** Why it can't run again, if so. */
  problem: string | undefined
  /** Storages whose addresses were asked since the last kernel. */
  #asked: { storage: Storage; address: number }[] = []
  readonly #relied = new Set<object>()
  readonly #used = new Set<Storage>()
  readonly #written = new Set<Storage>()
  #live: Live | undefined

  /**
   * @param inputs what the step is given, which will be others in later runs
   * @param strict whether what can't be written down throws; else it is noted as the problem
   */
  constructor(
    readonly inputs: readonly Storage[],
    readonly strict: boolean,
  ) {}

  asks(storage: Storage, address: number): void {
    this.#asked.push({ storage, address })
    if (this.#live) this.pin(storage)
  }

  makes(storage: Storage): void {
    this.made.add(storage)
    // What a step makes to stay, the next may find.
    if (storage.isLeaf) this.pin(storage)
  }

  runs(): boolean {
    return false
  }

  ran(row: Float64Array, name: string): void {
    const words = wordsOf(row)
    const places: Place[] = []
    for (const signed of ROW_FORMS[row[0]].arrays) {
      const word = Math.abs(signed)
      const address = words[word]
      if (address === 0) continue
      const written = signed < 0
      const { storage, address: start } = this.#ownerOf(address, name)
      places.push({ word, storage, delta: address - start, written })
      this.#used.add(storage)
      if (written) this.#written.add(storage)
    }
    this.#asked = []
    this.rows.push({ words, places, name, live: this.#live !== undefined })
  }

  #ownerOf(address: number, name: string): { storage: Storage; address: number } {
    for (let i = this.#asked.length - 1; i >= 0; i--) {
      const one = this.#asked[i]
      if (one.address <= address && address <= one.address + one.storage.bytes) return one
    }
    throw new Error(`${name}: an array is in no storage`)
  }

  reads(storage: Storage): void {
    if (this.#live) return
    if (this.isForeign(storage) && !this.#written.has(storage)) {
      const { version } = storage
      this.reliesOn(storage, () => storage.version === version)
    } else {
      this.#fail(
        'reads a value (item(), toArray(), toFloat32Array(), …)',
        'return the tensor from the step, and read it afterwards',
      )
    }
  }

  writes(storage: Storage): void {
    if (this.#live) {
      if (!this.made.has(storage)) this.rewritten.add(storage)
    } else if (this.made.has(storage) && !this.#used.has(storage)) {
      this.constants.push(storage)
      this.pin(storage)
    } else {
      this.#fail('writes values into a tensor that was there before', 'do that outside of the step')
    }
  }

  #fail(does: string, instead: string): void {
    this.problem ??= `the step ${does}`
    if (!this.strict) return
    throw new AutogradError(
      `compile: the step ${does}, which would not happen again when it runs as it was recorded; ${instead}`,
    )
  }

  gradient(of: HasGradient, how: 'read' | 'set'): void {
    if (how === 'set') this.gradients.add(of)
    else if (!this.gradients.has(of)) {
      const { gradientStorage } = of
      this.reliesOn(of, () => of.gradientStorage === gradientStorage)
    }
  }

  live(run: () => void): void {
    if (this.#live) {
      run()
      return
    }
    const live = { run, first: this.rows.length, segment: this.betweens.length }
    this.#live = live
    try {
      run()
    } finally {
      this.#live = undefined
    }
    this.lives.push(live)
  }

  eachRun(storages: readonly Storage[], run: (storages: readonly Storage[]) => void): void {
    for (const storage of storages) this.pin(storage)
    recordedBy(undefined, () => run(storages))
    this.betweens.push({ after: this.rows.length, storages, run })
  }

  accepts(_: number, isRight: (number: number) => boolean): void {
    this.rows[this.rows.length - 1].accepts = isRight
  }

  reliesOn(what: object, holds: Guard): void {
    if (this.#relied.has(what)) return
    this.#relied.add(what)
    this.guards.push(holds)
  }

  /** Lets a storage stay where it is, for all runs. */
  pin(storage: Storage): void {
    if (this.pinned.has(storage) || this.inputs.includes(storage)) return
    this.pinned.add(storage)
    storage.pin()
  }

  /** Whether it ran on a storage that was there before, and is no input. */
  isForeign(storage: Storage): boolean {
    return !this.made.has(storage) && !this.inputs.includes(storage)
  }

  /** Lets go of all that had to stay. */
  free(): void {
    for (const storage of this.pinned) storage.unpin()
    this.pinned.clear()
  }
}

/** In what two recordings of the same step differ; undefined where they are the same but for where things lie. */
export function difference(a: Recorded, b: Recorded): string | undefined {
  if (a.rows.length !== b.rows.length) {
    return `it ran ${a.rows.length} kernels, and then ${b.rows.length}`
  }
  if (a.lives.length !== b.lives.length || a.betweens.length !== b.betweens.length) {
    return 'what it does between its kernels changes'
  }
  const partners = new Map<Storage, Storage>()
  for (let i = 0; i < a.rows.length; i++) {
    const [before, after] = [a.rows[i], b.rows[i]]
    if (before.name !== after.name || before.live !== after.live) {
      return `kernel ${i} was ${before.name}, and then ${after.name}`
    }
    if (before.words.length !== after.words.length || before.places.length !== after.places.length) {
      return `the shapes of kernel ${i} (${before.name}) change`
    }
    const addresses = new Set(before.places.map(({ word }) => word))
    for (let word = 2; word < before.words.length; word++) {
      if (addresses.has(word) || before.live || Object.is(before.words[word], after.words[word])) continue
      return `a number of kernel ${i} (${before.name}) was ${before.words[word]}, and then ${after.words[word]}`
    }
    for (const [k, { word, storage, delta }] of before.places.entries()) {
      const place = after.places[k]
      const input = a.inputs.indexOf(storage)
      const known =
        partners.get(storage) ?? (a.isForeign(storage) ? storage : input < 0 ? undefined : b.inputs[input])
      const same = known ? known === place.storage : b.made.has(place.storage)
      if (!same || place.word !== word || place.delta !== delta) {
        return `kernel ${i} (${before.name}) works on other tensors`
      }
      partners.set(storage, place.storage)
    }
  }
  for (const [i, one] of a.constants.entries()) {
    const other = b.constants.at(i)?.copyOut()
    if (!one.copyOut().every((byte, k) => byte === other?.[k])) {
      return 'a tensor is made of other values of JavaScript'
    }
  }
  return undefined
}
