/**
 * A kernel call is a row of numbers in wasm memory: the kernel's number, a word for its result, then its
 * arguments. The generated functions write one; this file has what they share.
 */
import { OutOfMemoryError, SimdgradError } from '../errors.js'
import { type Instance, instance } from './instance.js'

/** Floats (or u32 words) in wasm memory. */
export interface Memory {
  readonly address: number
  /** Elements, of four bytes. */
  readonly length: number
  /** Counts what writes to it. */
  version: number
}

/** Bytes in wasm memory. */
export interface Bytes {
  readonly address: number
  readonly size: number
}

/** The dimensions of a broadcast or strided copy: the shape, then each operand's strides. */
export type Dimensions = readonly [shape: readonly number[], a: readonly number[], b: readonly number[]]

/** The crate's `Status`. */
const OUT_OF_MEMORY = 1

/** Words of the row's buffer. */
const WORDS = 256

let cached = new Float64Array(0)
let owner: Instance | undefined

/** Where to write a row; valid until the next call that may allocate. */
export function startRow(): Float64Array {
  const current = instance()
  const { buffer } = current.memory
  if (owner !== current || cached.buffer !== buffer) {
    cached = new Float64Array(buffer, current.kernels.row() >>> 0, WORDS)
    owner = current
  }
  return cached
}

/** Writes dimensions to a row, from word `at` on. */
export function writeDimensions(row: Float64Array, at: number, dimensions: Dimensions): void {
  row[at++] = dimensions[0].length
  for (const list of dimensions) for (const value of list) row[at++] = value
}

/** Runs the kernel of a row; gives the number that it gives. @throws where the row does not fit the kernel */
export function call(row: Float64Array, name: string): number {
  const { kernels } = instance()
  const status = kernels.run(row.byteOffset)
  if (status === OUT_OF_MEMORY) throw new OutOfMemoryError(`${name}: no scratch memory is left`)
  if (status !== 0) throw new SimdgradError(`${name}: an array or a number does not fit (status ${status})`)
  // A kernel may have let the memory grow.
  return (row.length > 0 ? row : startRow())[1]
}
