import { fileURLToPath } from 'node:url'
import {
  ArgumentError,
  loadSafetensors,
  nn,
  ones,
  StateDictError,
  type Tensor,
  tensor,
  zeros,
} from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { ConvBnNet } from '../support/conv-bn-net.js'
import { fixturePath } from '../support/fixtures.js'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

const values = (x: Tensor) => [...x.toFloat32Array()]
const fixture = () => loadSafetensors(fileURLToPath(fixturePath('cnn-bn-initial.safetensors')))

/** What a state dict holds, to compare before and after. */
const snapshot = (net: nn.Module) =>
  Object.fromEntries(Object.entries(net.stateDict()).map(([k, v]) => [k, values(v)]))

describe('what belongs to a module', () => {
  it("has PyTorch's names and shapes in the state dict", async () => {
    const own = Object.entries(new ConvBnNet().stateDict()).map(([name, x]) => [name, x.shape])
    const theirs = Object.entries(await fixture()).map(([name, x]) => [name, x.shape])
    expect(new Map(own as never)).toEqual(new Map(theirs as never))
    // And PyTorch's order: of the fields, parameters before buffers.
    expect(own.map(([name]) => name)).toEqual([
      'stage1.0.weight',
      'stage1.0.bias',
      'stage1.1.weight',
      'stage1.1.bias',
      'stage1.1.running_mean',
      'stage1.1.running_var',
      'stage1.1.num_batches_tracked',
      'stage1.4.weight',
      'stage1.4.bias',
      'stage1.5.weight',
      'stage1.5.bias',
      'stage1.5.running_mean',
      'stage1.5.running_var',
      'stage1.5.num_batches_tracked',
      'classify.weight',
      'classify.bias',
    ])
  })

  it('is found by parameters, named parameters, buffers and modules', () => {
    const net = new ConvBnNet()
    expect(net.parameters()).toHaveLength(10)
    expect(net.parameters().every((p) => p.requiresGrad)).toBe(true)
    expect(net.namedParameters().map(([name]) => name)).not.toContain('stage1.1.running_mean')
    expect(net.namedBuffers().map(([name]) => name)).toEqual(
      ['1', '5'].flatMap((i) =>
        ['running_mean', 'running_var', 'num_batches_tracked'].map((name) => `stage1.${i}.${name}`),
      ),
    )
    expect(net.namedModules().map(([name]) => name)).toEqual([
      '',
      'stage1',
      ...Array.from({ length: 8 }, (_, i) => `stage1.${i}`),
      'classify',
    ])
  })

  it("is the module's own tensors, not copies", () => {
    const net = new nn.Linear(2, 2)
    expect(net.stateDict().weight).toBe(net.weight)
  })

  it('includes what a user registers, and only that', () => {
    class Scaled extends nn.Module {
      gain = new nn.Parameter(ones([2]))
      W = new nn.Parameter(ones([1]))
      frozen = new nn.Parameter(ones([1]), false)
      plain = zeros([3])
      declare readonly movingMean: Tensor

      constructor() {
        super()
        this.registerBuffer('movingMean', zeros([2]))
      }

      override forward(x: Tensor): Tensor {
        return x.mul(this.gain).sub(this.movingMean)
      }
    }
    const net = new nn.Sequential(new Scaled())
    expect(Object.keys(net.stateDict())).toEqual(['0.gain', '0.W', '0.frozen', '0.moving_mean'])
    expect(net.parameters()).toHaveLength(3)
    expect(net.parameters().map((p) => p.requiresGrad)).toEqual([true, true, false])
  })

  it('that is shared counts once', () => {
    class Tied extends nn.Module {
      a = new nn.Linear(3, 3)
      b = this.a

      override forward(x: Tensor): Tensor {
        return this.b.forward(this.a.forward(x))
      }
    }
    const net = new Tied()
    expect(net.parameters()).toHaveLength(2)
    expect(Object.keys(net.stateDict())).toEqual(['a.weight', 'a.bias', 'b.weight', 'b.bias'])
  })

  it('a Parameter made from a result does not take it away', () => {
    const made = nn.functional.maxPool2d(ones([1, 1, 2, 2]), 1)
    expect(values(new nn.Parameter(made))).toEqual([1, 1, 1, 1])
    expect(values(made)).toEqual([1, 1, 1, 1])
  })
})

describe('modes', () => {
  it('train and eval reach all below', () => {
    const net = new ConvBnNet()
    const modes = () => new Set(net.namedModules().map(([, m]) => m.training))
    expect(modes()).toEqual(new Set([true]))
    expect(net.eval()).toBe(net)
    expect(modes()).toEqual(new Set([false]))
    expect(net.train()).toBe(net)
    expect(modes()).toEqual(new Set([true]))
    net.stage1.eval()
    expect([net.training, net.stage1.training, net.classify.training]).toEqual([true, false, true])
  })

  it('zeroGrad forgets all gradients', () => {
    const net = new nn.Linear(2, 1)
    net
      .forward(ones([1, 2]))
      .sum()
      .backward()
    net.zeroGrad()
    expect(net.parameters().map((p) => p.grad)).toEqual([null, null])
  })
})

describe('loadStateDict', () => {
  it("takes PyTorch's file as it is", async () => {
    const [net, state] = [new ConvBnNet(), await fixture()]
    expect(net.loadStateDict(state)).toEqual({ missing: [], unexpected: [] })
    for (const [name, x] of Object.entries(net.stateDict()))
      expect(values(x), name).toEqual(values(state[name]))
  })

  it('copies: the given tensors stay apart', () => {
    const net = new nn.Linear(2, 1)
    const state = { weight: tensor([[1, 2]]), bias: tensor([3]) }
    net.loadStateDict(state)
    state.weight.fill_(9)
    expect(values(net.weight)).toEqual([1, 2])
  })

  it('names everything that is missing and unexpected, and changes nothing', async () => {
    const [net, state] = [new ConvBnNet(), await fixture()]
    const before = snapshot(net)
    const { 'classify.bias': _, 'stage1.1.running_var': __, ...rest } = state
    const broken = { ...rest, extra: ones([1]), 'stage1.9.weight': ones([1]) }
    expect(() => net.loadStateDict(broken)).toThrow(StateDictError)
    expect(() => net.loadStateDict(broken)).toThrow(
      /ConvBnNet; missing: stage1.1.running_var, classify.bias; unexpected: extra, stage1.9.weight/,
    )
    expect(snapshot(net)).toEqual(before)
  })

  it('names every shape that does not fit, strict or not, and changes nothing', async () => {
    const [net, state] = [new ConvBnNet(), await fixture()]
    const before = snapshot(net)
    const broken = { ...state, 'classify.weight': ones([10, 399]), 'stage1.0.bias': ones([1]) }
    for (const strict of [true, false]) {
      expect(() => net.loadStateDict(broken, { strict })).toThrow(StateDictError)
      expect(() => net.loadStateDict(broken, { strict })).toThrow(
        /stage1.0.bias has shape \[1\], expected \[6\]; classify.weight has shape \[10,399\], expected \[10,400\]/,
      )
    }
    expect(snapshot(net)).toEqual(before)
  })

  it('tells what it left out where it is not strict', () => {
    const net = new nn.Linear(2, 1)
    const state = { weight: tensor([[1, 2]]), other: ones([1]) }
    expect(net.loadStateDict(state, { strict: false })).toEqual({ missing: ['bias'], unexpected: ['other'] })
    expect(values(net.weight)).toEqual([1, 2])
  })

  it('does without num_batches_tracked, which old files lack, as PyTorch does', async () => {
    const state = Object.fromEntries(
      Object.entries(await fixture()).filter(([name]) => !name.endsWith('tracked')),
    )
    const net = new ConvBnNet()
    net.stateDict()['stage1.1.num_batches_tracked'].fill_(5)
    expect(net.loadStateDict(state)).toEqual({ missing: [], unexpected: [] })
    expect(net.stateDict()['stage1.1.num_batches_tracked'].item()).toBe(5)
  })

  it('refuses options that it does not know', () => {
    expect(() => new nn.Linear(1, 1).loadStateDict({}, { Strict: false } as object)).toThrow(ArgumentError)
  })

  it('makes an old graph unusable rather than wrong', () => {
    const net = new nn.Linear(2, 1)
    const x = tensor([[1, 2]], { requiresGrad: true })
    const y = net.forward(x)
    net.loadStateDict(new nn.Linear(2, 1).stateDict())
    expect(() => y.backward()).toThrow(/changed in place/)
  })
})
