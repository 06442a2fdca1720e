/** Mutated .npy and .npz files: read as a naive reader reads them, or refused with a typed error. */
import { readFileSync } from 'node:fs'
import { data } from 'simdgrad'
import { beforeAll, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'
import { CASES, mutated } from './mutate.js'
import { readsOrRefuses } from './reads-or-refuses.js'

beforeAll(initForTest)

const fixture = JSON.parse(readFileSync(new URL('../fixtures/numpy.json', import.meta.url), 'utf8')) as {
  npy: Record<string, { bytes: string; values: (number | string)[] }>
  npz: Record<string, string>
  x: number[]
  y: number[]
}
const bytesOf = (base64: string) => new Uint8Array(Buffer.from(base64, 'base64'))

it(`${CASES} .npy files`, () => {
  const kinds = ['<f4', '>f4', '<f8', '<i2', '|u1', 'column-major', 'vector', 'scalar', '<f2', '<i8']
  return readsOrRefuses({
    inputs: mutated(kinds.map((kind) => bytesOf(fixture.npy[kind].bytes))),
    parse: (bytes) => data.parseNpy(bytes, 'the file'),
    check(x, bytes) {
      // Believes whatever it reads, in whatever order.
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      const start = bytes[6] > 1 ? 12 + view.getUint32(8, true) : 10 + view.getUint16(8, true)
      const header = new TextDecoder('latin1').decode(bytes.subarray(10, start))
      const [, order, letter, width] = /'descr': '([<>|=])([a-z])(\d)'/.exec(header) ?? []
      const little = order !== '>'
      const read: Record<string, (at: number) => number> = {
        f4: (at) => view.getFloat32(at, little),
        f8: (at) => view.getFloat64(at, little),
        i1: (at) => view.getInt8(at),
        i2: (at) => view.getInt16(at, little),
        i4: (at) => view.getInt32(at, little),
        i8: (at) => Number(view.getBigInt64(at, little)),
        u1: (at) => view.getUint8(at),
        u2: (at) => view.getUint16(at, little),
        u4: (at) => view.getUint32(at, little),
        u8: (at) => Number(view.getBigUint64(at, little)),
      }
      const of = read[letter + width]
      if (of && header.includes("'fortran_order': False")) {
        const values: number[] = []
        for (let at = start; at < bytes.length; at += Number(width)) values.push(Math.fround(of(at)))
        expect([...x.toFloat32Array()]).toEqual(values)
      }
      x.dispose()
    },
    seed: 6,
  })
})

it(`${CASES} .npz files`, () =>
  readsOrRefuses({
    inputs: mutated([...Object.values(fixture.npz).map(bytesOf)]),
    parse: (bytes) => data.parseNpz(bytes, 'the file'),
    check(tensors) {
      // Their sums say that the values are those that were written; names have none.
      const values = Object.values(tensors).map((x) => [...x.toFloat32Array()])
      expect(values.every((one) => [String(fixture.x), String(fixture.y)].includes(String(one)))).toBe(true)
      for (const x of Object.values(tensors)) x.dispose()
      expect(Object.getPrototypeOf(tensors)).toBeNull()
    },
    seed: 7,
  }))

it('a bomb is refused before it is unpacked', async () => {
  const whole = bytesOf(fixture.npz.compressed)
  const view = new DataView(whole.buffer)
  // The first entry of the directory says 4 GB.
  for (let at = 0; at + 4 < whole.length; at++) {
    if (view.getUint32(at, true) === 0x02014b50) {
      view.setUint32(at + 24, 0xfffffff0, true)
      break
    }
  }
  await expect(data.parseNpz(whole)).rejects.toThrow(/says a size of 4294967280/)
})
