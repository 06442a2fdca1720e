/**
 * The safetensors format (https://huggingface.co/docs/safetensors): a JSON header that gives each
 * tensor's dtype, shape and place (safetensors-header.ts), then the values, little-endian and
 * row-major, without a hole.
 *
 * Written as the reference implementation does: the wider dtype first and names in order within
 * one, so that every tensor is aligned, which PyTorch needs to read a file; the header is padded
 * with spaces to 8 bytes. The same tensors give the same bytes, in whatever order they come.
 */
import { fromBrainFloat, fromHalf } from '../bytes/half.js'
import { ArgumentError } from '../errors.js'
import { DTYPE_BYTES, METADATA, readHeader, type SafetensorsDtype } from './safetensors-header.js'

export type { SafetensorsDtype } from './safetensors-header.js'

/** One tensor: `data` has as many values as `shape` has places; a scalar's shape is []. */
export interface SafetensorsEntry {
  /** The dtype in the file; `data` holds the values as float32 whatever it is. */
  dtype: SafetensorsDtype
  shape: number[]
  data: Float32Array
}

/** A file's tensors by name (objects without a prototype, so that any name is safe). */
export interface SafetensorsFile {
  entries: Record<string, SafetensorsEntry>
  metadata: Record<string, string>
}

/**
 * Reads a safetensors file. Values of every dtype become float32: F64 is rounded, and so are I64
 * and I32 beyond ±2^24, where float32 holds no longer every integer.
 *
 * @param bytes the whole file; it is copied from, not kept.
 * @param where names the file in errors.
 * @throws DataError when anything departs from the format: the header's length, its JSON, a key
 *   that comes twice, a dtype that is not read, offsets that overlap, leave a hole, lie outside
 *   the file or do not fit the shape.
 */
export function decodeSafetensors(bytes: Uint8Array, where: string): SafetensorsFile {
  const { start, places, metadata } = readHeader(bytes, where)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const entries: Record<string, SafetensorsEntry> = Object.create(null)
  for (const { name, dtype, shape, begin, end } of places) {
    const size = DTYPE_BYTES[dtype]
    const read = READ[dtype]
    const data =
      dtype === 'F32' && LITTLE_ENDIAN
        ? new Float32Array(copyOf(bytes, start + begin, start + end))
        : Float32Array.from({ length: (end - begin) / size }, (_, i) => read(view, start + begin + i * size))
    entries[name] = { dtype, shape, data }
  }
  return { entries, metadata }
}

/**
 * The bytes of a safetensors file.
 *
 * @param entries the tensors by name, each marked F32 or I64 (I64 needs whole numbers).
 * @param metadata strings that the file carries along.
 * @throws ArgumentError naming the tensor: another dtype, a shape that does not fit the data, an
 *   I64 value that is no whole number, or a name that the format can't hold.
 */
export function encodeSafetensors(
  entries: Record<string, SafetensorsEntry>,
  metadata: Record<string, string> = {},
): Uint8Array {
  const tensors = Object.entries(entries)
    .map(([name, entry]) => ({ name, entry, size: checkedBytes(name, entry) }))
    .sort((a, b) => DTYPE_BYTES[b.entry.dtype] - DTYPE_BYTES[a.entry.dtype] || compareNames(a.name, b.name))
  let end = 0
  const fields = tensors.map(({ name, entry: { dtype, shape }, size }) => {
    end += size
    return field(name, { dtype, shape, data_offsets: [end - size, end] })
  })
  const strings = Object.entries(metadata).sort(([a], [b]) => compareNames(a, b))
  if (strings.length > 0) {
    fields.unshift(`"${METADATA}":{${strings.map(([key, text]) => field(key, text)).join()}}`)
  }
  const header = new TextEncoder().encode(`{${fields.join()}}`)
  const headerLength = Math.ceil(header.length / 8) * 8

  const file = new Uint8Array(8 + headerLength + end)
  new DataView(file.buffer).setBigUint64(0, BigInt(headerLength), true)
  file.fill(0x20, 8, 8 + headerLength)
  file.set(header, 8)
  let at = 8 + headerLength
  for (const { name, entry, size } of tensors) {
    file.set(entryBytes(name, entry), at)
    at += size
  }
  return file
}

/**
 * The values of one tensor as they are written: little-endian float32, which may be `data`'s own bytes, or int64 when it
 * is marked so.
 *
 * @throws ArgumentError when an I64 value is no whole number or beyond int64.
 */
export function entryBytes(
  name: string,
  { dtype, data }: Pick<SafetensorsEntry, 'dtype' | 'data'>,
): Uint8Array {
  if (dtype !== 'I64' && LITTLE_ENDIAN) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  const size = dtype === 'I64' ? 8 : 4
  const view = new DataView(new ArrayBuffer(size * data.length))
  for (const [i, value] of data.entries()) {
    if (dtype !== 'I64') {
      view.setFloat32(i * size, value, true)
    } else if (Number.isInteger(value) && value >= -(2 ** 63) && value < 2 ** 63) {
      view.setBigInt64(i * size, BigInt(value), true)
    } else {
      throw new ArgumentError(
        `tensor ${JSON.stringify(name)} is marked I64 and holds ${value} at index ${i}; ` +
          'expected whole numbers within int64. Mark it F32.',
      )
    }
  }
  return new Uint8Array(view.buffer)
}

/** As machines are, almost all. */
const LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1

/** (A Buffer's own `slice` copies nothing.) */
function copyOf(bytes: Uint8Array, begin: number, end: number): ArrayBuffer {
  const copy = new Uint8Array(end - begin)
  copy.set(bytes.subarray(begin, end))
  return copy.buffer
}

/**
 * Orders names by code point, which is the order of their UTF-8 bytes, of Python's `sorted` and of
 * the reference implementation. (JavaScript's own order differs beyond U+FFFF.)
 */
export function compareNames(a: string, b: string): number {
  for (let i = 0; i < a.length && i < b.length; ) {
    const [pointA = 0, pointB = 0] = [a.codePointAt(i), b.codePointAt(i)]
    if (pointA !== pointB) return pointA - pointB
    i += pointA > 0xffff ? 2 : 1
  }
  return a.length - b.length
}

/** The tensor's size in the file, once it can be written. */
function checkedBytes(name: string, { dtype, shape, data }: SafetensorsEntry): number {
  const at = `tensor ${JSON.stringify(name)}`
  if (name === METADATA) throw new ArgumentError(`${at}: this name is the format's own. Rename it.`)
  if (dtype !== 'F32' && dtype !== 'I64') {
    throw new ArgumentError(`${at} has the dtype ${dtype}; only F32 and I64 are written. Mark it F32.`)
  }
  const isSize = (n: number): boolean => Number.isSafeInteger(n) && n >= 0
  if (!shape.every(isSize) || shape.reduce((product, n) => product * n, 1) !== data.length) {
    throw new ArgumentError(
      `${at} has the shape [${shape.join(', ')}] and ${data.length} values; expected as many ` +
        "values as the shape's product.",
    )
  }
  return DTYPE_BYTES[dtype] * data.length
}

/** A key and value of JSON. */
function field(key: string, value: unknown): string {
  // A lone surrogate has no UTF-8, and other readers refuse its escape.
  if (/\p{Surrogate}/u.test(`${key}${typeof value === 'string' ? value : ''}`)) {
    throw new ArgumentError(`${JSON.stringify(key)} has a lone surrogate, which UTF-8 can't hold.`)
  }
  return `${JSON.stringify(key)}:${JSON.stringify(value)}`
}

const READ: Record<SafetensorsDtype, (view: DataView, at: number) => number> = {
  F32: (view, at) => view.getFloat32(at, true),
  I64: (view, at) => Number(view.getBigInt64(at, true)),
  F64: (view, at) => view.getFloat64(at, true),
  F16: (view, at) => fromHalf(view.getUint16(at, true)),
  BF16: (view, at) => fromBrainFloat(view.getUint16(at, true)),
  I32: (view, at) => view.getInt32(at, true),
  U8: (view, at) => view.getUint8(at),
  BOOL: (view, at) => (view.getUint8(at) === 0 ? 0 : 1),
}
