/** Mutated IDX, CIFAR and gzip files: read as a naive reader reads them, or refused with a typed error. */
import { gunzipSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { data } from 'simdgrad'
import { expect, it } from 'vitest'
import { gunzip } from '../../src/data/gunzip.js'
import { CASES, mutated } from './mutate.js'
import { readsOrRefuses } from './reads-or-refuses.js'

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

it(`${CASES} IDX files`, () =>
  readsOrRefuses({
    inputs: mutated([idx(3, 4, 5), idx(7), idx(2, 0, 3)]),
    parse: (bytes) => data.parseIdx(bytes, 'the file'),
    check({ shape, data }, bytes) {
      const view = new DataView(bytes.buffer, bytes.byteOffset)
      expect(shape).toEqual(Array.from({ length: bytes[3] }, (_, i) => view.getUint32(4 + 4 * i)))
      expect([...data]).toEqual([...bytes.subarray(4 + 4 * shape.length)])
      expect(data.length).toBe(shape.reduce((a, b) => a * b, 1))
    },
    seed: 3,
  }))

it(`${Math.ceil(CASES / 10)} CIFAR files`, () =>
  readsOrRefuses({
    inputs: fc.tuple(mutated([cifar(1, 1), cifar(1, 2)]), fc.constantFrom<10 | 100>(10, 100)),
    parse: ([bytes, classes]) => data.parseCifar(bytes, { classes }, 'the file'),
    check({ images, labels }, [bytes, classes]) {
      const labelBytes = classes === 10 ? 1 : 2
      expect(bytes.length).toBe(labels.data.length * (labelBytes + 3072))
      expect(labels.data[0]).toBe(bytes[labelBytes - 1])
      expect(labels.data[0]).toBeLessThan(classes)
      expect(Buffer.compare(images.data, bytes.subarray(labelBytes))).toBe(0)
    },
    seed: 4,
    cases: Math.ceil(CASES / 10),
    fewest: { good: 0, refused: 0 },
  }))

it(`${CASES} gzip files`, () =>
  readsOrRefuses({
    inputs: mutated([
      gzipSync(idx(5, 6, 7)),
      gzipSync(Buffer.from('a'.repeat(5000))),
      gzipSync(Buffer.alloc(0)),
    ]),
    parse: (bytes) => gunzip(bytes, 'the file'),
    check: (content, bytes) => expect(Buffer.compare(content, gunzipSync(bytes))).toBe(0),
    seed: 5,
  }))
