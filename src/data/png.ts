/** PNG (https://www.w3.org/TR/png-3/), written without compression: for a look at what is small. */
import { crc32 } from '../bytes/crc32.js'

/** The most bytes of a stored block of deflate. */
const BLOCK = 65_535

/** Pixels of bytes, row by row, of one channel (grey) or three (red, green, blue). */
export interface Pixels {
  readonly width: number
  readonly height: number
  readonly channels: 1 | 3
  readonly data: Uint8Array
}

/** The bytes of a PNG file. */
export function encodePng({ width, height, channels, data }: Pixels): Uint8Array {
  const row = width * channels
  // Each row begins with its filter: none.
  const raw = new Uint8Array(height * (row + 1))
  for (let y = 0; y < height; y++) raw.set(data.subarray(y * row, (y + 1) * row), y * (row + 1) + 1)
  const header = new Uint8Array(13)
  const view = new DataView(header.buffer)
  view.setUint32(0, width)
  view.setUint32(4, height)
  header.set([8, channels === 1 ? 0 : 2, 0, 0, 0], 8)
  const parts = [chunk('IHDR', header), chunk('IDAT', stored(raw)), chunk('IEND', new Uint8Array())]
  return joined([Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10), ...parts])
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + data.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, data.length)
  for (let i = 0; i < 4; i++) bytes[4 + i] = type.charCodeAt(i)
  bytes.set(data, 8)
  view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)))
  return bytes
}

/** A zlib stream (RFC 1950) of stored blocks (RFC 1951, 3.2.4). */
function stored(raw: Uint8Array): Uint8Array {
  const blocks: Uint8Array[] = [Uint8Array.of(0x78, 0x01)]
  for (let at = 0; at < raw.length || at === 0; at += BLOCK) {
    const part = raw.subarray(at, at + BLOCK)
    const { length } = part
    const last = at + BLOCK >= raw.length ? 1 : 0
    blocks.push(Uint8Array.of(last, length & 255, length >> 8, ~length & 255, (~length >> 8) & 255), part)
  }
  let [a, b] = [1, 0]
  for (const byte of raw) {
    a = (a + byte) % 65_521
    b = (b + a) % 65_521
  }
  return joined([...blocks, Uint8Array.of(b >> 8, b & 255, a >> 8, a & 255)])
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
