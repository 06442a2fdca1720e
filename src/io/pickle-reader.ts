/** The numbers and texts of a pickle, as its instructions have them behind them. */
import { DataError } from '../errors.js'

/** More than any state dict has: what is larger is damaged. */
const LONGEST_INTEGER = 255

/** Reads a pickle from a place on. */
export class PickleReader {
  readonly #view: DataView
  #at: number

  /** @param where what errors call it */
  constructor(
    readonly bytes: Uint8Array,
    start: number,
    readonly where: string,
  ) {
    this.#at = start
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** How far it has read. */
  get at(): number {
    return this.#at
  }

  protected broken(what: string): DataError {
    return new DataError(`${this.where} is no pickle that can be read: ${what}. Copy or save it again.`)
  }

  /** The place of the next `count` bytes, which are then behind. */
  #skip(count: number): number {
    const at = this.#at
    if (count > this.bytes.length - at) throw this.broken('it ends early')
    this.#at = at + count
    return at
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
    if (end < 0) throw this.broken('it ends early')
    const text = this.text(end - this.#at)
    this.#at++
    return text
  }

  /** A whole number of two's complement, little-endian. */
  integer(length: number): number | bigint {
    if (length > LONGEST_INTEGER) throw this.broken(`it has a whole number of ${length} bytes`)
    const bytes = this.data(length)
    let value = 0n
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i])
    return small(BigInt.asIntN(8 * length, value))
  }

  /** Of text, as protocol 0 writes it. */
  decimal(): number | bigint | boolean {
    const text = this.line().replace(/L$/, '')
    if (text === '00' || text === '01') return text === '01'
    if (!/^-?\d{1,300}$/.test(text)) throw this.broken(`it has ${JSON.stringify(text)} for a whole number`)
    return small(BigInt(text))
  }

  float(): number {
    const text = this.line()
    const value = { nan: Number.NaN, inf: Infinity, '-inf': -Infinity }[text] ?? Number(text)
    if (text.trim() === '' || (Number.isNaN(value) && text !== 'nan'))
      throw this.broken(`it has ${JSON.stringify(text)} for a number`)
    return value
  }

  /** A string with Python's quotes, as protocol 0 writes keys: without escapes but for the simplest. */
  quoted(): string {
    const text = /^(['"])([^\\]*)\1$/.exec(this.line())?.[2]
    if (text === undefined) throw this.broken('it has a quoted string that is none, or with escapes')
    return text
  }
}

function small(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
