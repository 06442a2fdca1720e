/** Nets of several inputs and outputs, data of several targets and by names, and steps of a user's own. */
import {
  ArgumentError,
  callbacks,
  data,
  evaluate,
  type FitOptions,
  fit,
  type History,
  hashState,
  manualSeed,
  metrics,
  nn,
  noGrad,
  optim,
  recalibrate,
  type Tensor,
  tensor,
} from 'simdgrad'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'
import { Random } from '../support/random.js'

beforeAll(initForTest)
beforeEach(() => manualSeed(0))

const F = nn.functional
type Out = { sum: Tensor; kind: Tensor }

/** Two inputs, two outputs. */
class Two extends nn.Module<[a: Tensor, b: Tensor], Out> {
  left = new nn.Linear(2, 6)
  right = new nn.Linear(3, 6)
  norm = new nn.BatchNorm1d(6)
  sum = new nn.Linear(6, 1)
  kind = new nn.Linear(6, 3)

  override forward(a: Tensor, b: Tensor): Out {
    const h = this.norm.forward(this.left.forward(a).add(this.right.forward(b))).relu()
    return { sum: this.sum.forward(h), kind: this.kind.forward(h) }
  }
}

/** The same with its inputs by name. */
class Named extends nn.Module<[inputs: { a: Tensor; b: Tensor }], Out> {
  two = new Two()

  override forward({ a, b }: { a: Tensor; b: Tensor }): Out {
    return this.two.forward(a, b)
  }
}

const random = new Random(3)
const rows = Array.from({ length: 22 }, (_, i) => {
  const a = [random.normal(), random.normal()]
  const b = [random.normal(), random.normal(), random.normal()]
  return { a, b, sum: [a[0] + b[1]], kind: i % 3, weight: 1 + (i % 2) }
})

/** A data set of such samples. */
function setOf<S>(sample: (row: (typeof rows)[number]) => S): data.Dataset<S> {
  return { length: rows.length, get: (i) => sample(rows[i]) }
}

const loss = {
  forward: (out: Out, target: { sum: Tensor; kind: Tensor }) =>
    F.mseLoss(out.sum, target.sum).add(F.crossEntropy(out.kind, target.kind)),
}

/** The same by hand: mini-batches in order, one update of `accumulate` batches each. */
function byHand(net: Two, { epochs = 1, batchSize = 8, accumulate = 1 } = {}) {
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.05 })
  const batches = Array.from({ length: Math.ceil(rows.length / batchSize) }, (_, i) =>
    rows.slice(i * batchSize, (i + 1) * batchSize),
  )
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (let first = 0; first < batches.length; first += accumulate) {
      const group = batches.slice(first, first + accumulate)
      const samples = group.flat().length
      optimizer.zeroGrad()
      for (const batch of group) {
        const out = net.forward(tensor(batch.map(({ a }) => a)), tensor(batch.map(({ b }) => b)))
        const target = {
          sum: tensor(batch.map(({ sum }) => sum)),
          kind: tensor(batch.map(({ kind }) => kind)),
        }
        const value = loss.forward(out, target)
        if (group.length > 1) value.mul(batch.length / samples).backward()
        else value.backward()
      }
      optimizer.step()
    }
  }
  return hashState(net.stateDict())
}

const settings = (net: nn.AnyModule) => ({
  optimizer: new optim.SGD(net.parameters(), { lr: 0.05 }),
  epochs: 3,
})
const target = ({ sum, kind }: (typeof rows)[number]) => ({ sum, kind })
const inArray = () =>
  new data.DataLoader(
    setOf((row) => [[Float32Array.from(row.a), Float32Array.from(row.b)], target(row)] as const),
    { batchSize: 8 },
  )

describe('fit of several inputs and targets', () => {
  // The first epoch records, the later ones replay.
  it.each([
    [1, false],
    [1, true],
    [2, false],
    [2, true],
  ])('is the loop by hand, to the bit: %d batches an update, compiled %s', async (accumulate, compile) => {
    manualSeed(1)
    const expected = await byHand(new Two(), { epochs: 3, accumulate })
    manualSeed(1)
    const net = new Two()
    const loader = new data.DataLoader(
      setOf((row) => [{ 0: row.a, 1: row.b }, target(row)] as const),
      {
        batchSize: 8,
        collate: (samples) => {
          const made = data.collate(samples.map(([x, y]) => ({ a: x[0], b: x[1], ...y })))
          return [[made.a, made.b], { sum: made.sum, kind: made.kind }] as const
        },
      },
    )
    const history = await fit(net, { ...settings(net), train: loader, loss, accumulate, compile })
    expect(await hashState(net.stateDict())).toBe(expected)
    expect([history.compiled, history.reason === undefined]).toEqual([compile, compile])
  })

  it('takes inputs by name as one argument, and collates nested samples', async () => {
    manualSeed(1)
    const expected = await byHand(new Two(), { epochs: 3 })
    manualSeed(1)
    const net = new Named()
    const loader = new data.DataLoader(
      setOf((row) => [{ a: row.a, b: row.b }, target(row)] as const),
      { batchSize: 8 },
    )
    await fit(net, { ...settings(net), train: loader, valid: loader, loss })
    expect(await hashState(net.two.stateDict())).toBe(expected)
  })

  it.each([false, true])('gives metrics of each output, compiled %s', async (compile) => {
    const net = new Named()
    const loader = new data.DataLoader(
      setOf((row) => [{ a: row.a, b: row.b }, target(row)] as const),
      { batchSize: 8 },
    )
    const seen: string[] = []
    const history = await fit(net, {
      ...settings(net),
      ...{ train: loader, valid: loader, loss, compile },
      metrics: {
        kind: new metrics.OutputMetric('kind', new metrics.Accuracy()),
        sum: new metrics.OutputMetric('sum', new metrics.MeanAbsoluteError()),
        mine: {
          reset() {},
          update: (out, y) => void seen.push(`${out.kind.shape} ${y.kind.shape}`),
          compute: () => 1,
        },
      },
    })
    const last = history.epochs[2].valid
    net.eval()
    const whole = data.collate(rows)
    const out = noGrad(() => net.forward({ a: whole.a, b: whole.b }))
    expect(last?.kind).toBe(F.correct(out.kind, whole.kind) / rows.length)
    expect(last?.sum).toBeCloseTo(out.sum.sub(whole.sum).abs().mean().item(), 5)
    expect(seen.slice(0, 3)).toEqual(['8,3 8', '8,3 8', '6,3 6'])
    expect(history.epochs[0].trainAcc).toBeUndefined()
    expect(history.compiled).toBe(compile)
    const found = await evaluate(net, loader, {
      loss,
      kind: new metrics.OutputMetric('kind', new metrics.Accuracy()),
    })
    expect(found.kind).toBe(last?.kind)
    expect(found.loss).toBeCloseTo(history.epochs[2].validLoss, 6)
  })

  it('goes on from a checkpoint’s state with the state of such metrics', () => {
    const one = new metrics.OutputMetric(1, new metrics.MeanAbsoluteError())
    one.update([tensor([1]), tensor([2])], [tensor([1]), tensor([4])])
    const other = new metrics.OutputMetric(1, new metrics.MeanAbsoluteError())
    other.loadStateDict?.(one.stateDict?.() as never)
    expect(other.compute()).toBe(2)
    const without = { reset() {}, update() {}, compute: () => 0 }
    expect(new metrics.OutputMetric('a', without).stateDict).toBeUndefined()
  })

  it('takes weights of samples behind the target', async () => {
    const net = new nn.Linear(2, 3)
    const weighted = new nn.WeightedLoss(new nn.CrossEntropyLoss({ reduction: 'none' }))
    const make = (form: (row: (typeof rows)[number]) => unknown) =>
      new data.DataLoader(setOf(form), { batchSize: 22 }) as data.DataLoader
    const losses: number[] = []
    for (const loader of [
      make((r) => [r.a, r.kind, r.weight]),
      make((r) => [[r.a].map((a) => Float32Array.from(a)), r.kind, r.weight]),
    ]) {
      const { epochs } = await fit(net, {
        ...{ train: loader, loss: weighted, epochs: 1 },
        optimizer: new optim.SGD(net.parameters(), { lr: 0 }),
      })
      losses.push(epochs[0].trainLoss)
    }
    expect(losses[1]).toBe(losses[0])
  })

  it('compiles a net whose loss leaves one of its outputs out', async () => {
    const net = new Two()
    const one = { forward: (out: Out, y: { sum: Tensor }) => F.mseLoss(out.sum, y.sum) }
    const seen: Tensor[] = []
    const history = await fit(net, {
      ...settings(net),
      ...{ train: inArray(), loss: one, compile: true },
      metrics: { mine: { reset() {}, update: (out: Out) => void seen.push(out.kind), compute: () => 1 } },
    })
    expect(history.reason).toBeUndefined()
    expect(seen.every((x) => x.toFloat32Array().every(Number.isFinite))).toBe(true)
  })
})

describe('fit with a step', () => {
  const byName = () =>
    new data.DataLoader(
      setOf((row) => row),
      { batchSize: 8 },
    )

  it.each([
    [1, false],
    [2, false],
    [1, true],
  ])('is the loop by hand, to the bit: %d batches an update, compiled %s', async (accumulate, compile) => {
    manualSeed(1)
    const expected = await byHand(new Two(), { epochs: 3, accumulate })
    manualSeed(1)
    const net = new Two()
    const modes: boolean[] = []
    const history = await fit(net, {
      ...settings(net),
      ...{ train: byName(), valid: byName(), accumulate, ...(compile && { compile }) },
      step: (net, batch) => {
        modes.push(net.training)
        const out = net.forward(batch.a, batch.b)
        return { loss: loss.forward(out, batch), prediction: out.kind.softmax(1), target: batch.kind }
      },
      metrics: { kind: new metrics.Accuracy() },
    })
    expect(await hashState(net.stateDict())).toBe(expected)
    expect(new Set(modes)).toEqual(new Set([true, false]))
    expect(history.compiled).toBe(compile)
    if (!compile) expect(history.reason).toMatch(/the step has a function of its own.*compile: true/)
    expect(history.epochs[2].train?.kind).toBeGreaterThan(0)
  })

  it('may give the loss alone, and a checkpoint of it goes on', async () => {
    const net = new nn.Linear(2, 1)
    const history = await fit(net, {
      ...settings(net),
      train: byName(),
      step: (net, { a, sum }) => F.mseLoss(net.forward(a), sum),
      callbacks: [new callbacks.EarlyStopping({ patience: 1, minDelta: 100 })],
    })
    expect(history.epochs).toHaveLength(2)
    expect(history.epochs[1].trainLoss).toBeLessThan(history.epochs[0].trainLoss)
  })

  it('refuses, before anything is changed, what it can’t use', async () => {
    const net = new nn.Linear(2, 1)
    const before = await hashState(net.stateDict())
    const run = (step: unknown, more: object = {}): Promise<History> =>
      fit(net, { ...settings(net), train: byName(), step, ...more } as never)
    const cases: [step: unknown, message: RegExp, more?: object][] = [
      [() => 1, /the step gives a tensor with one element, got 1/],
      [() => ({ prediction: tensor(1) }), /the step gives a tensor with one element, got undefined/],
      [(_: unknown, { a }: { a: Tensor }) => a, /one number for a batch, got shape \[8,2\]/],
      [5, /step is a function of the net and a batch, got 5/],
      [() => tensor(1), /give fit one of them/, { loss: new nn.MSELoss() }],
      [
        (net: nn.Linear, { a }: { a: Tensor }) => net.forward(a).sum(),
        /metrics.m needs what the net gave/,
        { metrics: { m: new metrics.Accuracy() } },
      ],
    ]
    for (const [step, message, more] of cases) {
      await expect(run(step, more)).rejects.toThrow(message)
      await expect(run(step, more)).rejects.toThrow(/^fit: /)
    }
    expect(await hashState(net.stateDict())).toBe(before)
  })
})

describe('batches that do not fit', () => {
  it.each<[string, unknown, RegExp]>([
    [
      'an object',
      { x: [1, 2], y: 1 },
      /a batch is an array \[x, y\].* is an object of x, y; a collate .* or fit take a step/,
    ],
    ['texts first', ['a', 1], /an array whose first is an array/],
  ])('%s', async (_, sample, message) => {
    const net = new nn.Linear(2, 2)
    const train = new data.DataLoader({ length: 4, get: () => sample }) as data.DataLoader
    const options: FitOptions = { ...settings(net), train, loss: new nn.CrossEntropyLoss() }
    await expect(fit(net, options)).rejects.toThrow(ArgumentError)
    await expect(fit(net, options)).rejects.toThrow(message)
    await expect(evaluate(net, train, {})).rejects.toThrow(/^evaluate: a batch is/)
    await expect(recalibrate(new nn.BatchNorm1d(2), train)).rejects.toThrow(/^recalibrate: a batch is/)
  })

  it('without samples in front', async () => {
    const net = new nn.Linear(2, 2)
    const train = new data.DataLoader(
      { length: 1, get: () => [1, 1] },
      { collate: () => [tensor(1), tensor(1)] },
    )
    await expect(fit(net, { ...settings(net), train, loss: new nn.MSELoss() })).rejects.toThrow(
      /samples in front, \[N, …\]/,
    )
  })

  it('metrics of several outputs say how one is taken', async () => {
    const net = new Two()
    const of = (metric: metrics.Metric) => evaluate(net, inArray(), { metric })
    await expect(of(new metrics.Accuracy())).rejects.toThrow(
      /got an object; of several, metrics.OutputMetric/,
    )
    const missing = new metrics.OutputMetric('kinds', new metrics.Accuracy())
    await expect(evaluate(net, inArray(), { missing })).rejects.toThrow(
      /no tensor 'kinds'; there is sum, kind/,
    )
    for (const wrong of [-1, null])
      expect(() => new metrics.OutputMetric(wrong as never, new metrics.Accuracy())).toThrow(ArgumentError)
    expect(() => new metrics.OutputMetric(0, {} as never)).toThrow(ArgumentError)
  })
})

describe('evaluate', () => {
  it.each([
    undefined,
    false,
    true,
  ])('gives the same figures to the bit where compiled, and says the reason: %s', async (compile) => {
    const make = (own: boolean) => {
      manualSeed(2)
      const net = new nn.Sequential(
        new nn.Linear(2, 8),
        new nn.BatchNorm1d(8),
        new nn.ReLU(),
        new nn.Linear(8, 3),
      )
      return own
        ? new (class Own extends nn.Module {
            inner = net
            override forward(x: Tensor) {
              return this.inner.forward(x)
            }
          })()
        : net
    }
    const loader = new data.DataLoader(
      setOf(({ a, kind }) => [Float32Array.from(a), kind] as [Float32Array, number]),
      { batchSize: 2 },
    )
    const figures = { loss: new nn.CrossEntropyLoss(), matrix: new metrics.ConfusionMatrix() }
    const expected = await evaluate(make(false), loader, figures, { compile: false })
    for (const own of [false, true]) {
      const reports: { compiled: boolean; reason: string | undefined }[] = []
      const found = await evaluate(make(own), loader, figures, {
        compile,
        onReport: (report) => void reports.push(report),
      })
      expect(found).toEqual(expected)
      const compiled = compile ?? !own
      expect(reports).toEqual([
        {
          compiled,
          reason: compiled
            ? undefined
            : expect.stringMatching(compile === false ? /compile is false/ : /Own has a forward of its own/),
        },
      ])
    }
  })

  it('refuses other options', async () => {
    const net = new nn.Linear(2, 3)
    await expect(evaluate(net, inArray() as never, {}, { compile: 1 as never })).rejects.toThrow(
      ArgumentError,
    )
    await expect(evaluate(net, inArray() as never, {}, { onReport: 1 as never })).rejects.toThrow(
      ArgumentError,
    )
  })
})

it('recalibrate runs nets of several inputs', async () => {
  const [net, named] = [new Two(), new Named()]
  named.two.loadStateDict(net.stateDict())
  const before = net.norm.runningMean?.toFloat32Array()
  expect(await recalibrate(net, inArray())).toMatchObject({ batches: 3, samples: 22 })
  await recalibrate(
    named,
    new data.DataLoader(
      setOf(({ a, b }) => [{ a, b }] as const),
      { batchSize: 8 },
    ),
  )
  expect(net.norm.runningMean?.toFloat32Array()).not.toEqual(before)
  expect(named.two.norm.runningMean?.toFloat32Array()).toEqual(net.norm.runningMean?.toFloat32Array())
})
