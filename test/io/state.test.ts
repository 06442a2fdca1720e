import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  DataError,
  encodeState,
  hashState,
  loadSafetensors,
  nn,
  StateDictError,
  saveSafetensors,
} from 'simdgrad'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'simdgrad-state-'))

beforeAll(initForTest)
afterAll(() => rmSync(folder, { recursive: true }))

class Net extends nn.Module {
  stage1 = new nn.Sequential(new nn.Conv2d(1, 3, 3), new nn.BatchNorm2d(3), new nn.ReLU())
  classify = new nn.Linear(12, 5)
  forward(x: Parameters<nn.Module['forward']>[0]) {
    return this.classify.forward(this.stage1.forward(x).flatten(1))
  }
}

/** A Python with torch and safetensors, or undefined. */
function findTorch(): string | undefined {
  for (const python of [process.env.SIMDGRAD_PYTHON, 'python3']) {
    if (!python) continue
    try {
      execFileSync(python, ['-c', 'import torch, safetensors'], { stdio: 'ignore' })
      return python
    } catch {
      // Not this one.
    }
  }
  return undefined
}

describe('a file that PyTorch wrote', () => {
  it('is read value by value', async () => {
    const expected: Record<string, { shape: number[]; values: number[] }> = JSON.parse(
      readFileSync(fixture('by-torch.json'), 'utf8'),
    )
    const state = await loadSafetensors(fixture('by-torch.safetensors'))
    expect(Object.keys(state).sort()).toEqual(Object.keys(expected).sort())
    for (const [name, { shape, values }] of Object.entries(expected)) {
      expect(state[name].shape).toEqual(shape)
      expect([...state[name].toFloat32Array()]).toEqual(values.map(Math.fround))
    }
  })

  it('comes out again as it was', async () => {
    const state = await loadSafetensors(fixture('cnn-bn-initial.safetensors'))
    const again = await loadSafetensors(encodeState(state))
    expect(Object.keys(again).sort()).toEqual(Object.keys(state).sort())
    for (const name of Object.keys(state)) expect(again[name].toArray()).toEqual(state[name].toArray())
    expect(await hashState(again)).toBe(await hashState(state))
  })
})

describe('a file of ours', () => {
  it('has the hash of the net that it was made from, and loads into another', async () => {
    const [net, other] = [new Net(), new Net()]
    const path = join(folder, 'net.safetensors')
    await saveSafetensors(path, net.stateDict())
    const state = await loadSafetensors(path)
    expect(await hashState(state)).toBe(await hashState(net.stateDict()))
    expect(await hashState(other.stateDict())).not.toBe(await hashState(net.stateDict()))
    other.loadStateDict(state)
    expect(await hashState(other.stateDict())).toBe(await hashState(net.stateDict()))
  })

  it('is read by PyTorch, where there is one', async () => {
    const net = new Net()
    const path = join(folder, 'for-torch.safetensors')
    await saveSafetensors(path, net.stateDict())
    const python = findTorch()
    if (!python) {
      console.log('no Python with torch and safetensors: that PyTorch reads our file is left out')
      expect(readFileSync(path).length).toBeGreaterThan(0)
      return
    }
    const out = join(folder, 'read.json')
    execFileSync(python, [fixture('read_with_torch.py'), path, out])
    const read: Record<string, { dtype: string; shape: number[]; values: number[] }> = JSON.parse(
      readFileSync(out, 'utf8'),
    )
    const state = net.stateDict()
    expect(Object.keys(read).sort()).toEqual(Object.keys(state).sort())
    for (const [name, { dtype, shape, values }] of Object.entries(read)) {
      expect(dtype).toBe(name.endsWith('num_batches_tracked') ? 'I64' : 'F32')
      expect(shape).toEqual(state[name].shape)
      expect(values.map(Math.fround)).toEqual([...state[name].toFloat32Array()])
    }
  }, 60_000)

  it('that does not fit, or is none, changes nothing', async () => {
    const net = new Net()
    const before = await hashState(net.stateDict())
    const state = net.stateDict()
    delete state['classify.bias']
    expect(() => new Net().loadStateDict(state)).toThrow(StateDictError)
    expect(() => new Net().loadStateDict(state)).toThrow(/classify\.bias/)
    await expect(loadSafetensors(Uint8Array.of(1, 2, 3))).rejects.toThrow(DataError)
    await expect(loadSafetensors(join(folder, 'none'))).rejects.toThrow(/none can't be read/)
    expect(await hashState(net.stateDict())).toBe(before)
  })
})
