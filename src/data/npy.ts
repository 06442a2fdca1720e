/**
 * NumPy's .npy: the magic, a version, a header that is a Python dictionary, then the values.
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
import { fromHalf } from '../bytes/half.js'
import { isBytes, kindOf } from '../check.js'
import { ArgumentError, DataError } from '../errors.js'
import { fromValues } from '../tensor/create.js'
import { Tensor } from '../tensor/tensor.js'

const MAGIC = '\x93NUMPY'

/** Floats have every whole number up to this. */
const EXACT = 2 ** 24

/** Kinds of numbers that are read: how many bytes, and how one is read. */
const KINDS: Record<
  string,
  [bytes: number, read: (view: DataView, at: number, little: boolean) => number | bigint]
> = {
  f2: [2, (view, at, little) => fromHalf(view.getUint16(at, little))],
  f4: [4, (view, at, little) => view.getFloat32(at, little)],
  f8: [8, (view, at, little) => view.getFloat64(at, little)],
  i1: [1, (view, at) => view.getInt8(at)],
  i2: [2, (view, at, little) => view.getInt16(at, little)],
  i4: [4, (view, at, little) => view.getInt32(at, little)],
  i8: [8, (view, at, little) => view.getBigInt64(at, little)],
  u1: [1, (view, at) => view.getUint8(at)],
  u2: [2, (view, at, little) => view.getUint16(at, little)],
  u4: [4, (view, at, little) => view.getUint32(at, little)],
  u8: [8, (view, at, little) => view.getBigUint64(at, little)],
  b1: [1, (view, at) => Number(view.getUint8(at) !== 0)],
}

/** What a header tells. */
interface Header {
  kind: string
  little: boolean
  fortran: boolean
  shape: number[]
  /** Where the values begin. */
  start: number
}

const fail = (where: string, what: string) =>
  new DataError(`${where} ${what}. Write it again with numpy.save, or check that it is the right file.`)

function readHeader(bytes: Uint8Array, where: string): Header {
  const text = (from: number, to: number) => String.fromCharCode(...bytes.subarray(from, to))
  if (text(0, 6) !== MAGIC) throw fail(where, 'is no .npy file: it does not begin with \\x93NUMPY')
  const wide = bytes[6] > 1
  const begin = wide ? 12 : 10
  if (bytes.length < begin || bytes[6] < 1 || bytes[6] > 3) {
    throw fail(where, `is a .npy file that ends early, or of an unknown version (${bytes[6]})`)
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const start = begin + (wide ? view.getUint32(8, true) : view.getUint16(8, true))
  if (start > bytes.length || start > 65_536) throw fail(where, 'has a .npy header that does not fit')
  const header = text(begin, start)
  // Only what NumPy writes: no Python is evaluated.
  const fields =
    /^\{'descr': '([<>|=])([a-zA-Z]\d*)', 'fortran_order': (True|False), 'shape': \(((?:\d+,? ?)*)\),? ?\}\s*$/.exec(
      header,
    )
  if (!fields) {
    throw fail(
      where,
      `has a header that says no array of plain numbers: ${JSON.stringify(header.slice(0, 80))}`,
    )
  }
  const [, order, kind, fortran, sizes] = fields
  if (!Object.hasOwn(KINDS, kind)) {
    throw fail(
      where,
      `has values of type '${kind}', which no tensor takes (expected ${Object.keys(KINDS).join(', ')})`,
    )
  }
  const shape = (sizes.match(/\d+/g) ?? []).map(Number)
  return { kind, little: order !== '>', fortran: fortran === 'True', shape, start }
}

/** The values of an array, row-major, as they are stored; whole numbers of 64 bits must be exact. */
function readValues(
  bytes: Uint8Array,
  where: string,
): { values: Float64Array | Float32Array; shape: number[] } {
  const { kind, little, fortran, shape, start } = readHeader(bytes, where)
  const [width, read] = KINDS[kind]
  const size = shape.reduce((product, n) => product * n, 1)
  // Before anything is allocated.
  if (!Number.isSafeInteger(size) || start + size * width !== bytes.length) {
    throw fail(
      where,
      `should have ${size} values of ${width} bytes after its header, and it has ${bytes.length - start} bytes there`,
    )
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const values = kind === 'f4' || width < 4 ? new Float32Array(size) : new Float64Array(size)
  const place = fortran && shape.length > 1 ? transposed(shape) : undefined
  for (let i = 0; i < size; i++) {
    const value = Number(read(view, start + i * width, little))
    if (kind[0] !== 'f' && Math.abs(value) > EXACT) {
      throw new DataError(
        `${where} has the whole number ${value}, and float32 is exact up to ${EXACT} only. Subtract an offset, or save it as float32 yourself.`,
      )
    }
    values[place ? place(i) : i] = value
  }
  return { values, shape }
}

/** Where value i of column-major order lies in row-major order. */
function transposed(shape: readonly number[]): (i: number) => number {
  const strides = shape.map((_, dim) => shape.slice(dim + 1).reduce((product, n) => product * n, 1))
  return (i) => {
    let [rest, at] = [i, 0]
    for (const [dim, n] of shape.entries()) {
      at += (rest % n) * strides[dim]
      rest = Math.floor(rest / n)
    }
    return at
  }
}

/** @throws {ArgumentError} */
export function checkFileBytes(name: string, bytes: unknown): asserts bytes is Uint8Array {
  if (isBytes(bytes)) return
  const hint = bytes instanceof ArrayBuffer ? '; new Uint8Array(buffer) makes one of it' : ''
  throw new ArgumentError(`${name}: expected a file's bytes as a Uint8Array, got ${kindOf(bytes)}${hint}`)
}

/**
 * The tensor in a .npy file's bytes, as `numpy.save` writes them: float16 to float64, whole numbers of any size up to
 * 2²⁴ in value, and bool. Values are rounded to float32.
 *
 * @param bytes the whole file
 * @param where names the file in errors
 * @throws {ArgumentError} for what is no Uint8Array
 * @throws {DataError} for bytes that are none, end early, or hold what no tensor takes
 */
export function parseNpy(bytes: Uint8Array, where = 'the given bytes'): Tensor {
  checkFileBytes('parseNpy', bytes)
  const { values, shape } = readValues(bytes, where)
  return fromValues(values, shape)
}

/**
 * A tensor as the bytes of a .npy file, which `numpy.load` reads: float32, row-major.
 *
 * @param x of any shape
 * @throws {ArgumentError} for what is no tensor
 */
export function encodeNpy(x: Tensor): Uint8Array {
  if (!(x instanceof Tensor)) throw new ArgumentError(`encodeNpy: expected a tensor, got ${kindOf(x)}`)
  const sizes = x.shape.length === 1 ? `${x.shape[0]},` : x.shape.join(', ')
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${sizes}), }`
  // The values begin at a multiple of 64.
  const start = Math.ceil((10 + header.length + 1) / 64) * 64
  const values = x.toFloat32Array()
  const bytes = new Uint8Array(start + 4 * values.length)
  const view = new DataView(bytes.buffer)
  const text = `${MAGIC}\x01\x00\0\0${header.padEnd(start - 11)}\n`
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  view.setUint16(8, start - 10, true)
  for (const [i, value] of values.entries()) view.setFloat32(start + 4 * i, value, true)
  return bytes
}
