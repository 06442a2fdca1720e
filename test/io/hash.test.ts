import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { ArgumentError } from '../../src/errors.js'
import { sha256Hex, weightsHash } from '../../src/io/hash.js'
import { decodeSafetensors, encodeSafetensors, type SafetensorsEntry } from '../../src/io/safetensors.js'

const entries: Record<string, SafetensorsEntry> = {
  'bn.weight': { dtype: 'F32', shape: [2], data: Float32Array.of(1.5, -0) },
  'bn.num_batches_tracked': { dtype: 'I64', shape: [], data: Float32Array.of(7) },
}

describe('sha256Hex', () => {
  it("gives the standard's answers, however the bytes are cut", async () => {
    const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
    const text = new TextEncoder().encode('abc')
    expect(await sha256Hex([text])).toBe(abc)
    expect(await sha256Hex([text.subarray(0, 1), new Uint8Array(0), text.subarray(1)])).toBe(abc)
    expect(await sha256Hex([])).toMatch(/^e3b0c44298fc1c14/)
  })
})

describe('weightsHash', () => {
  it('is what its docstring says', async () => {
    const hash = createHash('sha256')
    hash.update('bn.num_batches_tracked\0\0').update(Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0))
    hash.update('bn.weight\x002\0').update(Uint8Array.of(0, 0, 0xc0, 0x3f, 0, 0, 0, 0x80))
    expect(await weightsHash(entries)).toBe(hash.digest('hex'))
  })

  it('is the same for a saved file read back, and in another order', async () => {
    const expected = await weightsHash(entries)
    const { entries: back } = decodeSafetensors(encodeSafetensors(entries), 'f')
    expect(await weightsHash(back)).toBe(expected)
    expect(await weightsHash(Object.fromEntries(Object.entries(entries).reverse()))).toBe(expected)
  })

  it('takes num_batches_tracked as int64 whatever it was marked', async () => {
    const count: SafetensorsEntry = { dtype: 'F32', shape: [], data: Float32Array.of(7) }
    expect(await weightsHash({ ...entries, 'bn.num_batches_tracked': count })).toBe(
      await weightsHash(entries),
    )
    const fraction = { ...count, data: Float32Array.of(0.5) }
    await expect(weightsHash({ num_batches_tracked: fraction })).rejects.toThrow(ArgumentError)
  })

  it('tells a changed name, value or bit apart', async () => {
    const weight = (...values: number[]): SafetensorsEntry => {
      return { dtype: 'F32', shape: [2], data: Float32Array.from(values) }
    }
    const hashes = await Promise.all([
      weightsHash({ w: weight(1, 0) }),
      weightsHash({ v: weight(1, 0) }),
      weightsHash({ w: weight(0, 1) }),
      weightsHash({ w: weight(1, -0) }),
      weightsHash({ w: weight(1 + 2 ** -23, 0) }),
    ])
    expect(new Set(hashes).size).toBe(5)
  })

  it('tells shapes apart, and names from what follows them', async () => {
    const entry = (shape: number[], ...values: number[]): SafetensorsEntry => {
      return { dtype: 'F32', shape, data: Float32Array.from(values) }
    }
    const six = [1, 2, 3, 4, 5, 6]
    const hashes = await Promise.all([
      weightsHash({ w: entry([2, 3], ...six) }),
      weightsHash({ w: entry([3, 2], ...six) }),
      weightsHash({ w: entry([6], ...six) }),
      weightsHash({ w: entry([1, 6], ...six) }),
      weightsHash({ w: entry([], 1) }),
      weightsHash({ w: entry([1], 1) }),
      // Without a value, what is left are name and shape.
      weightsHash({ a: entry([0]), b: entry([0]) }),
      weightsHash({ ab: entry([0]) }),
      weightsHash({ w: entry([12, 0]) }),
      weightsHash({ w: entry([1, 20, 0]) }),
    ])
    expect(new Set(hashes).size).toBe(hashes.length)
  })
})
