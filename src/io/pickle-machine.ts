/**
 * Pickles (https://docs.python.org/3/library/pickletools.html), read as data: the stack machine of protocols 0 to 5 as far
 * as plain values and known constructors need it. Nothing of a pickle's choosing is ever called: a name that is not among
 * the known ones ends the reading, with the name. Values are built of what was read alone, so they take no more memory
 * than the pickle has bytes, some times over.
 */
import { DataError } from '../errors.js'

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

/** More than any state dict has: what is larger is damaged. */
const LONGEST_INTEGER = 255

/** What a byte makes the machine do. */
export type Step = (machine: Machine) => void

export class Machine {
  readonly #view: DataView
  readonly #stack: unknown[] = []
  readonly #memo = new Map<number, unknown>()
  #at: number

  constructor(
    readonly bytes: Uint8Array,
    start: number,
    readonly where: string,
    readonly options: PickleOptions,
  ) {
    this.#at = start
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** @throws {DataError} for what is no pickle, is damaged, or names what is not known */
  run(steps: ReadonlyMap<number, Step>): Unpickled {
    for (;;) {
      const place = this.#at
      const code = this.bytes[this.#skip(1)]
      if (code === 0x2e) return { value: this.#pop(), end: this.#at }
      const step = steps.get(code)
      if (!step) {
        throw this.#broken(`it has the byte ${code} at ${place}, which begins nothing that is read`)
      }
      step(this)
    }
  }

  #broken(what: string): DataError {
    return new DataError(`${this.where} is no pickle that can be read: ${what}. Copy or save it again.`)
  }

  /** The place of the next `count` bytes, which are then behind. */
  #skip(count: number): number {
    const at = this.#at
    if (count > this.bytes.length - at) throw this.#broken('it ends early')
    this.#at = at + count
    return at
  }

  #pop(): unknown {
    const value = this.#stack.pop()
    if (value === undefined || value === MARK) throw this.#broken('it takes a value that is not there')
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
    if (at < 0) throw this.#broken('it has no mark where one belongs')
    const values = this.#stack.splice(at)
    values.shift()
    return values
  }

  uint8 = () => this.#view.getUint8(this.#skip(1))
  uint16 = () => this.#view.getUint16(this.#skip(2), true)
  int32 = () => this.#view.getInt32(this.#skip(4), true)
  uint32 = () => this.#view.getUint32(this.#skip(4), true)
  float64 = () => this.#view.getFloat64(this.#skip(8), false)

  /** A length of 64 bits. */
  uint64(): number {
    const [low, high] = [this.uint32(), this.uint32()]
    return low + high * 2 ** 32
  }

  data(length: number): Uint8Array {
    const at = this.#skip(length)
    return this.bytes.slice(at, at + length)
  }

  text(length: number): string {
    const at = this.#skip(length)
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(this.bytes.slice(at, at + length))
  }

  line(): string {
    const end = this.bytes.indexOf(10, this.#at)
    if (end < 0) throw this.#broken('it ends early')
    const text = this.text(end - this.#at)
    this.#at++
    return text
  }

  /** A whole number of two's complement, little-endian. */
  integer(length: number): number | bigint {
    if (length > LONGEST_INTEGER) throw this.#broken(`it has a whole number of ${length} bytes`)
    const bytes = this.data(length)
    let value = 0n
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i])
    return small(BigInt.asIntN(8 * length, value))
  }

  /** Of text, as protocol 0 writes it. */
  decimal(): number | bigint | boolean {
    const text = this.line().replace(/L$/, '')
    if (text === '00' || text === '01') return text === '01'
    if (!/^-?\d{1,300}$/.test(text)) throw this.#broken(`it has ${JSON.stringify(text)} for a whole number`)
    return small(BigInt(text))
  }

  float(): number {
    const text = this.line()
    const value = { nan: Number.NaN, inf: Infinity, '-inf': -Infinity }[text] ?? Number(text)
    if (text.trim() === '' || (Number.isNaN(value) && text !== 'nan'))
      throw this.#broken(`it has ${JSON.stringify(text)} for a number`)
    return value
  }

  /** A string with Python's quotes, as protocol 0 writes keys: without escapes but for the simplest. */
  quoted(): string {
    const text = /^(['"])([^\\]*)\1$/.exec(this.line())?.[2]
    if (text === undefined) throw this.#broken('it has a quoted string that is none, or with escapes')
    return text
  }

  remember(key: number): void {
    this.#memo.set(key, this.#top())
  }

  memoize(): void {
    this.remember(this.#memo.size)
  }

  recall(key: number): void {
    const value = this.#memo.get(key)
    if (value === undefined) throw this.#broken(`it takes value ${key}, which it has not kept`)
    this.push(value)
  }

  pop(): void {
    if (this.#stack.pop() === undefined) throw this.#broken('it takes a value that is not there')
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
      throw this.#broken('it sets items of what is no dictionary')
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
    if (!Array.isArray(list)) throw this.#broken('it appends to what is no list')
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
      throw this.#broken('it sets the state of what has none')
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
      throw this.#broken('it has a name that is none')
    this.global(module, name)
  }

  reduce(): void {
    const given = this.#pop()
    const called = this.#pop()
    if (!(called instanceof PickleGlobal) || !Array.isArray(given))
      throw this.#broken('it calls what is no function')
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

function small(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
