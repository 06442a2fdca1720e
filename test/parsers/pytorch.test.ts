/** Mutated files of torch.save, and indices of safetensors files: read as they were written, or refused with a typed error. */
import fc from 'fast-check'
import { loadPyTorch, loadPyTorchTree, type Tensor } from 'simdgrad'
import { beforeAll, expect, it } from 'vitest'
import { readZip, writeZip } from '../../src/bytes/zip.js'
import { readIndex } from '../../src/io/sharded.js'
import { readFixture } from '../support/fixtures.js'
import { initForTest } from '../support/init.js'
import { CASES, mutated } from './mutate.js'
import { readsOrRefuses } from './reads-or-refuses.js'

beforeAll(initForTest)

const { files, training } = readFixture<{
  files: Record<string, { bytes: string }>
  training: { bytes: string }
}>('torch-files.json')
const bytesOf = (base64: string) => new Uint8Array(Buffer.from(base64, 'base64'))
const [state, old, four, views, names] = ['state', 'old', 'protocol 4', 'views', 'names'].map((name) =>
  bytesOf(files[name].bytes),
)
const options = { onMessage: () => {} }
const where = 'the given bytes'

function sizeFits(tensors: Record<string, Tensor>): void {
  for (const x of Object.values(tensors)) {
    expect(x.toFloat32Array().length).toBe(x.shape.reduce((a, b) => a * b, 1))
  }
}

it(`${CASES} archives`, async () => {
  const known = new Set<string>()
  for (const bytes of [state, four, views, names]) known.add(JSON.stringify(await described(bytes)))
  await readsOrRefuses({
    inputs: mutated([state, four, views, names]),
    parse: async (bytes) => described(bytes),
    // Their sums say that all is as it was written.
    check: (read) => expect(known.has(JSON.stringify(read))).toBe(true),
    seed: 21,
    where,
  })
})

async function described(bytes: Uint8Array) {
  const tensors = await loadPyTorch(bytes, options)
  return Object.entries(tensors).map(([name, x]) => [name, x.shape, String(x.toFloat32Array())])
}

it(`${CASES} archives with another pickle, whose sums are right`, async () => {
  const wholes = [state, four, views, bytesOf(training.bytes)]
  const archives = await Promise.all(
    wholes.map(async (bytes) => {
      const entries = readZip(bytes, 'it')
      return Promise.all(entries.map(async (entry) => [entry.name, await entry.read()] as const))
    }),
  )
  const pickles = archives.map((entries) => entries.find(([name]) => name.endsWith('data.pkl'))?.[1])
  await readsOrRefuses({
    inputs: fc
      .nat(archives.length - 1)
      .chain((i) =>
        mutated([pickles[i] ?? new Uint8Array()]).map((pickle) =>
          writeZip(archives[i].map(([name, data]) => [name, name.endsWith('data.pkl') ? pickle : data])),
        ),
      ),
    async parse(bytes) {
      await loadPyTorchTree(bytes, options)
      return loadPyTorch(bytes, options)
    },
    check: sizeFits,
    seed: 22,
    where,
  })
})

it(`${CASES} files of before 1.6`, () =>
  readsOrRefuses({
    inputs: mutated([old, bytesOf(files['old views'].bytes)]),
    parse: (bytes) => loadPyTorch(bytes, options),
    check: sizeFits,
    seed: 23,
    where,
  }))

it(`${CASES} indices`, () => {
  const index = {
    metadata: { total_size: 12 },
    weight_map: { 'a.weight': 'model-00001-of-00002.safetensors', b: 'model-00002-of-00002.safetensors' },
  }
  return readsOrRefuses({
    inputs: mutated([new TextEncoder().encode(JSON.stringify(index))]),
    parse: (bytes) => readIndex(bytes, 'the file'),
    check(read, bytes) {
      const map = JSON.parse(new TextDecoder().decode(bytes)).weight_map as Record<string, string>
      expect([...read.values()].reduce((sum, { size }) => sum + size, 0)).toBe(Object.keys(map).length)
      for (const [file, inside] of read) {
        expect(file).not.toMatch(/[/\\]|^\.+$/)
        for (const name of inside) expect(map[name]).toBe(file)
      }
    },
    seed: 24,
  })
})
