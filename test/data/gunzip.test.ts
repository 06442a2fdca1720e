import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { gunzip, isGzip } from '../../src/data/gunzip.js'
import { DataError } from '../../src/errors.js'

/** Bytes that gzip can't shrink much, so that there are many chunks. */
function noise(length: number): Uint8Array {
  let state = 1
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 24
  })
}

describe('gunzip', () => {
  it.each([0, 1, 65_536, 300_001])('gives %i bytes back', async (length) => {
    const bytes = noise(length)
    const back = await gunzip(gzipSync(bytes), 'f.gz')
    expect(back.length).toBe(length)
    expect(Buffer.compare(back, bytes)).toBe(0)
  })

  it('gives much smaller and shared bytes back', async () => {
    const small = gzipSync(new Uint8Array(2_000_000))
    const shared = new Uint8Array(new SharedArrayBuffer(small.length))
    shared.set(small)
    expect((await gunzip(shared, 'f.gz')).length).toBe(2_000_000)
  })

  it('refuses two joined files', async () => {
    const joined = Buffer.concat([gzipSync(noise(1000)), gzipSync(noise(10))])
    await expect(gunzip(joined, 'f.gz')).rejects.toThrow(DataError)
  })

  it('refuses a bomb before it is unpacked: no more than the end tells', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000))
    bomb.writeUInt32LE(1000, bomb.length - 4)
    await expect(gunzip(bomb, 'f.gz')).rejects.toThrow(/holds more than the 1000 bytes that its end tells/)
  })

  it('tells gzip by its content', async () => {
    expect(isGzip(gzipSync('x'))).toBe(true)
    expect(isGzip(new Uint8Array([0x1f]))).toBe(false)
    expect(isGzip(new TextEncoder().encode('<html>'))).toBe(false)
    await expect(gunzip(noise(100), 'f.gz')).rejects.toThrow('f.gz is no gzip file')
  })

  const file = gzipSync(noise(200_000))
  const flipped = (at: number): Uint8Array => file.map((byte, i) => (i === at ? byte ^ 1 : byte))
  it.each([
    ['cut in the header', file.subarray(0, 9)],
    ['cut in the data', file.subarray(0, 100_000)],
    ['cut in the trailer', file.subarray(0, -1)],
    ['corrupt in the data', flipped(100_000)],
    ['corrupt in the checksum', flipped(file.length - 8)],
    ['with another size in the trailer', flipped(file.length - 1)],
  ])('refuses a file %s', async (_, bytes) => {
    const result = gunzip(bytes, 'f.gz')
    await expect(result).rejects.toThrow(DataError)
    await expect(result).rejects.toThrow(/^f\.gz is a truncated or corrupt gzip file/)
  })
})
