/** State dicts as safetensors files, both ways with PyTorch. Reading by PyTorch itself needs a Python that has it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  DataError,
  decodeState,
  encodeState,
  hashState,
  loadSafetensors,
  manualSeed,
  nn,
  randn,
  saveSafetensors,
  type Tensor,
  tensor,
} from 'simdgrad'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ConvBnNet } from '../support/conv-bn-net.js'
import { fixturePath, readFixture } from '../support/fixtures.js'
import { initForTest } from '../support/init.js'
import { needPython, python, runFixtureScript, runPython } from '../support/python.js'

/** What read_with_torch.py tells of a tensor. */
interface Described {
  dtype: string
  shape: number[]
  sum: number
  values: number[]
}

type StateDict = Record<string, Tensor>

const folder = mkdtempSync(join(tmpdir(), 'simdgrad-state-'))
const fixture = (name: string) => fileURLToPath(fixturePath(name))
const values = (x: Tensor) => [...x.toFloat32Array()]
const contents = (state: StateDict) =>
  Object.fromEntries(Object.entries(state).map(([name, x]) => [name, { shape: x.shape, values: values(x) }]))

needPython('PyTorch reading and hashing the files that we write')

beforeAll(initForTest)
afterAll(() => rmSync(folder, { recursive: true }))

/** A net that has trained: nothing in it is 0 or 1, and batches were counted. */
function trained(): ConvBnNet {
  manualSeed(1)
  const net = new ConvBnNet()
  for (let i = 0; i < 3; i++) net.forward(randn([4, 1, 28, 28]))
  return net
}

describe('files of PyTorch', () => {
  it('are read: values, shapes, a scalar, an empty tensor', async () => {
    const expected = readFixture<Record<string, Described>>('by-torch.json')
    const state = await loadSafetensors(fixture('by-torch.safetensors'))
    expect(Object.keys(state).sort()).toEqual(Object.keys(expected).sort())
    for (const [name, { shape, values: own }] of Object.entries(expected)) {
      expect(state[name].shape, name).toEqual(shape)
      // Whole numbers beyond 2²⁴ are rounded: tensors are float32.
      expect(values(state[name]), name).toEqual(own.map(Math.fround))
    }
  })

  it('are read from bytes as from a path', async () => {
    const bytes = readFileSync(fixture('cnn-bn-initial.safetensors'))
    const [a, b] = [
      await loadSafetensors(bytes),
      await loadSafetensors(fixture('cnn-bn-initial.safetensors')),
    ]
    expect(contents(a)).toEqual(contents(b))
    expect(contents(decodeState(bytes, 'here'))).toEqual(contents(a))
  })

  it('are written again byte for byte', async () => {
    const bytes = readFileSync(fixture('cnn-bn-initial.safetensors'))
    const path = join(folder, 'again.safetensors')
    await saveSafetensors(path, await loadSafetensors(bytes))
    expect(Buffer.compare(readFileSync(path), bytes)).toBe(0)
  })

  it('load into a net, which saves the same', async () => {
    const net = new ConvBnNet()
    net.loadStateDict(await loadSafetensors(fixture('cnn-bn-initial.safetensors')))
    const path = join(folder, 'net.safetensors')
    await saveSafetensors(path, net.stateDict())
    expect(Buffer.compare(readFileSync(path), readFileSync(fixture('cnn-bn-initial.safetensors')))).toBe(0)
  })
})

describe('our files', () => {
  it('read back as they were', async () => {
    const net = trained()
    const path = join(folder, 'trained.safetensors')
    await saveSafetensors(path, net.stateDict())
    const back = await loadSafetensors(path)
    expect(contents(back)).toEqual(contents(net.stateDict()))
    expect(back['stage1.1.num_batches_tracked'].item()).toBe(3)
    const other = new ConvBnNet()
    other.loadStateDict(back)
    const x = randn([2, 1, 28, 28])
    expect(values(other.eval().forward(x))).toEqual(values(net.eval().forward(x)))
  })

  it('do not depend on how values lie in memory', () => {
    const x = randn([5, 3, 2, 2])
    const lanes = nn.functional.maxPool2d(x, 1)
    expect(encodeState({ x: lanes })).toEqual(encodeState({ x }))
  })

  if (python) {
    it('are read by PyTorch', async () => {
      const state: StateDict = {
        ...trained().stateDict(),
        scalar: tensor(0.1),
        empty: tensor([]),
        'ünïcode "name"': tensor([1e-30]),
      }
      const path = join(folder, 'ours.safetensors')
      await saveSafetensors(path, state)
      const read = runFixtureScript<Record<string, Described>>('read_with_torch.py', [path])
      expect(Object.keys(read).sort()).toEqual(Object.keys(state).sort())
      for (const [name, x] of Object.entries(state)) {
        const { dtype, shape, values: theirs } = read[name]
        expect([dtype, shape], name).toEqual([name.endsWith('num_batches_tracked') ? 'I64' : 'F32', x.shape])
        expect(theirs, name).toEqual(values(x))
      }
    })
  }
})

describe('hashState', () => {
  it('is the same for a file that was saved and loaded', async () => {
    const net = trained()
    const hash = await hashState(net.stateDict())
    expect(hash).toMatch(/^[0-9a-f]{64}$/)
    const path = join(folder, 'hashed.safetensors')
    await saveSafetensors(path, net.stateDict())
    expect(await hashState(await loadSafetensors(path))).toBe(hash)
    const other = new ConvBnNet()
    other.loadStateDict(await loadSafetensors(path))
    expect(await hashState(other.stateDict())).toBe(hash)
  })

  it("is of PyTorch's file what hashlib gives: the lines of weightsHash's docstring, run on its tensors", async () => {
    const state = await loadSafetensors(fixture('cnn-bn-initial.safetensors'))
    expect(await hashState(state)).toBe('ec12dff485394b0c9ca24434adc9b73d4bbb1921347be3fa20e48cd994a14b81')
  })

  if (python) {
    it('is what the reproducibility guide computes in PyTorch', async () => {
      const guide = readFileSync(new URL('../../docs/reproducibility.md', import.meta.url), 'utf8')
      const [, code = ''] = /```python\n(.*?)```/s.exec(guide) ?? []
      const state = { ...trained().stateDict(), scalar: tensor(0.1), ünïcode: tensor([[1e-30, -0]]) }
      await saveSafetensors(join(folder, 'net.safetensors'), state)
      expect(runPython(['-c', code], { cwd: folder }).trim()).toBe(await hashState(state))
    })
  }

  it('changes with one bit of one value, with a name, and with a shape', async () => {
    const state = trained().stateDict()
    const hash = await hashState(state)
    const bias = state['classify.bias']
    const changed = bias.toFloat32Array()
    new Uint32Array(changed.buffer)[0] ^= 1
    expect(await hashState({ ...state, 'classify.bias': tensor(changed) })).not.toBe(hash)
    const { 'classify.bias': _, ...rest } = state
    expect(await hashState({ ...rest, 'classify.bias2': bias })).not.toBe(hash)
    expect(await hashState({ ...state, 'classify.bias': bias.reshape([2, 5]) })).not.toBe(hash)
  })
})

describe('what is no file of ours', () => {
  it('gives a DataError that names it', async () => {
    const missing = join(folder, 'missing.safetensors')
    await expect(loadSafetensors(missing)).rejects.toThrow(DataError)
    await expect(loadSafetensors(missing)).rejects.toThrow(missing)
    const truncated = join(folder, 'truncated.safetensors')
    writeFileSync(truncated, readFileSync(fixture('cnn-bn-initial.safetensors')).subarray(0, 5000))
    await expect(loadSafetensors(truncated)).rejects.toThrow(DataError)
    await expect(loadSafetensors(truncated)).rejects.toThrow(truncated)
    await expect(loadSafetensors(new Uint8Array(3))).rejects.toThrow(DataError)
  })
})
