/** Compiled steps beside the same steps as they are: the same bits, whatever changes from step to step. */
import {
  ArgumentError,
  AutogradError,
  type Compiled,
  compile,
  manualSeed,
  nn,
  noGrad,
  optim,
  randn,
  type Tensor,
  tensor,
} from 'simdgrad'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)
beforeEach(() => manualSeed(0))

const values = (x: Tensor) => [...x.toFloat32Array()]

/** What a training needs, made anew from the same seed. */
interface Made {
  net: nn.AnyModule & { forward(x: Tensor): Tensor }
  optimizer: optim.SGD | optim.Adam | optim.AdamW | optim.NAdam | optim.RMSprop | optim.Adagrad
  loss?: { forward(prediction: Tensor, target: Tensor): Tensor }
}

/** Batches of [n, ...shape] and labels of 3 classes. */
function batches(sizes: readonly number[], shape: readonly number[]): [x: Tensor, y: Tensor][] {
  manualSeed(7)
  return sizes.map((n, i) => [randn([n, ...shape]), tensor(Array.from({ length: n }, (_, k) => (k + i) % 3))])
}

interface Options {
  shape: readonly number[]
  sizes?: readonly number[]
  /** What happens outside of the step, before step `i`. */
  between?(made: Made, i: number): void
  /** In the step, after backward. */
  beforeStep?(made: Made): void
  /** Where `zeroGrad` is: in the step (default), before it, or every second time. */
  zeroing?: 'inside' | 'outside' | 'seldom'
}

/** Trains, and gives all that can be seen: losses, gradients, and the state. */
function train(make: () => Made, compiled: boolean, options: Options) {
  const { shape, sizes = [8, 8, 8, 8, 5, 8, 8, 5, 5, 8], between, beforeStep, zeroing = 'inside' } = options
  const data = batches(sizes, shape)
  manualSeed(1)
  const made = make()
  const { net, optimizer, loss = new nn.CrossEntropyLoss() } = made
  const run = (x: Tensor, y: Tensor) => {
    if (zeroing === 'inside') optimizer.zeroGrad()
    const value = loss.forward(net.forward(x), y)
    value.backward()
    beforeStep?.(made)
    optimizer.step()
    return value
  }
  const step = compiled ? compile(run) : run
  const seen: unknown[] = []
  for (const [i, [x, y]] of data.entries()) {
    between?.(made, i)
    if (zeroing === 'outside' || (zeroing === 'seldom' && i % 2 === 0)) optimizer.zeroGrad()
    seen.push(step(x, y).item())
    seen.push(net.parameters().map(({ grad }) => grad && values(grad)))
  }
  for (const [name, x] of Object.entries(net.stateDict())) seen.push([name, values(x)])
  const { report } = step as Partial<Compiled<never, unknown>>
  return { seen, report }
}

/** @returns how the compiled one ran */
function expectSame(make: () => Made, options: Options) {
  const own = train(make, false, options)
  const { seen, report } = train(make, true, options)
  expect(seen).toEqual(own.seen)
  if (!report) throw new Error('it was not compiled')
  return report
}

const mlp = () =>
  new nn.Sequential(
    new nn.Linear(6, 9),
    new nn.BatchNorm1d(9),
    new nn.ReLU(),
    new nn.Dropout(0.3),
    new nn.Linear(9, 3),
  )

const cnn = () =>
  new nn.Sequential(
    new nn.Conv2d(2, 5, 3, { padding: 1 }),
    new nn.BatchNorm2d(5),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(5 * 9, 3),
  )

/** Dropout in attention too, of layers that are built in. */
const encoder = () =>
  new nn.Sequential(
    new nn.TransformerEncoderLayer(6, 2, { dimFeedforward: 8, dropout: 0.3, batchFirst: true }),
    new nn.Flatten(),
    new nn.Linear(24, 3),
  )

const sgd = (net: nn.AnyModule, options: optim.SGDOptions = { lr: 0.1 }) =>
  new optim.SGD(net.parameters(), options)

/** A residual net with a `forward` of its own. */
class Residual extends nn.Module {
  readonly first = new nn.Linear(6, 6)
  readonly norm = new nn.LayerNorm(6)
  readonly head = new nn.Linear(6, 3)

  forward(x: Tensor): Tensor {
    return this.head.forward(x.add(this.norm.forward(this.first.forward(x).gelu())).relu())
  }
}

describe('a compiled training step gives the same bits', () => {
  it.each<[string, () => Made, readonly number[]]>([
    ['an MLP', () => from(mlp(), sgd), [6]],
    ['a conv net', () => from(cnn(), sgd), [2, 6, 6]],
    ['an encoder', () => from(encoder(), sgd), [4, 6]],
    ['a forward of its own', () => from(new Residual(), sgd), [6]],
    ['momentum', () => from(mlp(), (net) => sgd(net, { lr: 0.1, momentum: 0.9, nesterov: true })), [6]],
    ['Adam', () => from(mlp(), (net) => new optim.Adam(net.parameters(), { amsgrad: true })), [6]],
    ['AdamW', () => from(new Residual(), (net) => new optim.AdamW(net.parameters())), [6]],
    ['NAdam', () => from(mlp(), (net) => new optim.NAdam(net.parameters())), [6]],
    ['RMSprop', () => from(mlp(), (net) => new optim.RMSprop(net.parameters(), { momentum: 0.5 })), [6]],
    ['Adagrad', () => from(mlp(), (net) => new optim.Adagrad(net.parameters())), [6]],
  ])('of %s', (_, make, shape) => {
    const { replayed, recordings, reason } = expectSame(make, { shape })
    expect({ replayed, recordings, reason }).toEqual({ replayed: 6, recordings: 2, reason: undefined })
  })

  it('with a learning rate that changes, and a momentum of batch norm', () => {
    const between = ({ net, optimizer }: Made, i: number) => {
      optimizer.lr = 0.1 / (i + 1)
      for (const [, module] of net.namedModules()) {
        if (module instanceof nn.BatchNorm1d) module.momentum = i < 5 ? 0.1 * i : null
      }
    }
    expect(expectSame(() => from(mlp(), sgd), { shape: [6], between }).replayed).toBe(6)
  })

  it('in training and evaluation, and with a part that is frozen and thawed', () => {
    const sizes = new Array<number>(24).fill(8)
    const between = ({ net }: Made, i: number) => {
      net.train(i % 8 < 4)
      for (const parameter of net.parameters().slice(0, 2)) parameter.requiresGrad = i < 8 || i >= 16
    }
    const { replayed, recordings } = expectSame(() => from(mlp(), sgd), { shape: [6], sizes, between })
    expect(recordings).toBe(4)
    expect(replayed).toBeGreaterThanOrEqual(24 - 4 * 3)
  })

  it.each(['outside', 'seldom'] as const)('with zeroGrad %s', (zeroing) => {
    const sizes = new Array<number>(12).fill(8)
    const { replayed } = expectSame(() => from(mlp(), sgd), { shape: [6], sizes, zeroing })
    expect(replayed).toBeGreaterThanOrEqual(zeroing === 'outside' ? 9 : 0)
  })

  it('with gradients that are clipped, by norm and by value', () => {
    const beforeStep = ({ net }: Made) => {
      nn.utils.clipGradNorm_(net.parameters(), 0.5)
      nn.utils.clipGradValue_(net.parameters(), 0.05)
    }
    expect(expectSame(() => from(mlp(), sgd), { shape: [6], beforeStep }).replayed).toBe(6)
  })

  it('with a momentum that begins later, and a state that is loaded', () => {
    const between = ({ optimizer }: Made, i: number) => {
      if (i === 3) for (const group of (optimizer as optim.SGD).paramGroups) group.momentum = 0.9
      if (i === 6) optimizer.loadStateDict(optimizer.stateDict())
    }
    expectSame(() => from(mlp(), sgd), { shape: [6], between })
  })

  it('with a scheduler and an average of the weights in the step', () => {
    const averages: number[][][] = []
    const beforeStep = (
      made: Made & { more?: [optim.lrScheduler.OneCycleLR, optim.swaUtils.AveragedModel] },
    ) => {
      made.more ??= [
        new optim.lrScheduler.OneCycleLR(made.optimizer, 0.2, { totalSteps: 12, cycleMomentum: false }),
        new optim.swaUtils.AveragedModel(made.net, { decay: 0.9 }),
      ]
      const [scheduler, average] = made.more
      scheduler.step()
      average.update()
    }
    const between = ({ net, more }: Made & { more?: [unknown, optim.swaUtils.AveragedModel] }) => {
      averages.push(more ? [...more[1].applied(() => net.parameters().map(values))] : [])
    }
    const sizes = new Array<number>(9).fill(8)
    expect(expectSame(() => from(mlp(), sgd), { shape: [6], sizes, beforeStep, between }).replayed).toBe(6)
    expect(averages.slice(9)).toEqual(averages.slice(0, 9))
  })

  it('with a group of parameters that is added', () => {
    const make = () => {
      const net = mlp()
      return { net, optimizer: new optim.SGD(net.parameters().slice(2), { lr: 0.1 }) }
    }
    const between = ({ net, optimizer }: Made, i: number) => {
      if (i === 5) optimizer.addParamGroup({ params: net.parameters().slice(0, 2) })
      if (i < 5) for (const parameter of net.parameters()) parameter.zeroGrad()
    }
    expectSame(make, { shape: [6], sizes: new Array<number>(10).fill(8), between })
  })

  it('with weights that are loaded', () => {
    let saved: nn.StateDict = {}
    const between = ({ net }: Made, i: number) => {
      if (i === 2) saved = Object.fromEntries(Object.entries(net.stateDict()).map(([k, x]) => [k, x.clone()]))
      if (i === 6) net.loadStateDict(saved)
    }
    expect(expectSame(() => from(mlp(), sgd), { shape: [6], between }).replayed).toBe(6)
  })

  it('with an ignored label among those of a batch, for which there is no case', () => {
    const loss = new nn.CrossEntropyLoss()
    const spoil = {
      count: 0,
      forward(prediction: Tensor, target: Tensor) {
        return loss.forward(prediction, target)
      },
    }
    const data = batches([8, 8, 8, 8, 8, 8], [6])
    const labels = [...data[4][1].toFloat32Array()]
    labels[3] = -100
    data[4][1] = tensor(labels)
    const runs = [false, true].map((compiled) => {
      manualSeed(1)
      const { net, optimizer } = from(mlp(), sgd)
      const run = (x: Tensor, y: Tensor) => {
        optimizer.zeroGrad()
        const value = spoil.forward(net.forward(x), y)
        value.backward()
        optimizer.step()
        return value
      }
      const step = compiled ? compile(run) : run
      const losses = data.map(([x, y]) => step(x, y).item())
      return {
        losses,
        state: Object.values(net.stateDict()).map(values),
        report: (step as Partial<typeof step & Compiled<never, unknown>>).report,
      }
    })
    expect(runs[1].losses).toEqual(runs[0].losses)
    expect(runs[1].state).toEqual(runs[0].state)
    expect(runs[1].report).toMatchObject({ replayed: 3, eager: 3 })
  })
})

function from<N extends Made['net']>(net: N, optimizer: (net: N) => Made['optimizer']): Made {
  return { net, optimizer: optimizer(net) }
}

describe('inference', () => {
  it('gives results that stay, in the shapes that it is given', () => {
    const net = mlp().eval()
    const forward = compile((x: Tensor) => noGrad(() => net.forward(x)))
    const inputs = [3, 3, 3, 1, 1, 1, 3, 1].map((n) => randn([n, 6]))
    const results = inputs.map((x) => forward(x))
    const own = inputs.map((x) => noGrad(() => net.forward(x)))
    expect(results.map(values)).toEqual(own.map(values))
    expect(forward.report).toMatchObject({ replayed: 4, eager: 4, recordings: 2 })
  })

  it('takes and gives arrays and objects of tensors', () => {
    const step = compile(({ a, more: [b] }: { a: Tensor; more: Tensor[] }) => ({
      sum: a.add(b),
      same: a,
      three: [3],
    }))
    for (let i = 0; i < 4; i++) {
      const [a, b] = [tensor([i, 1]), tensor([2, i])]
      const { sum, same, three } = step({ a, more: [b] })
      expect([values(sum), same, three]).toEqual([[i + 2, i + 1], a, [3]])
    }
    expect(step.report.replayed).toBe(2)
  })

  it('tells one tensor given twice from two', () => {
    const step = compile((a: Tensor, b: Tensor) => a.mul(b))
    const [a, b] = [tensor([2, 3]), tensor([5, 7])]
    for (const [x, y] of [
      [a, a],
      [a, a],
      [a, b],
      [a, b],
      [a, a],
      [a, b],
      [b, a],
    ] as const) {
      expect(values(step(x, y))).toEqual(values(x.mul(y)))
    }
    expect(step.report.recordings).toBe(2)
  })

  it('gives its memory back', () => {
    const step = compile((x: Tensor) => x.mul(2).add(1).relu())
    for (let i = 0; i < 3; i++) step(tensor([1, 2]))
    expect(step.report.bytes).toBeGreaterThan(0)
    step.dispose()
    expect(step.report).toMatchObject({ recordings: 0, bytes: 0 })
    expect(values(step(tensor([1, -2])))).toEqual([3, 0])
  })
})

describe('what can not be compiled', () => {
  it.each<[string, () => (x: Tensor) => unknown, RegExp]>([
    [
      'reads a value',
      () => (x) => (x.sum().item() > 0 ? x : x.neg()),
      /compile: the step reads a value.*return the tensor/,
    ],
    ['prints one', () => (x) => String(x.mul(2)), /compile: the step reads a value/],
    [
      'returns a graph',
      () => (x) => x.mul(new nn.Parameter(tensor([1, 2]))),
      /compile: .*backward\(\) was not called/,
    ],
  ])('throws where the step %s', (_, make, message) => {
    const step = compile(make())
    expect(() => step(tensor([1, 2]))).toThrow(AutogradError)
    expect(() => step(tensor([1, 2]))).toThrow(message)
  })

  it('throws where it is asynchronous, and where it is no function', () => {
    expect(() => compile(async (x: Tensor) => x.mul(2))(tensor([1]))).toThrow(/asynchronous/)
    expect(() => compile(1 as never)).toThrow(ArgumentError)
  })

  it.each<[string, () => (x: Tensor) => Tensor, RegExp]>([
    [
      'counts',
      () => {
        let n = 0
        return (x) => x.mul(n++)
      },
      /changes from call to call: a number of kernel \d+/,
    ],
    [
      'takes another way each time',
      () => {
        let n = 0
        return (x) => (n++ % 2 ? x.exp() : x.sin().cos())
      },
      /changes from call to call: it ran 2 kernels, and then 1|changes from call to call: it ran/,
    ],
    [
      'makes tensors of other values',
      () => {
        let n = 0
        return (x) => x.mul(tensor([n++, 1]))
      },
      /changes from call to call: a tensor is made of other values/,
    ],
  ])('is told of a step that %s, which runs as it is', (_, make, reason) => {
    const [own, step] = [make(), compile(make())]
    for (let i = 0; i < 9; i++) expect(values(step(tensor([i, 2])))).toEqual(values(own(tensor([i, 2]))))
    expect(step.report.reason).toMatch(reason)
    expect(step.report.replayed).toBe(0)
  })

  it('is told of an argument with a gradient', () => {
    const step = compile((x: Tensor) => {
      const y = x.mul(x).sum()
      y.backward()
      return y
    })
    const x = tensor([1, 2], { requiresGrad: true })
    for (let i = 0; i < 4; i++) step(x)
    expect(values(x.grad as Tensor)).toEqual([8, 16])
    expect(step.report).toMatchObject({ replayed: 0, reason: expect.stringMatching(/requires a gradient/) })
  })

  it('is not kept from others by arguments with a gradient, however many there were', () => {
    const step = compile((x: Tensor) => noGrad(() => x.mul(2)))
    for (let i = 0; i < 20; i++) step(tensor([i], { requiresGrad: true }))
    for (let i = 0; i < 4; i++) expect(values(step(tensor([i])))).toEqual([2 * i])
    expect(step.report).toMatchObject({ replayed: 2, recordings: 1, reason: undefined })
  })

  it('leaves the parameters where the step throws', () => {
    const { net, optimizer } = from(mlp(), sgd)
    const loss = new nn.CrossEntropyLoss()
    const step = compile((x: Tensor, y: Tensor) => {
      optimizer.zeroGrad()
      const value = loss.forward(net.forward(x), y)
      value.backward()
      optimizer.step()
      return value
    })
    const x = randn([4, 6])
    for (let i = 0; i < 4; i++) step(x, tensor([0, 1, 2, 0]))
    const before = net.parameters().map(values)
    expect(() => step(x, tensor([0, 1, 5, 0]))).toThrow(/label 2 is 5/)
    expect(net.parameters().map(values)).toEqual(before)
    for (const group of optimizer.paramGroups) group.lr = Number.NaN
    expect(() => step(x, tensor([0, 1, 2, 0]))).toThrow(/lr/)
    expect(net.parameters().map(values)).toEqual(before)
  })
})
