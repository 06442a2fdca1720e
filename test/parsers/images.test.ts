/** Mutated IDX, CIFAR and gzip files: read as a naive reader reads them, or refused with a typed error. */
import { gunzipSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { DataError, data } from 'simdgrad'
import { expect, it } from 'vitest'
import { gunzip } from '../../src/data/gunzip.js'
import { CASES, mutated } from './mutate.js'

/** An IDX file of bytes. */
function idx(...shape: number[]): Uint8Array {
  const size = shape.reduce((a, b) => a * b, 1)
  const header = new Uint8Array(4 + 4 * shape.length)
  header.set([0, 0, 8, shape.length])
  for (const [i, n] of shape.entries()) new DataView(header.buffer).setUint32(4 + 4 * i, n)
  return Uint8Array.from([...header, ...Array.from({ length: size }, (_, i) => i % 10)])
}

/** Records of CIFAR. */
function cifar(count: number, labelBytes: number): Uint8Array {
  return Uint8Array.from({ length: count * (labelBytes + 3072) }, (_, i) => {
    const at = i % (labelBytes + 3072)
    return at < labelBytes ? i % 10 : i % 256
  })
}

it(`${CASES} IDX files`, () => {
  let [good, refused] = [0, 0]
  fc.assert(
    fc.property(mutated([idx(3, 4, 5), idx(7), idx(2, 0, 3)]), (bytes) => {
      let array: data.IdxArray
      try {
        array = data.parseIdx(bytes, 'the file')
      } catch (error) {
        refused++
        expect(error).toBeInstanceOf(DataError)
        expect((error as Error).message).toContain('the file')
        return
      }
      good++
      const { shape } = array
      const view = new DataView(bytes.buffer, bytes.byteOffset)
      expect(shape).toEqual(Array.from({ length: bytes[3] }, (_, i) => view.getUint32(4 + 4 * i)))
      expect([...array.data]).toEqual([...bytes.subarray(4 + 4 * shape.length)])
      expect(array.data.length).toBe(shape.reduce((a, b) => a * b, 1))
    }),
    { numRuns: CASES, seed: 3 },
  )
  expect(good).toBeGreaterThan(CASES / 50)
  expect(refused).toBeGreaterThan(CASES / 4)
})

it(`${Math.ceil(CASES / 10)} CIFAR files`, () => {
  let [good, refused] = [0, 0]
  fc.assert(
    fc.property(mutated([cifar(1, 1), cifar(1, 2)]), fc.constantFrom<10 | 100>(10, 100), (bytes, classes) => {
      let parsed: ReturnType<typeof data.parseCifar>
      try {
        parsed = data.parseCifar(bytes, { classes }, 'the file')
      } catch (error) {
        refused++
        expect(error).toBeInstanceOf(DataError)
        expect((error as Error).message).toContain('the file')
        return
      }
      good++
      const labelBytes = classes === 10 ? 1 : 2
      const { images, labels } = parsed
      expect(bytes.length).toBe(labels.data.length * (labelBytes + 3072))
      expect(labels.data[0]).toBe(bytes[labelBytes - 1])
      expect(labels.data[0]).toBeLessThan(classes)
      expect(Buffer.compare(images.data, bytes.subarray(labelBytes))).toBe(0)
    }),
    { numRuns: Math.ceil(CASES / 10), seed: 4 },
  )
  expect(good).toBeGreaterThan(0)
  expect(refused).toBeGreaterThan(0)
})

it(`${CASES} gzip files`, async () => {
  const files = [gzipSync(idx(5, 6, 7)), gzipSync(Buffer.from('a'.repeat(5000))), gzipSync(Buffer.alloc(0))]
  let [good, refused] = [0, 0]
  await fc.assert(
    fc.asyncProperty(mutated(files), async (bytes) => {
      let content: Uint8Array
      try {
        content = await gunzip(bytes, 'the file')
      } catch (error) {
        refused++
        expect(error).toBeInstanceOf(DataError)
        expect((error as Error).message).toContain('the file')
        return
      }
      good++
      expect(Buffer.compare(content, gunzipSync(bytes))).toBe(0)
    }),
    { numRuns: CASES, seed: 5 },
  )
  expect(good).toBeGreaterThan(CASES / 50)
  expect(refused).toBeGreaterThan(CASES / 4)
})
