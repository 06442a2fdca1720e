/**
 * ZIP archives (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT), as far as .npz and .pt need them: entries
 * that are stored or deflated, without encryption, with an end of 32 or of 64 bits (ZIP64). What an archive says of its sizes is checked before anything
 * is allocated, and a check sum before anything is believed.
 */
import { DataError } from '../errors.js'
import { crc32 } from './crc32.js'

/** An entry: its name, and its bytes once they are asked for. */
export interface ZipEntry {
  readonly name: string
  readonly size: number
  read(): Promise<Uint8Array>
}

/** An entry, and where it lies in the archive. */
interface PlacedEntry extends ZipEntry {
  readonly from: number
  readonly to: number
}

const END = 0x06054b50
const END64 = 0x06064b50
const LOCATOR = 0x07064b50
const CENTRAL = 0x02014b50
const LOCAL = 0x04034b50
/** Deflate can't shrink data more (zlib.net/zlib_tech.html), so a larger size is a lie. */
const LARGEST_RATIO = 1032
const MOST_ENTRIES = 65_534

const broken = (where: string, what: string, cause?: unknown) =>
  new DataError(`${where} is no sound ZIP archive: ${what}. Download or write it again.`, { cause })

/** The entries of an archive, by its central directory. @throws {DataError} for what is no archive, or a broken one */
export function readZip(bytes: Uint8Array, where: string): ZipEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const { count, start, end } = findDirectory(view, where)
  const entries: PlacedEntry[] = []
  const names = new Set<string>()
  let at = start
  for (let i = 0; i < count; i++) {
    if (at + 46 > end || view.getUint32(at, true) !== CENTRAL)
      throw broken(where, `entry ${i} of its directory is damaged`)
    const [nameLength, extra, comment] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true))
    const next = at + 46 + nameLength + extra + comment
    if (next > end) throw broken(where, `entry ${i} of its directory is damaged`)
    const name = new TextDecoder().decode(bytes.slice(at + 46, at + 46 + nameLength))
    if (names.has(name)) throw broken(where, `it has the entry ${JSON.stringify(name)} twice`)
    names.add(name)
    entries.push(entryAt(bytes, view, at, name, start, where))
    at = next
  }
  if (at !== end) throw broken(where, 'its directory is longer than its entries')
  // Entries that share bytes are a bomb: each of them unpacks these again.
  const byPlace = entries.toSorted((a, b) => a.from - b.from)
  for (const [i, { name, from }] of byPlace.entries()) {
    const before = byPlace[i - 1]
    if (before && from < before.to)
      throw broken(where, `its entry ${JSON.stringify(name)} lies over ${JSON.stringify(before.name)}`)
  }
  return entries
}

/** Where the central directory begins and ends, and how many entries it has. */
interface Directory {
  count: number
  start: number
  end: number
}

/** By the record at the end, behind which there may be a comment; or by the one of 64 bits before it. */
function findDirectory(view: DataView, where: string): Directory {
  const end = findEnd(view, where)
  const locator = end - 20
  if (locator >= 56 && view.getUint32(locator, true) === LOCATOR) return directory64(view, locator, where)
  const [count, size, start] = [
    view.getUint16(end + 10, true),
    view.getUint32(end + 12, true),
    view.getUint32(end + 16, true),
  ]
  if (count > MOST_ENTRIES || start + size !== end)
    throw broken(where, 'its directory does not lie where its end says')
  return { count, start, end }
}

function directory64(view: DataView, locator: number, where: string): Directory {
  const end = uint64(view, locator + 8)
  if (
    end + 56 > locator ||
    view.getUint32(end, true) !== END64 ||
    end + 12 + uint64(view, end + 4) !== locator
  )
    throw broken(where, 'its ZIP64 end does not lie where it says')
  const [count, size, start] = [uint64(view, end + 32), uint64(view, end + 40), uint64(view, end + 48)]
  if (start + size !== end) throw broken(where, 'its directory does not lie where its end says')
  return { count, start, end }
}

/** A number of 64 bits; one that no offset can be comes out too large. */
function uint64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32
}

/** Where the end record lies: behind it there may be a comment. */
function findEnd(view: DataView, where: string): number {
  const last = view.byteLength - 22
  for (let at = last; at >= Math.max(0, last - 65_535); at--) {
    if (view.getUint32(at, true) === END && at + 22 + view.getUint16(at + 20, true) === view.byteLength)
      return at
  }
  throw broken(where, 'it has no end of a directory')
}

/** Sizes and place of an entry: where 32 bits do not do, those of 64 are in its extra field. */
function placeOf(view: DataView, at: number): [packed: number, size: number, local: number] {
  const small = [24, 20, 42].map((offset) => view.getUint32(at + offset, true))
  const [nameLength, extra] = [28, 30].map((offset) => view.getUint16(at + offset, true))
  const begin = at + 46 + nameLength
  for (let field = begin; field + 4 <= begin + extra; field += 4 + view.getUint16(field + 2, true)) {
    if (view.getUint16(field, true) !== 1) continue
    const end = Math.min(begin + extra, field + 4 + view.getUint16(field + 2, true))
    let next = field + 4
    for (const [i, value] of small.entries()) {
      if (value !== 0xffffffff || next + 8 > end) continue
      small[i] = uint64(view, next)
      next += 8
    }
  }
  return [small[1], small[0], small[2]]
}

function entryAt(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  name: string,
  directory: number,
  where: string,
): PlacedEntry {
  const [flags, method] = [8, 10].map((offset) => view.getUint16(at + offset, true))
  const crc = view.getUint32(at + 16, true)
  const [packed, size, local] = placeOf(view, at)
  const called = `its entry ${JSON.stringify(name)}`
  if (flags & 1) throw broken(where, `${called} is encrypted`)
  if (method !== 0 && method !== 8)
    throw broken(where, `${called} is packed by method ${method}, and 0 and 8 are read`)
  if (local + 30 > directory || view.getUint32(local, true) !== LOCAL)
    throw broken(where, `${called} is not there`)
  const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true)
  if (start + packed > directory) throw broken(where, `${called} ends past the archive`)
  if (method === 0 ? size !== packed : size > packed * LARGEST_RATIO) {
    throw broken(where, `${called} says a size of ${size} for ${packed} bytes`)
  }
  return {
    name,
    size,
    from: local,
    to: start + packed,
    async read() {
      const data = bytes.subarray(start, start + packed)
      const whole = method === 0 ? data : await inflate(data, size, `${where}: ${called}`)
      if (crc32(whole) !== crc) throw broken(where, `${called} fails its check sum`)
      return whole
    },
  }
}

/** Inflates into an array of the size that was told, and no more. */
async function inflate(packed: Uint8Array, size: number, where: string): Promise<Uint8Array> {
  const output = new Uint8Array(size)
  let length = 0
  try {
    const stream = new Blob([packed.slice()]).stream().pipeThrough(new DecompressionStream('deflate-raw'))
    const reader = stream.getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      if (length + value.length > size) {
        await reader.cancel().catch(() => {})
        throw new Error('it is larger than it says')
      }
      output.set(value, length)
      length += value.length
    }
  } catch (cause) {
    throw broken(
      where,
      cause instanceof Error && cause.message ? cause.message : 'it does not inflate',
      cause,
    )
  }
  if (length !== size) throw broken(where, 'it is smaller than it says')
  return output
}

/** An archive of these entries, stored as they are. */
export function writeZip(entries: readonly (readonly [name: string, bytes: Uint8Array])[]): Uint8Array {
  const encoded = entries.map(([name, bytes]) => ({
    name: new TextEncoder().encode(name),
    bytes,
    crc: crc32(bytes),
  }))
  const sizes = encoded.map(({ name, bytes }) => 30 + name.length + bytes.length + 46 + name.length)
  const total = 22 + sizes.reduce((sum, size) => sum + size, 0)
  if (total >= 2 ** 32 || entries.length > MOST_ENTRIES) {
    throw new DataError(`these arrays take ${total} bytes, and a ZIP archive has at most 4 GB; write several`)
  }
  const archive = new Uint8Array(total)
  const view = new DataView(archive.buffer)
  const fields = (at: number, name: Uint8Array, bytes: Uint8Array, crc: number) => {
    view.setUint16(at, 20, true)
    view.setUint16(at + 2, 0x0800, true) // Names are UTF-8.
    view.setUint32(at + 6, 0x00210000, true) // 1980-01-01: the same bytes whenever.
    view.setUint32(at + 10, crc, true)
    view.setUint32(at + 14, bytes.length, true)
    view.setUint32(at + 18, bytes.length, true)
    view.setUint16(at + 22, name.length, true)
  }
  let at = 0
  const places = encoded.map(({ name, bytes, crc }) => {
    const place = at
    view.setUint32(at, LOCAL, true)
    fields(at + 4, name, bytes, crc)
    archive.set(name, at + 30)
    archive.set(bytes, at + 30 + name.length)
    at += 30 + name.length + bytes.length
    return place
  })
  const directory = at
  for (const [i, { name, bytes, crc }] of encoded.entries()) {
    view.setUint32(at, CENTRAL, true)
    view.setUint16(at + 4, 20, true)
    fields(at + 6, name, bytes, crc)
    view.setUint32(at + 42, places[i], true)
    archive.set(name, at + 46)
    at += 46 + name.length
  }
  view.setUint32(at, END, true)
  view.setUint16(at + 8, encoded.length, true)
  view.setUint16(at + 10, encoded.length, true)
  view.setUint32(at + 12, at - directory, true)
  view.setUint32(at + 16, directory, true)
  return archive
}
