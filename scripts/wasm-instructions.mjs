// The instructions of WebAssembly, as far as to know where each ends, and which name a function
// (https://webassembly.github.io/spec/core/binary/instructions.html, with threads and relaxed SIMD). What is not known
// throws.

/** The instruction at the end of a function, and of an expression. */
export const END = 0x0b

/** Reads a binary, or a part of it. */
export class Reader {
  /**
   * @param {Uint8Array} bytes
   * @param {number} at
   * @param {number} end
   */
  constructor(bytes, at = 0, end = bytes.length) {
    this.bytes = bytes
    this.at = at
    this.end = end
  }

  byte() {
    if (this.at >= this.end) throw new Error(`the binary ends too early, at byte ${this.at}`)
    return this.bytes[this.at++]
  }

  /** An integer of any length. Of a negative one the value is of no use, but it is passed over. */
  number() {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte()
      value += (byte & 127) * scale
      if (byte < 128) return value
    }
  }

  /** @param {number} count */
  skip(count) {
    this.at += count
    if (this.at > this.end) throw new Error(`the binary ends too early, at byte ${this.end}`)
  }

  /** @param {number} count */
  numbers(count) {
    while (count-- > 0) this.number()
  }
}

/**
 * What follows the opcodes from the first to the last of each row: a number (n), the number of a function (f), numbers
 * with their count before them (v) and one more behind them (w), a place in memory (m), or that many bytes.
 *
 * @type {[first: number, last: number, follows: string][]}
 */
const PLAIN = [
  [0x00, 0x01, ''], // unreachable, nop
  [0x02, 0x04, 'n'], // block, loop, if
  [0x05, 0x05, ''], // else
  [END, END, ''],
  [0x0c, 0x0d, 'n'], // br, br_if
  [0x0e, 0x0e, 'w'], // br_table
  [0x0f, 0x0f, ''], // return
  [0x10, 0x10, 'f'], // call
  [0x11, 0x11, 'nn'], // call_indirect
  [0x12, 0x12, 'f'], // return_call
  [0x13, 0x13, 'nn'], // return_call_indirect
  [0x1a, 0x1b, ''], // drop, select
  [0x1c, 0x1c, 'v'], // select of a type
  [0x20, 0x26, 'n'], // variables and tables
  [0x28, 0x3e, 'm'], // loads and stores
  [0x3f, 0x40, 'n'], // memory.size, memory.grow
  [0x41, 0x42, 'n'], // i32.const, i64.const
  [0x43, 0x43, '4'], // f32.const
  [0x44, 0x44, '8'], // f64.const
  [0x45, 0xc4, ''], // numeric
  [0xd0, 0xd0, 'n'], // ref.null
  [0xd1, 0xd1, ''], // ref.is_null
  [0xd2, 0xd2, 'f'], // ref.func
]
/** The same of opcodes of two numbers, by the first. @type {Record<number, typeof PLAIN>} */
const PREFIXED = {
  // Conversions that saturate; memory and tables in bulk.
  252: [
    [0, 7, ''],
    [8, 8, 'nn'],
    [9, 9, 'n'],
    [10, 10, 'nn'],
    [11, 11, 'n'],
    [12, 12, 'nn'],
    [13, 13, 'n'],
    [14, 14, 'nn'],
    [15, 17, 'n'],
  ],
  // Vectors, and relaxed ones from 0x100 on.
  253: [
    [0, 11, 'm'],
    [12, 13, '88'],
    [14, 20, ''],
    [21, 34, '1'],
    [35, 83, ''],
    [84, 91, 'm1'],
    [92, 93, 'm'],
    [94, 0x113, ''],
  ],
  // Atomics.
  254: [
    [0, 2, 'm'],
    [3, 3, '1'],
    [0x10, 0x4e, 'm'],
  ],
}

/**
 * Goes past one instruction.
 *
 * @param {Reader} reader
 * @returns {number | undefined} where it names a function
 */
export function passInstruction(reader) {
  const start = reader.at
  const first = reader.byte()
  const prefixed = PREFIXED[first]
  const code = prefixed ? reader.number() : first
  const row = (prefixed ?? PLAIN).find(([least, most]) => least <= code && code <= most)
  if (!row) throw new Error(`at byte ${start} is no instruction that is known: ${first}, ${code}`)
  let place
  for (const follows of row[2]) {
    if (follows === 'f') place = reader.at
    if (follows === 'v') reader.numbers(reader.number())
    else if (follows === 'w') reader.numbers(reader.number() + 1)
    else if (follows === 'm') {
      // A bit of the alignment says that the number of a memory follows.
      if (reader.number() & 64) reader.number()
      reader.number()
    } else if (follows === 'n' || follows === 'f') reader.number()
    else reader.skip(Number(follows))
  }
  return place
}
