import { ArgumentError, foldBatchNorm, manualSeed, nn, noGrad, randn, type Tensor, tensor } from 'simdgrad'
import { cnn, mlp } from 'simdgrad/nets'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ResNet } from '../../examples/nets/resnet20.mjs'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)
beforeEach(() => manualSeed(0))

const values = (x: Tensor) => [...x.toFloat32Array()]

/** Statistics, weights and biases as after training: none at its beginning. */
function shake<M extends nn.AnyModule>(net: M): M {
  for (const [, module] of net.namedModules()) {
    if (!(module instanceof nn.BatchNorm1d || module instanceof nn.BatchNorm2d)) continue
    const c = [module.numFeatures]
    module.runningMean?.copy_(randn(c))
    module.runningVar?.copy_(randn(c).pow(2).add(0.3))
    module.weight?.copy_(randn(c).add(1))
    module.bias?.copy_(randn(c))
  }
  return net
}

const run = (net: nn.Module, x: Tensor) => values(noGrad(() => net.eval().forward(x)))

function expectSame(net: nn.Module, folded: nn.Module, x: Tensor): void {
  const [a, b] = [run(net, x), run(folded, x)]
  const largest = Math.max(...a.map(Math.abs))
  expect(b.length).toBe(a.length)
  expect(Math.max(...a.map((value, i) => Math.abs(value - b[i])))).toBeLessThan(1e-5 * largest)
}

const norms = (net: nn.AnyModule) =>
  net
    .namedModules()
    .filter(([, module]) => module instanceof nn.BatchNorm1d || module instanceof nn.BatchNorm2d)
    .map(([path]) => path)

const { Sequential, Linear, Conv1d, Conv2d, ConvTranspose2d, BatchNorm1d, BatchNorm2d, ReLU } = nn

describe('foldBatchNorm', () => {
  it.each<[string, () => nn.Module, number[]]>([
    ['Linear before', () => new Sequential(new Linear(5, 7), new BatchNorm1d(7), new ReLU()), [3, 5]],
    [
      'a Linear without bias',
      () => new Sequential(new Linear(5, 7, { bias: false }), new BatchNorm1d(7)),
      [3, 5],
    ],
    [
      'Conv1d',
      () => new Sequential(new Conv1d(4, 6, 3, { padding: 1, groups: 2 }), new BatchNorm1d(6)),
      [2, 4, 9],
    ],
    [
      'Conv2d',
      () => new Sequential(new Conv2d(4, 6, 3, { stride: 2, groups: 2 }), new BatchNorm2d(6)),
      [2, 4, 9, 7],
    ],
    [
      'ConvTranspose2d, grouped',
      () => new Sequential(new ConvTranspose2d(6, 4, 3, { groups: 2, stride: 2 }), new BatchNorm2d(4)),
      [2, 6, 5, 4],
    ],
    ['Linear after', () => new Sequential(new BatchNorm1d(5), new Linear(5, 3)), [4, 5]],
    [
      'Conv2d after',
      () => new Sequential(new BatchNorm2d(4), new Conv2d(4, 6, 3, { groups: 2, bias: false })),
      [2, 4, 6, 5],
    ],
    [
      'Conv1d after',
      () => new Sequential(new BatchNorm1d(4), new Conv1d(4, 6, 3, { padding: 'valid' })),
      [2, 4, 6],
    ],
    ['without affine', () => new Sequential(new Linear(3, 4), new BatchNorm1d(4, { affine: false })), [2, 3]],
    [
      'two in a row',
      () => new Sequential(new Linear(3, 4), new BatchNorm1d(4), new BatchNorm1d(4), new ReLU()),
      [2, 3],
    ],
    [
      'dropout between',
      () => new Sequential(new Linear(3, 4), new nn.Dropout(0.5), new BatchNorm1d(4)),
      [2, 3],
    ],
    ["the command's MLP", () => mlp(new BatchNorm1d(100)), [3, 1, 28, 28]],
    ["the command's CNN", () => cnn(true), [3, 1, 28, 28]],
    ['a ResNet', () => new ResNet({ blocks: 1, width: 4 }), [2, 3, 16, 16]],
  ])('folds %s: nothing is left of it, and the results are the same', (_, make, shape) => {
    const net = shake(make())
    const before = Object.values(net.stateDict()).map(values)
    const { net: folded, kept } = foldBatchNorm(net)
    expect(kept).toEqual([])
    expect(norms(folded)).toEqual([])
    expectSame(net, folded, randn(shape))
    // What was given stays as it was, and shares nothing.
    for (const parameter of folded.parameters()) parameter.fill_(9)
    expect(Object.values(net.stateDict()).map(values)).toEqual(before)
  })

  it.each([
    [[4, 3, 4, 5], () => new Sequential(new BatchNorm2d(3), new nn.Flatten(), new Linear(60, 2))],
    [
      [4, 3, 7],
      () => new Sequential(new BatchNorm1d(3), new nn.Flatten(), new Linear(21, 2, { bias: false })),
    ],
  ])('folds %j into a Linear behind a flatten', (inputs, make) => {
    const net = shake(make())
    const { net: folded, kept } = foldBatchNorm(net, { inputs })
    expect(kept).toEqual([])
    expectSame(net, folded, randn(inputs))
  })

  it('names its places, and keeps the modes of the net', () => {
    const net = shake(cnn(true))
    const result = foldBatchNorm(net)
    expect(result.folded).toEqual([
      { path: '1', into: '0', side: 'before' },
      { path: '5', into: '4', side: 'before' },
    ])
    expect(String(result)).toBe('1: folded into 0, before it\n5: folded into 4, before it')
    expect(net.training).toBe(true)
    expect(result.net.training).toBe(false)
    expect(result.net).toBeInstanceOf(Sequential)
    expect(Object.keys(result.net.stateDict())).toEqual(
      ['0', '4', '9'].flatMap((i) => [`${i}.weight`, `${i}.bias`]),
    )
  })

  class Net extends nn.Module {
    conv = new Conv2d(2, 4, 3, { bias: false })
    bn = new BatchNorm2d(4)
    constructor(readonly use: (x: Tensor, net: Net) => Tensor) {
      super()
    }
    forward(x: Tensor): Tensor {
      return this.use(x, this)
    }
  }

  it.each<[string, (x: Tensor, net: Net) => Tensor, RegExp]>([
    ['a ReLU between', (x, { conv, bn }) => bn.forward(conv.forward(x).relu()), /stands before it, but relu/],
    [
      'a branch that reads the convolution too',
      (x, { conv, bn }) => {
        const y = conv.forward(x)
        return bn.forward(y).add(y.sigmoid())
      },
      /Conv2d 'conv' gives is read by sigmoid too/,
    ],
    [
      'a branch outside of the graph',
      (x, { conv, bn }) => {
        const y = conv.forward(x)
        return bn.forward(y).mul(noGrad(() => y.sigmoid()))
      },
      /folded into 'conv', the net gives other results/,
    ],
    [
      'a branch that is detached',
      (x, { conv, bn }) => {
        const y = conv.forward(x)
        return bn.forward(y).add(y.detach())
      },
      /gives other results/,
    ],
    [
      'a convolution that is called twice',
      (x, { conv, bn }) => bn.forward(conv.forward(x)).add(conv.forward(x.neg())),
      /Conv2d 'conv' before it is called 2 times/,
    ],
    [
      'batch norm called twice',
      (x, { conv, bn }) => bn.forward(bn.forward(conv.forward(x))),
      /calls it 2 times/,
    ],
    ['one that is not called', (x, { conv }) => conv.forward(x), /the forward did not call it/],
    [
      'weights that are read elsewhere',
      (x, { conv, bn }) => bn.forward(conv.forward(x)).mul(conv.weight.mean()),
      /has weights that the forward uses elsewhere/,
    ],
    [
      'a forward that looks at the layer',
      (x, { conv, bn }) => bn.forward(conv.forward(x)).mul(bn.eps * 1e5),
      /other results/,
    ],
  ])('leaves %s, and says why', (_, use, reason) => {
    const net = shake(new Net(use))
    const x = randn([3, 2, 6, 6])
    const { net: folded, kept } = foldBatchNorm(net, { inputs: x })
    expect(kept).toHaveLength(1)
    expect(kept[0]).toMatchObject({ path: 'bn', type: 'BatchNorm2d' })
    expect(kept[0].reason).toMatch(reason)
    expectSame(net, folded, x)
  })

  it.each<[string, () => nn.Module, RegExp]>([
    [
      'no running statistics',
      () => new Sequential(new Linear(2, 3), new BatchNorm1d(3, { trackRunningStats: false })),
      /no running/,
    ],
    [
      'padding after it',
      () => new Sequential(new BatchNorm2d(2), new Conv2d(2, 3, 3, { padding: 'same' })),
      /pads with zeros/,
    ],
    [
      'a transposed convolution after it',
      () => new Sequential(new BatchNorm2d(2), new ConvTranspose2d(2, 3, 3)),
      /at its edges/,
    ],
    [
      'a Linear of sequences',
      () => new Sequential(new Linear(2, 3), new BatchNorm1d(5), new nn.Flatten()),
      /last dimension/,
    ],
    [
      'nothing beside it',
      () => new Sequential(new ReLU(), new BatchNorm1d(3), new ReLU()),
      /but ReLU '0'; after it comes ReLU '2'/,
    ],
  ])('leaves one with %s', (_, make, reason) => {
    const net = shake(make())
    const x = reason.source.includes('last dim') ? { inputs: [2, 5, 2] } : {}
    const { kept, folded } = foldBatchNorm(net, x)
    expect(folded).toEqual([])
    expect(kept[0].reason).toMatch(reason)
  })

  it('leaves what is flattened for two readers', () => {
    class Branches extends nn.Module {
      bn = new BatchNorm2d(2)
      a = new Linear(8, 3)
      forward(x: Tensor): Tensor {
        const y = this.bn.forward(x).flatten(1)
        return this.a.forward(y).add(y.slice(1, 0, 3))
      }
    }
    const net = shake(new Branches())
    const { net: folded, kept } = foldBatchNorm(net, { inputs: [3, 2, 2, 2] })
    expect(kept[0].reason).toMatch(/read by slice too/)
    expectSame(net, folded, randn([3, 2, 2, 2]))
  })

  it('leaves shared weights and hooks alone', () => {
    const [a, b] = [new Linear(3, 3), new Linear(3, 3)]
    Object.assign(b, { weight: a.weight })
    expect(foldBatchNorm(new Sequential(a, new BatchNorm1d(3), b)).kept[0].reason).toMatch(
      /shares its weights/,
    )
    const hooked = new Linear(3, 3)
    hooked.registerForwardHook((_, __, y) => y.mul(2))
    expect(foldBatchNorm(new Sequential(hooked, new BatchNorm1d(3), new ReLU())).kept[0].reason).toMatch(
      /hooks/,
    )
  })

  it('copies lists, dictionaries, recurrent layers and frozen parameters', () => {
    class Reader extends nn.Module {
      layers = new nn.ModuleList([new Conv1d(1, 4, 3), new BatchNorm1d(4)])
      more = new nn.ModuleDict({ act: new nn.LeakyReLU({ negativeSlope: 0.3 }), norm: new BatchNorm1d(8) })
      gru = new nn.GRU(4, 8, { batchFirst: true })
      scale = tensor([2])
      forward(x: Tensor): Tensor {
        let y = x
        for (const layer of this.layers) y = layer.forward(y)
        const [, h] = this.gru.forward((this.more.get('act') as nn.Module).forward(y).transpose(1, 2))
        return (this.more.get('norm') as nn.Module).forward(h.squeeze(0).mul(this.scale))
      }
    }
    const net = shake(new Reader()).requiresGrad_(false)
    const { net: folded, kept } = foldBatchNorm(net)
    expect(kept.map(({ path }) => path)).toEqual(['more.norm'])
    expect(folded).toBeInstanceOf(Reader)
    expect(folded.parameters().some(({ requiresGrad }) => requiresGrad)).toBe(false)
    expectSame(net, folded, randn([2, 1, 9]))
  })

  class Private extends nn.Module {
    fc = new Linear(3, 4)
    bn = new BatchNorm1d(4)
    #twice = 2
    forward(x: Tensor): Tensor {
      return this.bn.forward(this.fc.forward(x)).mul(this.#twice)
    }
  }

  it('asks for a net to fold into where a class has private fields', () => {
    const net = shake(new Private())
    expect(() => foldBatchNorm(net)).toThrow(/Private can't be copied .*give \{ into: … \}/)
    const into = new Private()
    const result = foldBatchNorm(net, { into })
    expect(result.net).toBe(into)
    expect(result.kept).toEqual([])
    expectSame(net, into, randn([5, 3]))
  })

  it('throws for a net whose input nobody can guess, and for what is wrong', () => {
    class Odd extends nn.Module {
      fc = new Linear(3, 4)
      bn = new BatchNorm1d(4)
      forward(x: Tensor): Tensor {
        return this.bn.forward(this.fc.forward(x.reshape([7, 11, 3]).mean({ dim: 1 })))
      }
    }
    const net = new Odd()
    expect(() => foldBatchNorm(net)).toThrow(/can't be guessed; give it/)
    expect(foldBatchNorm(net, { inputs: [77, 3] }).kept).toEqual([])
    expect(() => foldBatchNorm(net, { inputs: [77, 3], into: net })).toThrow(ArgumentError)
    expect(() => noGrad(() => foldBatchNorm(net, { inputs: [77, 3] }))).toThrow(/noGrad/)
  })
})

describe('foldBatchNorm of a net with several inputs', () => {
  class Two extends nn.Module {
    a = new Sequential(new Linear(3, 4, { bias: false }), new BatchNorm1d(4), new ReLU())
    b = new Sequential(new Linear(5, 4), new BatchNorm1d(4))
    norm = new BatchNorm1d(4)
    head = new Linear(4, 2)
    forward(x: Tensor, z: Tensor): { y: Tensor } {
      return { y: this.head.forward(this.norm.forward(this.a.forward(x).mul(this.b.forward(z)))) }
    }
  }

  it('folds before and after, and keeps its type', () => {
    const net = shake(new Two())
    const { net: folded, kept } = foldBatchNorm(net, { inputs: [[2, 3], randn([2, 5])] })
    expect(kept).toEqual([])
    const inputs = [randn([4, 3]), randn([4, 5])] as const
    const [a, b] = [net, folded].map((one) => values(noGrad(() => one.eval().forward(...inputs)).y))
    const largest = Math.max(...a.map(Math.abs))
    expect(Math.max(...a.map((value, i) => Math.abs(value - b[i])))).toBeLessThan(1e-5 * largest)
  })
})
