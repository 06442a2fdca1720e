/** A checkpoint's bytes: what goes in comes out, PyTorch's reader would take them, and what was changed is never loaded. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  ArgumentError,
  DataError,
  decodeMetadata,
  decodeState,
  encodeState,
  freezeBatchNorm,
  loadMetadata,
  loadSafetensors,
  nn,
  ones,
  saveSafetensors,
  Tensor,
  tensor,
} from 'simdgrad'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { decodeCheckpoint, encodeCheckpoint } from '../../src/io/checkpoint.js'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simdgrad-io-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const plain = (value: unknown): unknown => {
  if (value instanceof Tensor) return { shape: value.shape, values: [...value.toFloat32Array()] }
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one)]))
}

describe('a checkpoint', () => {
  it('holds tensors, and every number, text and key, in any order and depth', async () => {
    const state = {
      net: { '0.weight': tensor([[1.5, -0]]), 'a.num_batches_tracked': tensor([3]).reshape([]) },
      'a.b': { c: ones([2]) },
      a: { 'b.c': ones([0, 3]) },
      numbers: [0, -0, 1e-320, 0.1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2 ** 53],
      texts: ['', 'é\n"\\', '$tensor'],
      nothing: null,
      no: false,
      $tensor: { $number: 'x', deep: [[tensor([Number.NaN])]] },
    }
    const bytes = await encodeCheckpoint('test', state)
    expect(plain(await decodeCheckpoint(bytes, 'it'))).toEqual(plain(state))
    expect(bytes).toEqual(await encodeCheckpoint('test', state))
    const proto = await encodeCheckpoint('test', JSON.parse('{ "__proto__": { "polluted": 1 } }'))
    const back = await decodeCheckpoint(proto, 'it')
    expect(Object.keys(back as object)).toEqual(['__proto__'])
    expect((back as { polluted?: number }).polluted).toBeUndefined()
  })

  it('holds metadata of a state dict, which are no entry of it', async () => {
    const net = Object.defineProperty({ w: ones([1]) }, '_metadata', { value: { '0': { frozen: true } } })
    const back = (await decodeCheckpoint(await encodeCheckpoint('test', { net }), 'it')) as {
      net: typeof net
    }
    expect(Object.keys(back.net)).toEqual(['w'])
    expect(Object.getOwnPropertyDescriptor(back.net, '_metadata')).toMatchObject({
      value: { '0': { frozen: true } },
      enumerable: false,
    })
  })

  it.each<[what: string, value: unknown, message: RegExp]>([
    ['a function', { a: [() => 1] }, /a\.0 is a function/],
    ['a Map', { a: new Map() }, /a is a Map/],
    ['a typed array', new Float32Array(2), /it is a Float32Array/],
    ['a bigint', { n: 1n }, /n is 1/],
  ])('holds no %s', async (_, value, message) => {
    await expect(encodeCheckpoint('test', value)).rejects.toThrow(ArgumentError)
    await expect(encodeCheckpoint('test', value)).rejects.toThrow(message)
  })

  it('holds no circle', async () => {
    const circle: { self?: unknown } = {}
    circle.self = circle
    await expect(encodeCheckpoint('test', circle)).rejects.toThrow(ArgumentError)
  })

  it('is refused with any bit flipped, and with any length but its own', async () => {
    const bytes = await encodeCheckpoint('test', { w: tensor([1, 2]), n: [1] })
    for (let at = 0; at < bytes.length; at++) {
      const other = bytes.slice()
      other[at] ^= 1 << (at % 8)
      await expect(decodeCheckpoint(other, 'it'), `byte ${at}`).rejects.toThrow(DataError)
    }
    for (let length = 0; length < bytes.length; length += 7) {
      await expect(decodeCheckpoint(bytes.slice(0, length), 'it')).rejects.toThrow(DataError)
    }
    await expect(decodeCheckpoint(new Uint8Array([...bytes, 0]), 'it')).rejects.toThrow(DataError)
  })

  it('is told from a file of weights', async () => {
    await expect(decodeCheckpoint(encodeState({ w: ones([2]) }), 'w')).rejects.toThrow(
      /no checkpoint.*loadSafetensors/,
    )
  })
})

describe('metadata', () => {
  const metadata = { classes: ['null', 'eins'], units: 'mm', mean: [0.5], made: { by: 'test' }, count: 3 }

  it('go with the tensors, texts as they are and all else as JSON', async () => {
    const path = join(folder, 'w.safetensors')
    await saveSafetensors(path, { w: ones([2]) }, { metadata })
    const bytes = readFileSync(path)
    for (const read of [await loadMetadata(path), await loadMetadata(bytes), decodeMetadata(bytes)]) {
      expect({ ...read }).toEqual({
        format: 'pt',
        classes: '["null","eins"]',
        units: 'mm',
        mean: '[0.5]',
        made: '{"by":"test"}',
        count: '3',
      })
    }
    expect(Object.keys(await loadSafetensors(path))).toEqual(['w'])
    expect(Object.keys(await loadSafetensors(new URL(`file://${path}`)))).toEqual(['w'])
    expect(JSON.parse(decodeMetadata(bytes).classes)).toEqual(metadata.classes)
  })

  it('of a file without any are none', () => {
    expect({ ...decodeMetadata(encodeState({})) }).toEqual({ format: 'pt' })
  })

  it.each([
    [{ f: () => 1 }, /'f' is a function/],
    [{ n: 1n }, /'n' is 1/],
    [{ u: undefined }, /'u' is undefined/],
  ])('that JSON can not hold are refused: %#', (wrong, message) => {
    expect(() => encodeState({}, { metadata: wrong })).toThrow(ArgumentError)
    expect(() => encodeState({}, { metadata: wrong })).toThrow(message)
  })

  it.each([
    '{"norm":{"frozen":true}}',
    'a state of mind',
    '{}',
    '{"norm":{"frozen":1}}',
  ])('named as the library’s own once were stay the user’s: %s', (state) => {
    const net = new nn.Sequential(new nn.BatchNorm1d(2))
    const plain = encodeState(net.stateDict(), { metadata: { state } })
    expect({ ...decodeMetadata(plain) }).toEqual({ format: 'pt', state })
    expect(decodeState(plain)).not.toHaveProperty('_metadata')
    freezeBatchNorm(net)
    const frozen = encodeState(net.stateDict(), { metadata: { state } })
    expect({ ...decodeMetadata(frozen) }).toEqual({ format: 'pt', state })
    expect(decodeState(frozen)).toHaveProperty('_metadata', { 0: { frozen: true } })
    // What is read can be written again.
    encodeState(decodeState(frozen), { metadata: decodeMetadata(frozen) })
  })

  it('of frozen layers are read from old files, which call them otherwise', () => {
    const net = freezeBatchNorm(new nn.Sequential(new nn.BatchNorm1d(2)))
    const text = Buffer.from(encodeState(net.stateDict())).toString('latin1')
    expect(text).toContain('"simdgrad.metadata":')
    const old = Buffer.from(text.replace('"simdgrad.metadata":', '"state":            '), 'latin1')
    expect(decodeState(old)).toHaveProperty('_metadata', { 0: { frozen: true } })
    const other = Buffer.from(
      text.replace('"simdgrad.metadata":', '"state":            ').replace('true', 'null'),
      'latin1',
    )
    expect(decodeState(other)).not.toHaveProperty('_metadata')
  })

  it('with the library’s own names are refused', () => {
    const metadata = { 'simdgrad.metadata': 'x' }
    expect(() => encodeState({}, { metadata })).toThrow(ArgumentError)
    expect(() => encodeState({}, { metadata })).toThrow(/'simdgrad.metadata' begins with 'simdgrad.'/)
  })

  it('named __proto__ pollute nothing', () => {
    const read = decodeMetadata(encodeState({}, { metadata: JSON.parse('{ "__proto__": "x" }') }))
    expect(Object.keys(read)).toContain('__proto__')
    expect(({} as { x?: unknown }).x).toBeUndefined()
  })
})

describe('where a file can not be written', () => {
  const child = fileURLToPath(new URL('full-disk.mjs', import.meta.url))
  const limited = (kilobytes: number, epochs: number) =>
    execFileSync(
      'bash',
      ['-c', `ulimit -f ${kilobytes}; exec "$@"`, 'bash', process.execPath, child, folder, String(epochs)],
      {
        encoding: 'utf8',
      },
    )

  // `npm run build` first. A file may not be larger than so much: what a full disk is to the one who writes.
  it.runIf(process.platform === 'linux')(
    'as on a full disk, the error says so, and the file before it is whole',
    async () => {
      expect(limited(1024, 1)).toBe('done\n')
      const [name] = readdirSync(folder)
      const before = readFileSync(join(folder, name))
      expect(limited(16, 2)).toMatch(/^SimdgradError: .*could not be written: E(FBIG|NOSPC).*has room/)
      expect(readdirSync(folder)).toEqual([name])
      expect(readFileSync(join(folder, name))).toEqual(before)
      expect((await decodeCheckpoint(before, 'it')) as object).toHaveProperty('net')
    },
  )
})

it('what a killed process has left in the folder goes with the next start', async () => {
  const { diskFolder } = await import('../../src/io/folder.node.js')
  const left = '.checkpoint-0000000001.safetensors.0b5ff0f4-93f5-4a0b-8a0b-0123456789ab.tmp'
  writeFileSync(join(folder, left), 'x')
  writeFileSync(join(folder, '.mine.tmp'), 'x')
  expect(await diskFolder(folder).list()).toEqual(['.mine.tmp'])
  expect(readdirSync(folder)).toEqual(['.mine.tmp'])
  expect(await diskFolder(join(folder, 'no')).list()).toEqual([])
})

const python = process.env.SIMDGRAD_PYTHON
describe.runIf(python)('PyTorch', () => {
  it('reads a checkpoint and the metadata', async () => {
    const path = join(folder, 'c.safetensors')
    writeFileSync(path, await encodeCheckpoint('test', { net: { w: tensor([[1, 2]]) }, step: 3 }))
    const script = `
import json, sys
from safetensors import safe_open
from safetensors.torch import load_file
state = load_file(sys.argv[1])
with safe_open(sys.argv[1], framework="pt") as file:
    metadata = file.metadata()
print(json.dumps([{k: v.tolist() for k, v in state.items()}, json.loads(metadata["simdgrad.state"])["step"]]))`
    const out = execFileSync(String(python), ['-c', script, path], { encoding: 'utf8' })
    expect(JSON.parse(out)).toEqual([{ 'net.w': [[1, 2]] }, 3])
    expect(decodeState(readFileSync(path))['net.w'].shape).toEqual([1, 2])
  })
})
