/** Names in state dicts, old and new, and what finds and changes modules below another. */
import { ArgumentError, nn, ones, StateDictError, type Tensor, zeros } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

const values = (x: Tensor) => [...x.toFloat32Array()]

class Block extends nn.Module {
  normLayer = new nn.BatchNorm1d(2)
  convBN = new nn.Parameter(ones([1]))
  W = new nn.Parameter(ones([1]))
  A_log = new nn.Parameter(ones([1]))

  override forward(x: Tensor): Tensor {
    return this.normLayer.forward(x)
  }
}

class Net extends nn.Module {
  patchEmbed = new nn.Linear(2, 2)
  encoderBlocks = new nn.ModuleList([new Block()])
  byName = new nn.ModuleDict({ headA: new nn.Linear(2, 1) })

  override forward(x: Tensor): Tensor {
    return this.patchEmbed.forward(x)
  }
}

const NAMES = [
  'patch_embed.weight',
  'patch_embed.bias',
  'encoder_blocks.0.conv_bn',
  'encoder_blocks.0.W',
  'encoder_blocks.0.A_log',
  'encoder_blocks.0.norm_layer.weight',
  'encoder_blocks.0.norm_layer.bias',
  'encoder_blocks.0.norm_layer.running_mean',
  'encoder_blocks.0.norm_layer.running_var',
  'encoder_blocks.0.norm_layer.num_batches_tracked',
  'by_name.headA.weight',
  'by_name.headA.bias',
]

/** A state as older versions saved it. */
const old = (net: Net) =>
  Object.fromEntries(
    Object.entries(net.stateDict()).map(([name, x]) => [
      name
        .replace('patch_embed', 'patchEmbed')
        .replace('encoder_blocks', 'encoderBlocks')
        .replace('norm_layer', 'normLayer')
        .replace('conv_bn', 'conv_bN')
        .replace('by_name', 'byName'),
      ones(x.shape).mul(7),
    ]),
  )

describe('names in a state dict', () => {
  it('are in snake_case at every level, but for those that a user gave in a dict', () => {
    expect(Object.keys(new Net().stateDict())).toEqual(NAMES)
    expect(new Net().namedParameters().map(([name]) => name)).toEqual(
      NAMES.filter((name) => !/running|tracked/.test(name)),
    )
    expect(String(new Net())).toContain('(patch_embed): Linear(')
  })

  it('are taken in camelCase as well, as older versions saved them', () => {
    const net = new Net()
    const state = old(net)
    expect(Object.keys(state)).toContain('encoderBlocks.0.normLayer.running_mean')
    expect(net.loadStateDict(state)).toEqual({ missing: [], unexpected: [] })
    for (const [name, x] of Object.entries(net.stateDict())) {
      expect(new Set(values(x)), name).toEqual(new Set([7]))
    }
  })

  it('of both kinds for one tensor: the new one is taken, and the old one too many', () => {
    const net = new Net()
    const state = { ...old(net), 'patch_embed.bias': ones([2]) }
    expect(() => net.loadStateDict(state)).toThrow(StateDictError)
    expect(() => net.loadStateDict(state)).toThrow(/unexpected: patchEmbed.bias/)
    net.loadStateDict(state, { strict: false })
    expect(values(net.patchEmbed.bias as Tensor)).toEqual([1, 1])
  })

  it('that two fields would share are an error', () => {
    class Twice extends nn.Module {
      aB = new nn.Linear(1, 1)
      a_b = new nn.Linear(1, 1)

      override forward(x: Tensor): Tensor {
        return this.aB.forward(this.a_b.forward(x))
      }
    }
    expect(() => new Twice().stateDict()).toThrow(ArgumentError)
    expect(() => new Twice().stateDict()).toThrow(/Twice.*'a_b.weight'/)
    expect(() => new Twice().loadStateDict({})).toThrow(/a_b.weight/)
  })
})

describe('paths', () => {
  it('lead to modules, parameters and buffers, in either case', () => {
    const net = new Net()
    const [block] = net.encoderBlocks
    expect(net.getSubmodule('')).toBe(net)
    for (const path of ['encoder_blocks.0.norm_layer', 'encoderBlocks.0.normLayer']) {
      expect(net.getSubmodule(path)).toBe(block.normLayer)
      expect(net.getParameter(`${path}.weight`)).toBe(block.normLayer.weight)
      expect(net.getBuffer(`${path}.running_mean`)).toBe(block.normLayer.runningMean)
      expect(net.getBuffer(`${path}.runningMean`)).toBe(block.normLayer.runningMean)
    }
    expect(net.getSubmodule('by_name.headA')).toBe(net.byName.get('headA'))
    for (const [name, parameter] of net.namedParameters()) expect(net.getParameter(name)).toBe(parameter)
    for (const [name, module] of net.namedModules()) expect(net.getSubmodule(name)).toBe(module)
    for (const [name, buffer] of net.namedBuffers()) expect(net.getBuffer(name)).toBe(buffer)
  })

  it.each<[string, (net: Net) => unknown, RegExp]>([
    ['a module', (net) => net.getSubmodule('encoder_blocks.1'), /'1' in ModuleList.*there are 0/],
    ['a parameter', (net) => net.getParameter('patch_embed.gain'), /patch_embed\.gain.*patch_embed\.weight/],
    ['a parameter below nothing', (net) => net.getParameter('gone.gain'), /'gone' in Net.*patch_embed/],
    ['a buffer', (net) => net.getBuffer('patch_embed.weight'), /running_mean/],
    ['a number', (net) => net.getSubmodule(0 as never), /string/],
  ])('to %s that is not there are errors that say what there is', (_, act, message) => {
    expect(() => act(new Net())).toThrow(ArgumentError)
    expect(() => act(new Net())).toThrow(message)
  })

  it('children are those right below, each once', () => {
    const net = new Net()
    expect(net.children()).toEqual([net.patchEmbed, net.encoderBlocks, net.byName])
    const twice = new nn.Sequential(net.patchEmbed, net.patchEmbed)
    expect(twice.children()).toEqual([net.patchEmbed])
    expect(net.buffers()).toHaveLength(3)
  })
})

describe('apply and requiresGrad_', () => {
  it('apply comes to each module, children first', () => {
    const seen: string[] = []
    const net = new Net()
    expect(net.apply((module) => seen.push(module.constructor.name))).toBe(net)
    expect(seen).toEqual(['Linear', 'BatchNorm1d', 'Block', 'ModuleList', 'Linear', 'ModuleDict', 'Net'])
    net.apply((module) => {
      if (module instanceof nn.Linear) module.weight.fill_(3)
    })
    expect(values(net.patchEmbed.weight)).toEqual([3, 3, 3, 3])
    expect(() => net.apply(zeros([1]) as never)).toThrow(/apply.*forward/)
  })

  it('requiresGrad_ freezes and thaws all below', () => {
    const net = new Net()
    expect(net.requiresGrad_(false)).toBe(net)
    expect(net.parameters().some(({ requiresGrad }) => requiresGrad)).toBe(false)
    net.patchEmbed.requiresGrad_()
    expect(net.parameters().filter(({ requiresGrad }) => requiresGrad)).toHaveLength(2)
    expect(() => net.requiresGrad_(0 as never)).toThrow(ArgumentError)
  })
})
