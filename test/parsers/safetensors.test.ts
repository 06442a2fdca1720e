/** Mutated safetensors files: read as a naive reader reads them, or refused with a typed error. */
import { readFileSync } from 'node:fs'
import { decodeMetadata, decodeState, encodeState, tensor } from 'simdgrad'
import { beforeAll, expect, it } from 'vitest'
import { fixturePath } from '../support/fixtures.js'
import { initForTest } from '../support/init.js'
import { CASES, mutated } from './mutate.js'
import { readsOrRefuses } from './reads-or-refuses.js'

beforeAll(initForTest)

/** The format in a few lines, which believes whatever it reads. */
function naive(bytes: Uint8Array): Map<string, { shape: number[]; values: number[] }> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const start = 8 + Number(view.getBigUint64(0, true))
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start)))
  const read: Record<string, [size: number, at: (i: number) => number]> = {
    F32: [4, (i) => view.getFloat32(i, true)],
    F64: [8, (i) => view.getFloat64(i, true)],
    I64: [8, (i) => Number(view.getBigInt64(i, true))],
    I32: [4, (i) => view.getInt32(i, true)],
    U8: [1, (i) => view.getUint8(i)],
    BOOL: [1, (i) => Number(view.getUint8(i) !== 0)],
  }
  const found = new Map<string, { shape: number[]; values: number[] }>()
  for (const [name, { dtype, shape, data_offsets: offsets }] of Object.entries<{
    dtype: string
    shape: number[]
    data_offsets: number[]
  }>(header)) {
    if (name === '__metadata__' || !read[dtype]) continue
    const [size, at] = read[dtype]
    const values: number[] = []
    for (let i = offsets[0]; i < offsets[1]; i += size) values.push(Math.fround(at(start + i)))
    found.set(name, { shape, values })
  }
  return found
}

it(`${CASES} of them`, () => {
  const own = encodeState(
    { 'a.weight': tensor([[1, 2, 3]]), 'a.num_batches_tracked': tensor([7]).reshape([]), e: tensor([]) },
    { metadata: { classes: ['x', 'y'], units: 'cm' } },
  )
  const files = [readFileSync(fixturePath('by-torch.safetensors')), own, own]
  return readsOrRefuses({
    inputs: mutated(files),
    parse(bytes) {
      const state = decodeState(bytes, 'the file')
      decodeMetadata(bytes)
      return state
    },
    check(state, bytes) {
      for (const [name, { shape, values }] of naive(bytes)) {
        expect(state[name].shape).toEqual(shape)
        expect([...state[name].toFloat32Array()]).toEqual(values)
        state[name].dispose()
      }
    },
    seed: 1,
  })
})
