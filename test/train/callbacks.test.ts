import {
  ArgumentError,
  callbacks,
  data,
  type FitOptions,
  fit,
  hashState,
  manualSeed,
  metrics,
  nn,
  optim,
  ShapeError,
  type Tensor,
  tensor,
} from 'simdgrad'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { expectClose } from '../support/all-close.js'
import { initForTest } from '../support/init.js'
import { Random } from '../support/random.js'

beforeAll(initForTest)
beforeEach(() => manualSeed(0))

function blobs(n: number, seed = 1): data.TensorDataset {
  const random = new Random(seed)
  const labels = Array.from({ length: n }, (_, i) => i % 2)
  return new data.TensorDataset(
    tensor(labels.map((label) => [random.normal() + label, random.normal()])),
    tensor(labels),
  )
}

const values = (x: Tensor) => [...x.toFloat32Array()]
const weightsOf = (net: nn.Module) => net.parameters().map(values)

/** A net without batch norm and dropout: its gradient of many samples is the mean of its gradients of each. */
const plainNet = () => new nn.Sequential(new nn.Linear(2, 8), new nn.Tanh(), new nn.Linear(8, 2))

function setUp(change: Partial<FitOptions> = {}, net: nn.Sequential = plainNet()) {
  const options: FitOptions = {
    train: new data.DataLoader(blobs(60), { batchSize: 10 }),
    optimizer: new optim.SGD(net.parameters(), { lr: 0.1, momentum: 0.9 }),
    loss: new nn.CrossEntropyLoss(),
    ...change,
  }
  return { net, options }
}

/** The same training, compiled and as it is: the same bits, and the former was compiled. */
async function both(train: (compile: boolean) => Promise<{ net: nn.Module; reason: string | undefined }>) {
  const [compiled, plain] = [await train(true), await train(false)]
  expect(compiled.reason).toBeUndefined()
  expect(plain.reason).toBe('compile is false')
  expect(weightsOf(compiled.net)).toEqual(weightsOf(plain.net))
  return plain.net
}

describe('accumulate', () => {
  it('of batches gives the update of one large batch, the last of an epoch by its samples', async () => {
    // 60 samples: groups of 4 · 7 = 28, 28 and 4.
    const net = await both(async (compile) => {
      manualSeed(0)
      const { net, options } = setUp({ train: new data.DataLoader(blobs(60), { batchSize: 7 }) })
      const { reason, epochs } = await fit(net, {
        ...options,
        accumulate: 4,
        epochs: 12,
        ...(!compile && { compile }),
      })
      expect(epochs).toHaveLength(12)
      return { net, reason }
    })
    manualSeed(0)
    const { net: other, options } = setUp({ train: new data.DataLoader(blobs(60), { batchSize: 28 }) })
    await fit(other, { ...options, epochs: 12 })
    for (const [i, each] of weightsOf(net).entries())
      expectClose(each, weightsOf(other)[i], { tolerance: 1e-5 })
  })

  it('counts batches and updates, and the losses of all batches', async () => {
    const seen: number[][] = []
    const { net, options } = setUp({ accumulate: 4 })
    const { epochs } = await fit(net, {
      ...options,
      optimizer: new optim.SGD(net.parameters(), { lr: 0 }),
      callbacks: [
        { onBatchEnd: ({ step, pass }) => void seen.push([step, pass?.batch ?? -1, pass?.samples ?? -1]) },
      ],
    })
    expect(seen).toEqual([
      [1, 4, 40],
      [2, 6, 60],
    ])
    const [x, y] = (options.train.dataset as data.TensorDataset).tensors
    expectClose([epochs[0].trainLoss], [options.loss.forward(net.forward(x), y).item()], { tolerance: 1e-6 })
  })
})

describe('callbacks', () => {
  it('are called in order, those with last at the end, with the training at hand', async () => {
    const order: string[] = []
    const note = (name: string, last: boolean): callbacks.Callback => ({
      last,
      onFitStart: () => void order.push(`${name} start`),
      onBeforeOptimizerStep: () => void order.push(`${name} before`),
      onAfterOptimizerStep: () => void order.push(`${name} after`),
      onBatchEnd: async ({ step }) => {
        await Promise.resolve()
        order.push(`${name} batch ${step}`)
      },
      onValidationStart: ({ net }) => void order.push(`${name} valid ${net.training}`),
      onValidationEnd: () => void order.push(`${name} validated`),
      onEpochEnd: (_, { epoch }) => void order.push(`${name} epoch ${epoch}`),
      onFitEnd: () => void order.push(`${name} end`),
    })
    const { net, options } = setUp({ valid: new data.DataLoader(blobs(5), { batchSize: 5 }) })
    await fit(net, {
      ...options,
      train: new data.DataLoader(blobs(10), { batchSize: 5 }),
      callbacks: [note('a', true), note('b', false)],
    })
    const hooks = [
      'start',
      'before',
      'after',
      'batch 1',
      'before',
      'after',
      'batch 2',
      'valid false',
      'validated',
      'epoch 0',
      'end',
    ]
    expect(order).toEqual(hooks.flatMap((hook) => [`b ${hook}`, `a ${hook}`]))
  })

  it('see each step’s gradients and may change them, compiled too; what they make stays theirs', async () => {
    await both(async (compile) => {
      manualSeed(0)
      const { net, options } = setUp()
      const kept: Tensor[] = []
      const { reason } = await fit(net, {
        ...options,
        epochs: 3,
        ...(!compile && { compile }),
        callbacks: [
          {
            onBeforeOptimizerStep() {
              for (const { grad } of net.parameters()) {
                if (!grad) throw new Error('no gradient')
                kept.push(grad.mul(2))
                grad.copy_(grad.sign())
              }
            },
          },
        ],
      })
      expect(kept).toHaveLength(18 * 4)
      expect(kept.every((x) => values(x).some((value) => value !== 0))).toBe(true)
      return { net, reason }
    })
  })

  it('end the training, with a reason', async () => {
    const { net, options } = setUp()
    const history = await fit(net, {
      ...options,
      epochs: 10,
      callbacks: [
        {
          onEpochEnd(run) {
            if (run.epoch === 1) run.history.stopped = 'enough'
          },
        },
      ],
    })
    expect(history).toMatchObject({ stopped: 'enough', aborted: false })
    expect(history.epochs).toHaveLength(2)
  })

  it('that throw end it with their error, and the net is in its mode', async () => {
    const { net, options } = setUp()
    net.eval()
    const failing = fit(net, {
      ...options,
      callbacks: [
        {
          onBatchEnd() {
            throw new RangeError('mine')
          },
        },
      ],
    })
    await expect(failing).rejects.toThrow(RangeError)
    expect(net.training).toBe(false)
  })
})

describe('ClipGrad', () => {
  it.each([{ norm: 0.05 }, { value: 0.01 }])('%o is what the loop by hand does', async (bound) => {
    const clip = new callbacks.ClipGrad(bound)
    const net = await both(async (compile) => {
      manualSeed(0)
      const { net, options } = setUp({ callbacks: [clip], epochs: 2 })
      return { net, reason: (await fit(net, { ...options, ...(!compile && { compile }) })).reason }
    })
    manualSeed(0)
    const { net: other, options } = setUp()
    let norm = 0
    for (let epoch = 0; epoch < 2; epoch++) {
      for (const [x, y] of options.train as Iterable<Tensor[]>) {
        options.optimizer.zeroGrad()
        options.loss.forward(other.forward(x), y).backward()
        if (bound.norm) norm = nn.utils.clipGradNorm_(other.parameters(), bound.norm)
        else nn.utils.clipGradValue_(other.parameters(), bound.value ?? 0)
        options.optimizer.step()
      }
    }
    expect(weightsOf(net)).toEqual(weightsOf(other))
    expect(clip.lastNorm).toBe(bound.norm ? norm : undefined)
  })
})

describe('StepScheduler', () => {
  it('steps after each update, also compiled', async () => {
    await both(async (compile) => {
      manualSeed(0)
      const { net, options } = setUp()
      const rates: number[] = []
      const scheduler = new optim.lrScheduler.LinearLR(options.optimizer, {
        startFactor: 0.5,
        totalIters: 10,
      })
      const { reason } = await fit(net, {
        ...options,
        epochs: 2,
        ...(!compile && { compile }),
        callbacks: [
          new callbacks.StepScheduler(scheduler),
          { onBatchEnd: () => void rates.push(options.optimizer.lr) },
        ],
      })
      expectClose(rates, [...Array.from({ length: 10 }, (_, i) => 0.05 + 0.005 * (i + 1)), 0.1, 0.1], {
        tolerance: 1e-9,
      })
      return { net, reason }
    })
  })
})

describe('ModelAverage', () => {
  it('averages each update, validates the averages, and gives the net its own weights back', async () => {
    let average: optim.swaUtils.AveragedModel | undefined
    const losses: number[] = []
    const net = await both(async (compile) => {
      manualSeed(0)
      const { net, options } = setUp({ valid: new data.DataLoader(blobs(20, 2), { batchSize: 20 }) })
      average = new optim.swaUtils.AveragedModel(net, { decay: 0.8 })
      const { reason, epochs } = await fit(net, {
        ...options,
        epochs: 3,
        ...(!compile && { compile }),
        callbacks: [new callbacks.ModelAverage(average)],
      })
      expect(average.nAveraged).toBe(18)
      losses.push(epochs[2].validLoss)
      return { net, reason }
    })
    const [x, y] = blobs(20, 2).tensors
    const loss = new nn.CrossEntropyLoss()
    const of = () => loss.forward((net as nn.Sequential).forward(x), y).item()
    expect(losses[0]).toBe(losses[1])
    expectClose([losses[0]], [average?.applied(of) ?? Number.NaN], { tolerance: 1e-7 })
    expect(Math.abs(losses[0] - of())).toBeGreaterThan(1e-5)
  })

  it('gives the weights back where the validation fails', async () => {
    const { net, options } = setUp({ valid: new data.DataLoader(blobs(20, 2), { batchSize: 20 }), epochs: 2 })
    const average = new optim.swaUtils.AveragedModel(net, { decay: 0.8 })
    const broken = {
      forward: (p: Tensor, t: Tensor) =>
        net.training ? options.loss.forward(p, t) : p.sum().mul(Number.NaN),
    }
    await expect(
      fit(net, { ...options, loss: broken, callbacks: [new callbacks.ModelAverage(average)] }),
    ).rejects.toThrow(/NaN/)
    expect(await hashState(net.stateDict())).not.toBe(await hashState(average.averages()))
    average.update()
  })
})

describe('EarlyStopping', () => {
  /** Losses of a validation that are given, by epoch. */
  const given = (losses: readonly number[]): Pick<callbacks.Callback, 'onEpochEnd'> => ({
    onEpochEnd(_, result) {
      result.validLoss = losses[result.epoch]
    },
  })

  const run = async (losses: number[], options: callbacks.EarlyStoppingOptions) => {
    const { net, options: rest } = setUp({ valid: new data.DataLoader(blobs(20, 2), { batchSize: 20 }) })
    const hashes: string[] = []
    const early = new callbacks.EarlyStopping(options)
    const history = await fit(net, {
      ...rest,
      epochs: losses.length,
      callbacks: [
        given(losses),
        { onEpochEnd: async () => void hashes.push(await hashState(net.stateDict())) },
        early,
      ],
    })
    const weights = hashes.indexOf(await hashState(net.stateDict()))
    return { history, early, weights, epochs: history.epochs.length }
  }

  it('ends when nothing got better, and gives the best weights back', async () => {
    const { history, early, weights, epochs } = await run([3, 2, 2.5, 2, 2.1, 1], { patience: 3 })
    expect({ epochs, weights, best: early.best, bestEpoch: early.bestEpoch }).toEqual({
      epochs: 5,
      weights: 1,
      best: 2,
      bestEpoch: 1,
    })
    expect(history.stopped).toBe('validLoss got no better in 3 epochs: its best is 2, of epoch 1')
  })

  it('gives the best weights back where it ran to its end too, or not, if so told', async () => {
    expect(await run([3, 1, 2], { patience: 3 })).toMatchObject({
      epochs: 3,
      weights: 1,
      history: { stopped: undefined },
    })
    expect(await run([3, 1, 2], { patience: 3, restoreBest: false })).toMatchObject({ weights: 2 })
  })

  it('counts what is better by more than minDelta; NaN never is', async () => {
    expect(await run([3, 2.9, 2.8, 2.7], { patience: 2, minDelta: 0.25 })).toMatchObject({
      epochs: 3,
      weights: 0,
    })
    expect(await run([Number.NaN, Number.NaN, 1], { patience: 2 })).toMatchObject({ epochs: 2, weights: 1 })
    expect(await run([3, Number.NaN, 2, 4], { patience: 2 })).toMatchObject({ epochs: 4, weights: 2 })
  })

  it('goes by a metric, of which it must be told what is better', async () => {
    expect(() => new callbacks.EarlyStopping({ monitor: 'valid.mae' })).toThrow(/mode is 'min' or 'max'/)
    const { net, options } = setUp({ valid: new data.DataLoader(blobs(20, 2), { batchSize: 20 }) })
    const early = new callbacks.EarlyStopping({ monitor: 'valid.f1', mode: 'max' })
    const { epochs } = await fit(net, {
      ...options,
      epochs: 5,
      metrics: { f1: new metrics.F1Score() },
      callbacks: [early],
    })
    expect(early.best).toBe(Math.max(...epochs.map(({ valid }) => Number(valid?.f1))))
    const wrong = new callbacks.EarlyStopping({ monitor: 'valid.f2', mode: 'max' })
    const failing = fit(net, { ...options, metrics: { f1: new metrics.F1Score() }, callbacks: [wrong] })
    await expect(failing).rejects.toThrow(/'valid\.f2' is no number .*valid\.f1/)
  })

  it('with ModelAverage gives back what was validated: the averages of the best epoch', async () => {
    const { net, options } = setUp({ valid: new data.DataLoader(blobs(20, 2), { batchSize: 20 }) })
    const average = new optim.swaUtils.AveragedModel(net, { decay: 0.8 })
    const { epochs } = await fit(net, {
      ...options,
      epochs: 4,
      callbacks: [new callbacks.ModelAverage(average), new callbacks.EarlyStopping()],
    })
    const [x, y] = blobs(20, 2).tensors
    const best = Math.min(...epochs.map(({ validLoss }) => validLoss))
    expectClose([options.loss.forward(net.forward(x), y).item()], [best], { tolerance: 1e-7 })
  })
})

describe('metrics', () => {
  it('are those of each pass, and the tensors of a metric of a user’s own stay', async () => {
    const seen: Tensor[] = []
    const mine = { reset() {}, update: (p: Tensor) => void seen.push(p), compute: () => seen.length }
    const { net, options } = setUp({ valid: new data.DataLoader(blobs(20, 2), { batchSize: 20 }) })
    const { epochs } = await fit(net, {
      ...options,
      epochs: 2,
      metrics: { accuracy: new metrics.Accuracy(), mine },
    })
    for (const { train, valid, trainAcc, validAcc } of epochs) {
      expect([train?.accuracy, valid?.accuracy]).toEqual([trainAcc, validAcc])
    }
    expect(epochs[1].valid?.mine).toBe(14)
    expect(seen.every((x) => values(x).length === x.size)).toBe(true)
  })
})

describe('WeightedLoss', () => {
  it('weighs samples, compiled too: a weight of 2 is a sample that is there twice', async () => {
    const [x, y] = blobs(12).tensors
    const weights = tensor([2, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1])
    const loss = new nn.WeightedLoss(new nn.CrossEntropyLoss({ reduction: 'none' }))
    const net = await both(async (compile) => {
      manualSeed(0)
      const { net, options } = setUp({
        train: new data.DataLoader(new data.TensorDataset(x, y, weights), { batchSize: 12 }),
      })
      const history = await fit(net, { ...options, loss, epochs: 5, ...(!compile && { compile }) })
      expect(history.epochs[0].trainAcc).toBeDefined()
      return { net, reason: history.reason }
    })
    const twice = [0, 0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11]
    const pick = (t: Tensor) => tensor(twice.map((i) => (t.toArray() as number[])[i]))
    manualSeed(0)
    const { net: other, options } = setUp({
      train: new data.DataLoader(new data.TensorDataset(pick(x), pick(y)), { batchSize: 12 }),
    })
    await fit(other, { ...options, epochs: 5 })
    for (const [i, each] of weightsOf(net).entries())
      expectClose(each, weightsOf(other)[i], { tolerance: 1e-5 })
  })

  it('refuses other reductions, and weights that are none or do not fit', () => {
    expect(() => new nn.WeightedLoss(new nn.CrossEntropyLoss())).toThrow(ArgumentError)
    const loss = new nn.WeightedLoss(new nn.MSELoss({ reduction: 'none' }))
    expect(() => loss.forward(tensor([1, 2]), tensor([1, 2]))).toThrow(ArgumentError)
    expect(() => loss.forward(tensor([1, 2]), tensor([1, 2]), tensor([1]))).toThrow(ShapeError)
  })
})
