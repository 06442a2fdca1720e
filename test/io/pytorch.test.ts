import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import {
  ArgumentError,
  DataError,
  encodeState,
  loadPyTorch,
  loadPyTorchTree,
  loadSafetensors,
  nn,
  ones,
  optim,
  type Tensor,
  zeros,
} from 'simdgrad'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeZip } from '../../src/bytes/zip.js'
import { readFixture } from '../support/fixtures.js'
import { initForTest } from '../support/init.js'

type Described = Record<string, { shape: number[]; values: string[] }>
const fixture = readFixture<{
  files: Record<string, { bytes: string; tensors: Described }>
  training: { bytes: string; model: Described }
  refused: Record<string, string>
}>('torch-files.json')
const bytesOf = (base64: string) => new Uint8Array(Buffer.from(base64, 'base64'))
const quiet = { onMessage: () => {} }

let folder = ''
beforeAll(async () => {
  await initForTest()
  folder = mkdtempSync(join(tmpdir(), 'simdgrad-pytorch-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function expectState(state: Record<string, Tensor>, tensors: Described): void {
  expect(Object.keys(state)).toEqual(Object.keys(tensors))
  for (const [name, { shape, values }] of Object.entries(tensors)) {
    expect(state[name].shape, name).toEqual(shape)
    expect([...state[name].toFloat32Array()], name).toEqual(values.map((v) => Math.fround(Number(v))))
  }
}

describe('loadPyTorch', () => {
  it.each(Object.keys(fixture.files))('reads %s as PyTorch wrote it', async (name) => {
    const { bytes, tensors } = fixture.files[name]
    expectState(await loadPyTorch(bytesOf(bytes), quiet), tensors)
  })

  it('reads a path and a URL, and a net takes what it gives', async () => {
    const path = join(folder, 'net.pt')
    writeFileSync(path, bytesOf(fixture.files.state.bytes))
    const make = () =>
      new nn.Sequential(new nn.Conv2d(2, 3, 3), new nn.BatchNorm2d(3), new nn.Flatten(), new nn.Linear(3, 2))
    for (const from of [path, pathToFileURL(path)]) {
      const net = make()
      expect(net.loadStateDict(await loadPyTorch(from))).toEqual({ missing: [], unexpected: [] })
      expectState(net.stateDict(), fixture.files.state.tensors)
    }
  })

  it('gives tied weights as one tensor', async () => {
    const state = await loadPyTorch(bytesOf(fixture.files.tied.bytes))
    expect(state['decode.weight']).toBe(state['encode.weight'])
  })

  it('says once what was converted, and nothing of what was not', async () => {
    const told: string[] = []
    const onMessage = (text: string) => void told.push(text)
    await loadPyTorch(bytesOf(fixture.files.state.bytes), { onMessage })
    expect(told).toEqual([])
    await loadPyTorch(bytesOf(fixture.files.dtypes.bytes), { onMessage })
    expect(told).toHaveLength(1)
    expect(told[0]).toMatch(
      /^the given bytes: tensors became float32: 1 of float64 \(every value exactly\), /,
    )
    expect(told[0]).toMatch(/1 of bfloat16 .*1 of int64 .*1 of uint32 .*1 of bool/)
  })

  it('takes the state dict at a key, and names the keys where it needs one', async () => {
    const bytes = bytesOf(fixture.training.bytes)
    expectState(await loadPyTorch(bytes, { key: 'model' }), fixture.training.model)
    const deep = await loadPyTorch(bytes, { key: 'deeper.ema.net' })
    expect(deep['0.weight'].shape).toEqual([2, 3, 4])
    await expect(loadPyTorch(bytes)).rejects.toThrow(
      /holds no state dict\. State dicts are in it at 'model', .*'deeper\.ema\.net': say \{ key: 'model' \}/,
    )
    await expect(loadPyTorch(bytes, { key: 'ema' })).rejects.toThrow(
      /nothing at key 'ema'.* model, optimizer, /,
    )
    await expect(loadPyTorch(bytes, { key: 'epoch' })).rejects.toThrow(/no state dict at 'epoch'/)
  })

  it('refuses by name what is no state dict', async () => {
    const names: Record<string, string> = {
      function: '"__builtin__.print", which no state dict needs: it is not read, and nothing of it was run',
      module: 'names "torch.nn.modules.container.Sequential"',
      namespace: 'names "argparse.Namespace"',
      numpy: 'names "numpy._core.multiarray.scalar"',
      complex: 'names "torch.ComplexFloatStorage"',
      sparse: 'names "torch._utils._rebuild_sparse_tensor"',
      number: 'holds no state dict. It holds 3',
    }
    expect(Object.keys(names)).toEqual(Object.keys(fixture.refused))
    for (const [kind, text] of Object.entries(names)) {
      const refused = loadPyTorch(bytesOf(fixture.refused[kind]))
      await expect(refused, kind).rejects.toThrow(DataError)
      await expect(refused, kind).rejects.toThrow(text)
    }
    const text = (content: string) => new TextEncoder().encode(content)
    const script = writeZip([
      ['a/data.pkl', text('N.')],
      ['a/constants.pkl', text('N.')],
    ])
    await expect(loadPyTorch(script)).rejects.toThrow(
      /TorchScript .*torch\.save\(net\.state_dict\(\), 'net\.pt'\)/,
    )
    const big = writeZip([
      ['a/data.pkl', text('N.')],
      ['a/byteorder', text('big')],
    ])
    await expect(loadPyTorch(big)).rejects.toThrow(/big-endian/)
    await expect(loadPyTorch(text('<html>'))).rejects.toThrow(/a page that a server sent/)
    await expect(loadPyTorch(text('\x80N.'))).rejects.toThrow(DataError)
    await expect(loadPyTorch(encodeState({ x: ones([1]) }))).rejects.toThrow(
      /neither a ZIP archive nor a pickle/,
    )
    await expect(loadSafetensors(bytesOf(fixture.files.state.bytes))).rejects.toThrow(
      /read it with loadPyTorch/,
    )
  })

  it('refuses arguments that are none', async () => {
    for (const options of [{ keys: 'x' }, { key: 3 }, { onMessage: 'x' }, null]) {
      await expect(loadPyTorch(ones([1]) as never, options as never)).rejects.toThrow(ArgumentError)
    }
    await expect(loadPyTorch(3 as never)).rejects.toThrow(/loadPyTorch: expected a path/)
    await expect(loadPyTorch(join(folder, 'gone.pt'))).rejects.toThrow(/gone\.pt can't be read/)
  })

  it('refuses views that would take far more memory than the file, and such that reach past their storage', async () => {
    /** A state dict of one tensor, of a storage of one element. */
    const file = (size: number, stride: number) => {
      const [name, key] = [
        (text: string) => `X${String.fromCharCode(text.length)}\0\0\0${text}`,
        'ctorch\nFloatStorage\n',
      ]
      const number = (n: number) =>
        `J${String.fromCharCode(n & 255, (n >> 8) & 255, (n >> 16) & 255, (n >> 24) & 255)}`
      const id = `(${name('storage')}${key}${name('0')}${name('cpu')}K\x01tQ`
      const tensor = `ctorch._utils\n_rebuild_tensor_v2\n(${id}K\0(${number(size)}t(${number(stride)}t\x89NtR`
      const pickle = Uint8Array.from(Buffer.from(`\x80\x02}${name('w')}${tensor}s.`, 'latin1'))
      return writeZip([
        ['a/data.pkl', pickle],
        ['a/data/0', new Uint8Array(4)],
      ])
    }
    expect((await loadPyTorch(file(1000, 0))).w.shape).toEqual([1000])
    await expect(loadPyTorch(file(1_000_000_000, 0))).rejects.toThrow(/repeat their values more than 8 times/)
    await expect(loadPyTorch(file(2, 1))).rejects.toThrow(/reaches to element 1 of a storage of 1/)
    await expect(loadPyTorch(file(-2, 1))).rejects.toThrow(/sizes or strides are none/)
  })
})

describe('loadPyTorchTree', () => {
  it('gives all of a training, of which an optimiser goes on', async () => {
    const tree = (await loadPyTorchTree(bytesOf(fixture.training.bytes))) as Record<string, never>
    expect(tree.epoch).toBe(3)
    expect(tree.best).toBe(0.5)
    expect(tree.large).toBe(2n ** 70n)
    expect([tree.name, tree.sizes, tree.device, tree.dtype]).toEqual([
      'naïve',
      [2, 3],
      'cpu',
      'torch.float16',
    ])
    expect(tree.flags).toEqual([true, false, null])
    expect(Object.getPrototypeOf(tree)).toBeNull()
    const net = new nn.Sequential(
      new nn.Conv2d(2, 3, 3),
      new nn.BatchNorm2d(3),
      new nn.Flatten(),
      new nn.Linear(3, 2),
    )
    const optimizer = new optim.Adam(net.parameters())
    optimizer.loadStateDict(tree.optimizer)
    expect(optimizer.lr).toBe(0.01)
    const key = await loadPyTorchTree(bytesOf(fixture.training.bytes), { key: 'deeper.ema.net' })
    expect(Object.keys(key as object)).toEqual(['0.weight'])
  })
})

describe('loadSafetensors of an index', () => {
  const index = (map: Record<string, unknown>) =>
    JSON.stringify({ metadata: { total_size: 1 }, weight_map: map })
  const write = (name: string, content: string | Uint8Array) => writeFileSync(join(folder, name), content)

  it('reads all files beside it, by path and by URL', async () => {
    write('model-1.safetensors', encodeState({ 'a.weight': ones([2]), 'a.bias': zeros([1]) }))
    write('model-2.safetensors', encodeState({ b: ones([3]) }))
    const [one, two] = ['model-1.safetensors', 'model-2.safetensors']
    write('model.safetensors.index.json', index({ 'a.weight': one, b: two, 'a.bias': one }))
    const path = join(folder, 'model.safetensors.index.json')
    for (const from of [path, pathToFileURL(path)]) {
      const state = await loadSafetensors(from)
      expect(Object.keys(state).sort()).toEqual(['a.bias', 'a.weight', 'b'])
      expect(state.b.toArray()).toEqual([1, 1, 1])
    }
  })

  it('refuses an index that does not fit, or leaves its folder', async () => {
    write('one.safetensors', encodeState({ a: ones([2]), b: ones([1]) }))
    const load = async (content: string) => {
      write('bad.safetensors.index.json', content)
      return loadSafetensors(join(folder, 'bad.safetensors.index.json'))
    }
    await expect(load(index({ a: 'one.safetensors' }))).rejects.toThrow(/the index does not have "b" there/)
    await expect(
      load(index({ a: 'one.safetensors', b: 'one.safetensors', c: 'one.safetensors' })),
    ).rejects.toThrow(/it lacks "c"/)
    await expect(load(index({ a: 'gone.safetensors' }))).rejects.toThrow(/gone\.safetensors can't be read/)
    for (const name of [
      '../one.safetensors',
      '/etc/passwd',
      'a\\b',
      'http://x',
      '..',
      '',
      '%2e%2e',
      3,
      null,
    ]) {
      const refused = load(index({ a: name }))
      await expect(refused, String(name)).rejects.toThrow(DataError)
      await expect(refused, String(name)).rejects.toThrow(/no name of a file beside it/)
    }
    for (const content of ['', '[]', '{}', '{"weight_map":{}}', '{"weight_map":[]}', 'null']) {
      await expect(load(content), content).rejects.toThrow(/no index of safetensors files/)
    }
  })
})
