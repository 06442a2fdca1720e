/**
 * Pickles (https://docs.python.org/3/library/pickletools.html), read as data: the stack machine of protocols 0 to 5 as far
 * as plain values and known constructors need it. Nothing of a pickle's choosing is ever called: a name that is not among
 * the known ones ends the reading, with the name. Values are built of what was read alone, so they take no more memory
 * than the pickle has bytes, some times over.
 */
import { DataError } from '../errors.js'
import { PickleReader } from './pickle-reader.js'

/** A class or function that a pickle names. */
export class PickleGlobal {
  /** @param name with its module, such as `torch.FloatStorage` */
  constructor(readonly name: string) {}
}

/** A dictionary of Python: its keys may be of any kind. */
export class PickleDict {
  readonly entries = new Map<unknown, unknown>()
  /** What `__setstate__` gave it beside: a state dict's `_metadata`. */
  attributes: PickleDict | undefined
}

/** Whole numbers beyond what a number holds are bigints; lists and tuples are arrays. */
export interface PickleOptions {
  /** What a global stands for; undefined for one that is not known. */
  known(name: string): unknown
  /** What calling a known global gives. @throws {Error} for arguments that do not fit it */
  call(name: string, given: readonly unknown[]): unknown
  /** What a persistent id stands for. @throws {Error} for one that is none */
  persistent(id: unknown): unknown
  /** What a pickle of another kind should be made, for the error of an unknown name. */
  advice: string
}

/** A value, and where the pickle ends. */
export interface Unpickled {
  value: unknown
  end: number
}

/** Marks of the stack. */
const MARK = Symbol('mark')

/** What a byte makes the machine do. */
export type Step = (machine: Machine) => void

/** The stack machine. */
export class Machine extends PickleReader {
  readonly #stack: unknown[] = []
  readonly #memo = new Map<number, unknown>()

  constructor(
    bytes: Uint8Array,
    start: number,
    where: string,
    readonly options: PickleOptions,
  ) {
    super(bytes, start, where)
  }

  /** @throws {DataError} for what is no pickle, is damaged, or names what is not known */
  run(steps: ReadonlyMap<number, Step>): Unpickled {
    for (;;) {
      const place = this.at
      const code = this.uint8()
      if (code === 0x2e) return { value: this.#pop(), end: this.at }
      const step = steps.get(code)
      if (!step) {
        throw this.broken(`it has the byte ${code} at ${place}, which begins nothing that is read`)
      }
      step(this)
    }
  }

  #pop(): unknown {
    const value = this.#stack.pop()
    if (value === undefined || value === MARK) throw this.broken('it takes a value that is not there')
    return value
  }

  #top(): unknown {
    const value = this.#pop()
    this.#stack.push(value)
    return value
  }

  push(value: unknown): void {
    this.#stack.push(value)
  }

  mark(): void {
    this.#stack.push(MARK)
  }

  /** The values above the last mark. */
  #fromMark(): unknown[] {
    const at = this.#stack.lastIndexOf(MARK)
    if (at < 0) throw this.broken('it has no mark where one belongs')
    const values = this.#stack.splice(at)
    values.shift()
    return values
  }

  remember(key: number): void {
    this.#memo.set(key, this.#top())
  }

  memoize(): void {
    this.remember(this.#memo.size)
  }

  recall(key: number): void {
    const value = this.#memo.get(key)
    if (value === undefined) throw this.broken(`it takes value ${key}, which it has not kept`)
    this.push(value)
  }

  pop(): void {
    if (this.#stack.pop() === undefined) throw this.broken('it takes a value that is not there')
  }

  popMark(): void {
    this.#fromMark()
  }

  duplicate(): void {
    this.push(this.#top())
  }

  list(values: unknown[]): void {
    this.push(values)
  }

  markedList(): void {
    this.push(this.#fromMark())
  }

  tuple(count: number): void {
    const values: unknown[] = []
    for (let i = 0; i < count; i++) values.unshift(this.#pop())
    this.push(values)
  }

  dict(pairs: boolean): void {
    const dict = new PickleDict()
    const values = pairs ? this.#fromMark() : []
    this.push(dict)
    this.#fill(dict, values)
  }

  #fill(dict: unknown, values: readonly unknown[]): void {
    if (!(dict instanceof PickleDict) || values.length % 2 !== 0)
      throw this.broken('it sets items of what is no dictionary')
    for (let i = 0; i < values.length; i += 2) dict.entries.set(values[i], values[i + 1])
  }

  setItem(): void {
    const value = this.#pop()
    const key = this.#pop()
    this.#fill(this.#top(), [key, value])
  }

  setItems(): void {
    const values = this.#fromMark()
    this.#fill(this.#top(), values)
  }

  append(values?: readonly unknown[]): void {
    const added = values ?? [this.#pop()]
    const list = this.#top()
    if (!Array.isArray(list)) throw this.broken('it appends to what is no list')
    for (const value of added) list.push(value)
  }

  appends(): void {
    this.append(this.#fromMark())
  }

  /** What a dictionary has beside its items. Nothing else takes any. */
  build(): void {
    const state = this.#pop()
    const value = this.#top()
    if (!(value instanceof PickleDict) || !(state instanceof PickleDict))
      throw this.broken('it sets the state of what has none')
    value.attributes = state
  }

  global(module = this.line(), name = this.line()): void {
    const full = `${module}.${name}`
    const known = this.options.known(full)
    if (known === undefined) {
      throw new DataError(
        `${this.where} names ${JSON.stringify(full)}, which no state dict needs: it is not read, and nothing of it was run. ${this.options.advice}`,
      )
    }
    this.push(known)
  }

  stackGlobal(): void {
    const name = this.#pop()
    const module = this.#pop()
    if (typeof name !== 'string' || typeof module !== 'string')
      throw this.broken('it has a name that is none')
    this.global(module, name)
  }

  reduce(): void {
    const given = this.#pop()
    const called = this.#pop()
    if (!(called instanceof PickleGlobal) || !Array.isArray(given))
      throw this.broken('it calls what is no function')
    this.push(this.#told(() => this.options.call(called.name, given)))
  }

  persistent(): void {
    const id = this.#pop()
    this.push(this.#told(() => this.options.persistent(id)))
  }

  #told(run: () => unknown): unknown {
    try {
      return run()
    } catch (cause) {
      if (cause instanceof DataError) throw cause
      throw new DataError(
        `${this.where} is damaged: ${cause instanceof Error ? cause.message : cause}. Copy or save it again.`,
        { cause },
      )
    }
  }
}
