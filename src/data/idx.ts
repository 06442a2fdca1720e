/**
 * IDX, the format of the MNIST files (described at the foot of LeCun's MNIST page): two zero bytes,
 * a type (0x08 is unsigned byte), the rank, one big-endian uint32 a dimension, then the values in
 * row-major order.
 */

import { isBytes, kindOf } from '../check.js'
import { ArgumentError, DataError, ShapeError } from '../errors.js'
import { Tensor } from '../tensor/tensor.js'
import { isGzip } from './gunzip.js'

/** The content of an IDX file of unsigned bytes: `data` has as many bytes as `shape` has places. */
export interface IdxArray {
  /** For MNIST images [count, rows, columns], for labels [count]. */
  shape: number[]
  /** Values 0 to 255, row-major; a view of the file's bytes, not a copy. */
  data: Uint8Array
}

const UNSIGNED_BYTE = 0x08

const OTHER_TYPES = new Map([
  [0x09, 'signed byte'],
  [0x0b, 'int16'],
  [0x0c, 'int32'],
  [0x0d, 'float32'],
  [0x0e, 'float64'],
])

/**
 * Reads an IDX file of unsigned bytes, of any rank from 1, without copying its values.
 *
 * @param bytes the whole file, decompressed.
 * @param where names the file in errors.
 * @throws {ArgumentError} for what is no Uint8Array.
 * @throws {DataError} when the magic is another one (and says what the file looks like), or when the
 *   length is not the one that the header tells.
 */
export function parseIdx(bytes: Uint8Array, where = 'the given bytes'): IdxArray {
  if (!isBytes(bytes)) {
    const hint = (bytes as unknown) instanceof ArrayBuffer ? '; new Uint8Array(buffer) makes one of it' : ''
    throw new ArgumentError(`parseIdx: expected a file's bytes as a Uint8Array, got ${kindOf(bytes)}${hint}`)
  }
  if (typeof where !== 'string') {
    throw new ArgumentError(`parseIdx: where is the file's name, for errors, got ${kindOf(where)}`)
  }
  const rank = checkMagic(bytes, where)
  const headerBytes = 4 + 4 * rank
  if (bytes.length < headerBytes) {
    throw new DataError(
      `${where} is too short for an IDX header: it has ${bytes.length} bytes, and its ` +
        `${rank} dimensions alone take ${headerBytes}. Download or copy it again.`,
    )
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i))
  const size = shape.reduce((product, n) => product * n, 1)
  if (bytes.length !== headerBytes + size) {
    const wrong = bytes.length < headerBytes + size ? 'truncated' : 'too long'
    throw new DataError(
      `${where} is ${wrong}: its header tells the shape [${shape.join(', ')}], so it should have ` +
        `${headerBytes} + ${size} = ${headerBytes + size} bytes, and it has ${bytes.length}. ` +
        'Download or copy it again.',
    )
  }
  return { shape, data: bytes.subarray(headerBytes) }
}

/** The rank that the magic tells, once it is the magic of unsigned bytes. */
function checkMagic(bytes: Uint8Array, where: string): number {
  const [zero0, zero1, type, rank] = bytes
  if (zero0 === undefined || zero1 === undefined || type === undefined || rank === undefined) {
    const found = isGzip(bytes) ? 'the beginning of a gzip file' : `${bytes.length} bytes`
    throw new DataError(
      `${where} is too short for an IDX header: it has ${found}, and the magic number alone ` +
        'takes 4. Download or copy it again.',
    )
  }
  if (zero0 === 0 && zero1 === 0 && type === UNSIGNED_BYTE && rank > 0) return rank
  const magic = [zero0, zero1, type, rank].map((b) => b.toString(16).padStart(2, '0')).join('')
  throw new DataError(
    `${where} is no IDX file of unsigned bytes: ${whatItIs(bytes)} Its magic number is ` +
      `0x${magic}; expected 0x00000803 for images and 0x00000801 for labels.`,
  )
}

/** One or two sentences on what the bytes look like and what to do about it. */
function whatItIs(bytes: Uint8Array): string {
  if (isGzip(bytes)) return 'it is gzip. Decompress it first.'
  const start = String.fromCharCode(...bytes.subarray(0, 64)).trimStart()
  if (start.startsWith('<')) {
    return 'it is HTML or XML, probably an error page that a server sent. Download it again.'
  }
  const [zero0, zero1, type = 0, rank] = bytes
  if (zero0 !== 0 || zero1 !== 0) return 'it is something else. Check the path, or get it again.'
  const other = OTHER_TYPES.get(type)
  if (other) return `it is an IDX file of ${other}. Convert its values to unsigned bytes.`
  if (rank === 0) return 'its rank is 0. A data set has one dimension at least.'
  return `its type byte 0x${type.toString(16).padStart(2, '0')} is unknown. Get it again.`
}

/**
 * Checks that images and labels belong together: images [count, rows, columns], labels [count],
 * every label from 0 to `classes` − 1.
 *
 * @throws DataError on the first thing that is wrong, naming the file.
 */
export function checkMnistPair(
  images: IdxArray,
  labels: IdxArray,
  whereImages: string,
  whereLabels: string,
  classes = 10,
): void {
  checkRank(images, 3, '[count, rows, columns]', whereImages, 'images')
  checkRank(labels, 1, '[count]', whereLabels, 'labels')
  if (images.shape[0] !== labels.shape[0]) {
    throw new DataError(
      `${whereImages} has ${images.shape[0]} images and ${whereLabels} has ${labels.shape[0]} ` +
        'labels: there must be one label for each image. Check that both files are of one set.',
    )
  }
  const index = labels.data.findIndex((label) => label >= classes)
  if (index >= 0) {
    throw new DataError(
      `${whereLabels} has the label ${labels.data[index]} at index ${index}; expected labels ` +
        `from 0 to ${classes - 1}. Check that it is the labels' file, or get it again.`,
    )
  }
}

function checkRank(array: IdxArray, rank: number, dims: string, where: string, what: string): void {
  if (array.shape.length === rank) return
  throw new DataError(
    `${where} should hold ${what} of shape ${dims}, and its shape is ` +
      `[${array.shape.join(', ')}]. Check that images and labels were not swapped.`,
  )
}

/** Whether it counts something. */
export const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0

/** @throws {ArgumentError} for what is no array of bytes @throws {ShapeError} where shape and bytes do not fit */
export function checkIdx(name: string, what: string, array: unknown): asserts array is IdxArray {
  const hint = array instanceof Tensor ? '; for tensors there is data.TensorDataset' : ''
  if (typeof array !== 'object' || array === null || !('shape' in array) || !('data' in array)) {
    throw new ArgumentError(
      `${name}: ${what} are { shape, data } as data.parseIdx gives them, got ${kindOf(array)}${hint}`,
    )
  }
  const { shape, data } = array
  if (!Array.isArray(shape) || !shape.every(isSize)) {
    const given = Array.isArray(shape) ? `[${shape}]` : kindOf(shape)
    throw new ShapeError(`${name}: the shape of the ${what} is an array of whole numbers, got ${given}`)
  }
  if (!isBytes(data)) {
    throw new ArgumentError(`${name}: the data of the ${what} are a Uint8Array, got ${kindOf(data)}`)
  }
  const size = shape.reduce((product, n) => product * n, 1)
  if (size !== data.length) {
    throw new ShapeError(
      `${name}: the ${what} have shape [${shape}], so ${size} bytes, and their data are ${data.length}`,
    )
  }
}
