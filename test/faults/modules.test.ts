/**
 * Modules that a net holds and does not find are told, and not left untrained in silence; a net that holds itself is
 * an error, and no stack overflow.
 */
import { ArgumentError, data, fit, nn, ones, optim, randn, type Tensor, tensor, zeros } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

/** A net with something in a field, besides a layer that is found. */
class Holder extends nn.Module {
  head = new nn.Linear(3, 2)
  field: unknown

  constructor(field: unknown) {
    super()
    this.field = field
  }

  override forward(x: Tensor): Tensor {
    return this.head.forward(x)
  }
}

const layer = () => new nn.Linear(3, 3)

const lost: [string, () => unknown][] = [
  ['an array', () => [layer(), layer()]],
  ['an array of one', () => [layer()]],
  ['an array of arrays', () => [[layer()], [layer()]]],
  ['an array that begins with something else', () => [1, null, layer()]],
  ['an array of Sequentials', () => [new nn.Sequential(layer())]],
  ['an array of parameters', () => [new nn.Parameter(ones([2]))]],
  ['an object', () => ({ first: layer() })],
  ['an object of arrays', () => ({ layers: [layer()] })],
  ['a Map', () => new Map([['first', layer()]])],
  ['a Set', () => new Set([layer()])],
]

/** What asks for a net's parameters. */
const asking: [string, (net: nn.Module) => unknown][] = [
  ['parameters()', (net) => net.parameters()],
  ['namedParameters()', (net) => net.namedParameters()],
  ['stateDict()', (net) => net.stateDict()],
  ['loadStateDict()', (net) => net.loadStateDict(new nn.Linear(3, 2).stateDict(), { strict: false })],
]

const set = () => new data.TensorDataset(randn([8, 3]), tensor([0, 1, 0, 1, 0, 1, 0, 1]))

/** Trains a net for an epoch, with an optimiser of some parameters. */
const train = (net: nn.Module, parameters: Iterable<Tensor>) =>
  fit(net, {
    train: new data.DataLoader(set(), { batchSize: 4 }),
    optimizer: new optim.SGD(parameters, { lr: 0.1 }),
    loss: new nn.CrossEntropyLoss(),
  })

describe('modules that are in no field of their own', () => {
  describe.each(lost)('in %s', (_, make) => {
    it.each(asking)('are told by %s', (_, ask) => {
      const net = new Holder(make())
      expect(() => ask(net)).toThrow(ArgumentError)
      expect(() => ask(net)).toThrow(/\bfield\b/)
      expect(() => ask(net)).toThrow(/nn\.ModuleList/)
    })

    it('are told when the net trains, and when it is part of another', async () => {
      const net = new Holder(make())
      await expect(train(net, net.head.parameters())).rejects.toThrow(ArgumentError)
      expect(() => new nn.Sequential(net).parameters()).toThrow(/\bfield\b/)
    })
  })

  it.each<[string, () => unknown]>([
    ['numbers', () => [1, 2, 3]],
    ['an empty array', () => []],
    ['tensors that are no parameters', () => [zeros([2]), zeros([3])]],
    ['functions', () => [(x: Tensor) => x]],
    ['strings and nulls', () => ({ name: 'net', next: null, none: undefined })],
    ['a Map of numbers', () => new Map([['a', 1]])],
    ['a typed array', () => new Float32Array(1e6)],
    ['a Date', () => new Date()],
    ['a layer', layer],
  ])('are not seen where there are none: %s', (_, make) => {
    const net = new Holder(make())
    expect(net.parameters().length).toBeGreaterThan(1)
    expect(Object.keys(net.stateDict())).toContain('head.weight')
  })

  it('are not seen in an object that holds itself', () => {
    const circle: Record<string, unknown> = { name: 'circle' }
    circle.self = circle
    expect(new Holder(circle).parameters()).toHaveLength(2)
  })

  it('are not told where each is in a field as well', () => {
    class Both extends nn.Module {
      a = layer()
      b = layer()
      all = [this.a, this.b]

      override forward(x: Tensor): Tensor {
        return this.all.reduce((y, each) => each.forward(y), x)
      }
    }
    expect(new Both().parameters()).toHaveLength(4)
    expect(Object.keys(new Both().stateDict())).toEqual(['a.weight', 'a.bias', 'b.weight', 'b.bias'])
  })
})

describe('modules in a private field', () => {
  class Private extends nn.Module {
    readonly #hidden = new nn.Linear(3, 3)
    head = new nn.Linear(3, 2)

    override forward(x: Tensor): Tensor {
      return this.head.forward(this.#hidden.forward(x))
    }
  }

  it('are told when the net is trained by hand, at the latest', () => {
    const run = () => {
      const net = new Private()
      const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 })
      net
        .forward(randn([4, 3]))
        .sum()
        .backward()
      optimizer.step()
    }
    expect(run).toThrow(ArgumentError)
    expect(run).toThrow(/Private/)
    expect(run).toThrow(/private|#hidden/)
  })

  it('are told when the net is trained by fit, at the latest', async () => {
    const run = async () => {
      const net = new Private()
      await train(net, net.parameters())
    }
    await expect(run()).rejects.toThrow(ArgumentError)
  })

  it('are no harm without parameters, or where they are in a field as well', async () => {
    class Harmless extends nn.Module {
      readonly #relu = new nn.ReLU()
      head = new nn.Linear(3, 2)
      readonly #alias = this.head

      override forward(x: Tensor): Tensor {
        return this.#alias.forward(this.#relu.forward(x))
      }
    }
    const net = new Harmless()
    const before = net.head.weight.toFloat32Array()
    await train(net, net.parameters())
    expect(net.head.weight.toFloat32Array()).not.toEqual(before)
  })
})

describe('a net that holds itself', () => {
  const circles: [string, () => nn.Module, RegExp][] = [
    [
      'through a child that knows its parent',
      () => {
        const net = new Holder(null)
        net.field = new Holder(net)
        return net
      },
      /field/,
    ],
    [
      'in a field of its own',
      () => {
        const net = new Holder(null)
        net.field = net
        return net
      },
      /field/,
    ],
    [
      'through a Sequential',
      () => {
        const net = new Holder(null)
        net.field = new nn.Sequential(new nn.ReLU(), new Holder(net))
        return net
      },
      /field/,
    ],
  ]
  const walking: [string, (net: nn.Module) => unknown][] = [
    ...asking,
    ['train()', (net) => net.train()],
    ['eval()', (net) => net.eval()],
    ['namedModules()', (net) => net.namedModules()],
    ['zeroGrad()', (net) => net.zeroGrad()],
  ]

  describe.each(circles)('%s', (_, make, field) => {
    it.each(walking)('is an error of %s', (_, walk) => {
      const net = make()
      expect(() => walk(net)).toThrow(ArgumentError)
      expect(() => walk(net)).toThrow(field)
    })
  })

  it('is no net whose child stands in two places', () => {
    const shared = layer()
    const net = new nn.Sequential(shared, new Holder(shared), shared)
    expect(net.parameters()).toHaveLength(4)
    expect(net.eval().training).toBe(false)
  })
})
