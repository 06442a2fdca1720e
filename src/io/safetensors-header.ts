/**
 * The header of a safetensors file, checked as strictly as the reference implementation does
 * (safetensors/src/tensor.rs in huggingface/safetensors): 8 bytes with its length N, little-endian,
 * then N bytes of JSON, {"name": {"dtype", "shape", "data_offsets": [begin, end]}, …}, where
 * "__metadata__" may hold an object of strings, and the offsets count from the header's end.
 */
import { DataError } from '../errors.js'

/** Bytes a value of each dtype that is read. */
export const DTYPE_BYTES = { F32: 4, I64: 8, F64: 8, F16: 2, BF16: 2, I32: 4, U8: 1, BOOL: 1 }

/** What is read. F32 and I64 are written too. */
export type SafetensorsDtype = keyof typeof DTYPE_BYTES

/** The name in a header that is no tensor's. */
export const METADATA = '__metadata__'

/** The reference implementation's limit, in bytes. */
const LARGEST_HEADER = 100_000_000

/** A tensor's name, and where its bytes are after the header. */
export interface Place {
  name: string
  dtype: SafetensorsDtype
  shape: number[]
  begin: number
  end: number
}

/** A valid header; `start` is the offset of the first value in the file. */
export interface Header {
  start: number
  places: Place[]
  metadata: Record<string, string>
}

/**
 * Reads and checks the header of the whole file `bytes`; `where` names it in errors.
 *
 * @throws DataError on the first departure from the format.
 */
export function readHeader(bytes: Uint8Array, where: string): Header {
  const start = 8 + readHeaderLength(bytes, where)
  const { places, metadata } = parseHeader(bytes.subarray(8, start), where)
  checkPlaces(places, bytes.length - start, where)
  return { start, places, metadata }
}

function readHeaderLength(bytes: Uint8Array, where: string): number {
  if (bytes.length < 8) {
    throw new DataError(
      `${where} is no safetensors file: it has ${bytes.length} bytes, and the header's length ` +
        'alone takes 8. Copy or save it again.',
    )
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const length = view.getBigUint64(0, true)
  const available = Math.min(bytes.length - 8, LARGEST_HEADER)
  if (length <= available) return Number(length)
  const limit = available === LARGEST_HEADER ? 'more than the allowed' : 'but after it are'
  throw new DataError(
    `${where} is no safetensors file, or a truncated one: its first 8 bytes tell a header of ` +
      `${length} bytes, ${limit} ${available}. ${whatItIs(bytes)}`,
  )
}

/** A sentence on what the bytes look like and what to do about it. */
function whatItIs(bytes: Uint8Array): string {
  const start = String.fromCharCode(...bytes.subarray(0, 64)).trimStart()
  if (start.startsWith('<')) return 'It is HTML or XML, probably a page that a server sent.'
  if (start.startsWith('PK')) {
    return 'It is a zip, as torch.save writes: read it with loadPyTorch.'
  }
  if (start.startsWith('version https://git-lfs')) {
    return "It is a Git LFS pointer, not the file: fetch the file with 'git lfs pull'."
  }
  return 'Check the path, or copy or save it again.'
}

function parseHeader(bytes: Uint8Array, where: string): Omit<Header, 'start'> {
  const header = parseJson(bytes, where)
  const metadata: Record<string, string> = Object.create(null)
  const places: Place[] = []
  for (const [name, value] of Object.entries(header)) {
    if (name !== METADATA) {
      places.push(toPlace(name, value, where))
      continue
    }
    if (!isObject(value)) throw new DataError(`${where}: ${METADATA} must be an object of strings.`)
    for (const [key, text] of Object.entries(value)) {
      if (typeof text === 'string') metadata[key] = text
      else throw new DataError(`${where}: ${METADATA} must hold strings; ${quote(key)} is none.`)
    }
  }
  return { places, metadata }
}

function parseJson(bytes: Uint8Array, where: string): Record<string, unknown> {
  let header: unknown
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    header = JSON.parse(text)
    const twice = repeatedKey(text)
    if (twice !== undefined) {
      throw new DataError(`${where}: the safetensors header has the key ${quote(twice)} twice.`)
    }
  } catch (cause) {
    if (cause instanceof DataError) throw cause
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new DataError(
      `${where} has a safetensors header that is not JSON in UTF-8 (${why}). ${whatItIs(bytes)}`,
      { cause },
    )
  }
  if (isObject(header) && bytes[0] === 0x7b) return header
  throw new DataError(
    `${where} has a safetensors header that is not a JSON object beginning with '{'. ` +
      'Copy or save it again.',
  )
}

/** The first key that an object of this valid JSON has twice, which JSON.parse lets pass. */
function repeatedKey(text: string): string | undefined {
  const open: Set<string>[] = []
  for (const [token] of text.matchAll(/[{}]|"[^"\\]*(?:\\.[^"\\]*)*"(?:\s*:)?/g)) {
    if (token === '{') open.push(new Set())
    else if (token === '}') open.pop()
    else if (token.endsWith(':')) {
      const key = String(JSON.parse(token.slice(0, -1)))
      const keys = open.at(-1)
      if (keys?.has(key)) return key
      keys?.add(key)
    }
  }
  return undefined
}

function toPlace(name: string, value: unknown, where: string): Place {
  const at = `${where}: tensor ${quote(name)}`
  if (!isObject(value)) throw new DataError(`${at} is not described by an object in the header.`)
  const { dtype, shape, data_offsets: offsets } = value
  if (!isDtype(dtype)) {
    throw new DataError(
      `${at} has the dtype ${JSON.stringify(dtype)}; simdgrad reads ` +
        `${Object.keys(DTYPE_BYTES).join(', ')}. Convert it before saving.`,
    )
  }
  if (!isSizes(shape)) {
    throw new DataError(`${at} has the shape ${JSON.stringify(shape)}; expected sizes from 0.`)
  }
  const [begin, end, more] = isSizes(offsets) ? offsets : []
  if (begin === undefined || end === undefined || more !== undefined || begin > end) {
    throw new DataError(`${at} has the data_offsets ${JSON.stringify(offsets)}; expected [begin, end].`)
  }
  const size = shape.reduce((product, n) => product * n, DTYPE_BYTES[dtype])
  if (end - begin !== size) {
    throw new DataError(
      `${at} of shape [${shape.join(', ')}] and dtype ${dtype} takes ${size} bytes, and its ` +
        `data_offsets [${begin}, ${end}] hold ${end - begin}.`,
    )
  }
  return { name, dtype, shape, begin, end }
}

/** The places, in order, must cover the `length` bytes after the header exactly. */
function checkPlaces(places: Place[], length: number, where: string): void {
  let covered = 0
  for (const { name, begin, end } of places.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
    const at = `${where}: tensor ${quote(name)} at [${begin}, ${end}]`
    if (end > length) {
      throw new DataError(
        `${at} lies outside the file, which has ${length} bytes after its header: it is ` +
          'truncated. Copy or save it again.',
      )
    }
    if (begin < covered) throw new DataError(`${at} overlaps the one that ends at ${covered}.`)
    if (begin > covered) throw new DataError(`${at} leaves a hole after byte ${covered}.`)
    covered = end
  }
  if (covered !== length) {
    throw new DataError(
      `${where} has ${length - covered} bytes that belong to no tensor (its tensors end at ` +
        `${covered}, the file at ${length} after its header). Copy or save it again.`,
    )
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isDtype(value: unknown): value is SafetensorsDtype {
  return typeof value === 'string' && Object.hasOwn(DTYPE_BYTES, value)
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0)
}

function quote(name: string): string {
  return JSON.stringify(name)
}
