import {
  ArgumentError,
  type BatchProgress,
  data,
  type EpochResult,
  fit,
  manualSeed,
  NumericError,
  nn,
  noGrad,
  optim,
  randn,
  type Tensor,
  tensor,
} from 'simdgrad'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { expectClose } from '../support/all-close.js'
import { atEachTurn, stopClock } from '../support/clock.js'
import { initForTest } from '../support/init.js'
import { Random } from '../support/random.js'

beforeAll(initForTest)
beforeEach(() => manualSeed(0))
afterEach(() => {
  vi.useRealTimers()
})

const values = (x: Tensor) => [...x.toFloat32Array()]
const weightsOf = (net: nn.Module) => net.parameters().map(values)

/** `n` points around two centres, one for each class. */
function blobs(n: number, seed = 1): data.TensorDataset {
  const random = new Random(seed)
  const labels = Array.from({ length: n }, (_, i) => i % 2)
  const points = labels.map((label) => [random.normal() + 4 * label - 2, random.normal() - 4 * label + 2])
  return new data.TensorDataset(tensor(points), tensor(labels))
}

const makeNet = () =>
  new nn.Sequential(
    new nn.Linear(2, 8),
    new nn.BatchNorm1d(8),
    new nn.ReLU(),
    new nn.Dropout(0.1),
    new nn.Linear(8, 2),
  )

/** A net and what else `fit` takes. */
function setUp({ samples = 64, batchSize = 16, shuffle = true } = {}) {
  const net = makeNet()
  return {
    net,
    train: new data.DataLoader(blobs(samples), { batchSize, shuffle }),
    valid: new data.DataLoader(blobs(32, 2), { batchSize: 10 }),
    optimizer: new optim.SGD(net.parameters(), { lr: 0.1 }),
    loss: new nn.CrossEntropyLoss(),
  }
}

describe('history', () => {
  it('has a line for each epoch, and the net learns', async () => {
    const { net, ...options } = setUp()
    const { epochs, aborted } = await fit(net, { ...options, epochs: 8 })
    expect(aborted).toBe(false)
    expect(epochs.map(({ epoch }) => epoch)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect(epochs[7].trainLoss).toBeLessThan(epochs[0].trainLoss)
    expect(epochs[7].validAcc).toBeGreaterThan(0.95)
    for (const { trainSeconds, validSeconds, imagesPerSecond, trainAcc } of epochs) {
      expect(trainSeconds).toBeGreaterThan(0)
      expect(validSeconds).toBeGreaterThan(0)
      expect(imagesPerSecond).toBeCloseTo(64 / trainSeconds, 3)
      expect(trainAcc).toBeLessThanOrEqual(1)
    }
  })

  it('is what the same loop by hand gives, the last partial batch weighed by its samples', async () => {
    const { net, ...options } = setUp({ samples: 50, shuffle: false })
    const other = makeNet()
    other.loadStateDict(net.stateDict())
    manualSeed(3)
    const [result] = (await fit(net, { ...options, epochs: 1 })).epochs

    manualSeed(3)
    const optimizer = new optim.SGD(other.parameters(), { lr: 0.1 })
    let [total, right] = [0, 0]
    for (const [x, y] of options.train) {
      const logits = other.forward(x)
      const loss = options.loss.forward(logits, y)
      optimizer.zeroGrad()
      loss.backward()
      optimizer.step()
      total += loss.item() * x.shape[0]
      right += nn.functional.correct(logits, y)
    }
    expectClose([result.trainLoss, result.trainAcc ?? Number.NaN], [total / 50, right / 50], {
      tolerance: 1e-9,
    })
    expect(weightsOf(net)).toEqual(weightsOf(other))

    other.eval()
    let validTotal = 0
    for (const [x, y] of options.valid) {
      validTotal += noGrad(() => options.loss.forward(other.forward(x), y).item() * x.shape[0])
    }
    expectClose([result.validLoss], [validTotal / 32], { tolerance: 1e-9 })
  })

  it('goes without validation', async () => {
    const { net, valid: _, ...options } = setUp()
    const [result] = (await fit(net, options)).epochs
    expect([result.validLoss, result.validAcc, result.validSeconds]).toEqual([Number.NaN, undefined, 0])
  })

  it('of no epochs is empty', async () => {
    const { net, ...options } = setUp()
    const before = weightsOf(net)
    expect(await fit(net, { ...options, epochs: 0 })).toEqual({
      epochs: [],
      aborted: false,
      compiled: false,
      reason: 'no step ran yet',
    })
    expect(weightsOf(net)).toEqual(before)
  })

  it('repeats from a seed', async () => {
    const run = async () => {
      manualSeed(5)
      const { net, ...options } = setUp()
      const { epochs } = await fit(net, { ...options, epochs: 2 })
      return [weightsOf(net), epochs.map(({ trainLoss, validLoss }) => [trainLoss, validLoss])]
    }
    expect(await run()).toEqual(await run())
  })
})

describe('evaluation', () => {
  it('is in evaluation mode: statistics and weights stay, dropout lets all pass', async () => {
    const { net, valid, ...options } = setUp()
    const modes: boolean[] = []
    class Spy extends nn.Module {
      inner = net

      override forward(x: Tensor): Tensor {
        modes.push(this.training, this.inner.training)
        return this.inner.forward(x)
      }
    }
    const spy = new Spy()
    let batches = -1
    await fit(spy, {
      ...options,
      valid,
      onEpoch: () => {
        batches = net.stateDict()['1.num_batches_tracked'].item()
      },
    })
    expect(modes).toEqual([...new Array(8).fill(true), ...new Array(8).fill(false)])
    expect(batches).toBe(4)
  })

  it.each([true, false])('ends in the mode that the net came in: training %s', async (mode) => {
    const { net, ...options } = setUp()
    net.train(mode)
    await fit(net, options)
    expect(net.namedModules().map(([, m]) => m.training)).toEqual(new Array(6).fill(mode))
    const failing = fit(net, {
      ...options,
      onEpoch: () => {
        throw new RangeError('mine')
      },
    })
    await expect(failing).rejects.toThrow(RangeError)
    expect(net.training).toBe(mode)
  })
})

/** A training of 20 batches an epoch, each of which takes 5 ms of a clock that nothing else moves. */
function slow() {
  manualSeed(0)
  const crossEntropy = new nn.CrossEntropyLoss()
  const net = makeNet()
  return {
    net,
    train: new data.DataLoader(blobs(400), { batchSize: 20 }),
    optimizer: new optim.SGD(net.parameters(), { lr: 0.01 }),
    loss: {
      forward(prediction: Tensor, labels: Tensor) {
        vi.advanceTimersByTime(5)
        return crossEntropy.forward(prediction, labels)
      },
    },
  }
}

describe('while it runs', () => {
  beforeEach(stopClock)

  it('reports progress', async () => {
    const { net, ...options } = slow()
    const seen: BatchProgress[] = []
    const results: EpochResult[] = []
    await fit(net, {
      ...options,
      epochs: 2,
      onProgress: (p) => seen.push(p),
      onEpoch: (r) => void results.push(r),
    })
    expect(new Set(seen.map(({ epoch }) => epoch))).toEqual(new Set([0, 1]))
    // Every few batches, but not at each.
    expect(seen.length).toBeGreaterThan(5)
    expect(seen.length).toBeLessThan(30)
    seen.forEach(({ batch, batches, loss, imagesPerSecond, epoch }, i) => {
      expect(batches).toBe(20)
      expect(batch).toBeGreaterThan(i > 0 && seen[i - 1].epoch === epoch ? seen[i - 1].batch : 0)
      expect(batch).toBeLessThanOrEqual(20)
      expect(loss).toBeGreaterThan(0)
      // 20 images in 5 ms.
      expect(imagesPerSecond).toBeCloseTo(4000)
    })
    expect(results.map(({ epoch }) => epoch)).toEqual([0, 1])
  })

  it('lets the event loop turn, several times an epoch', async () => {
    const { net, ...options } = slow()
    let turns = 0
    const stop = atEachTurn((turn) => {
      turns = turn
    })
    await fit(net, { ...options, epochs: 3 })
    stop()
    expect(turns).toBeGreaterThan(3 * 3)
  })

  it('awaits onEpoch', async () => {
    const { net, ...options } = setUp()
    const order: string[] = []
    await fit(net, {
      ...options,
      epochs: 2,
      onEpoch: async ({ epoch }) => {
        order.push(`start ${epoch}`)
        await new Promise((resolve) => setTimeout(resolve, 5))
        order.push(`end ${epoch}`)
      },
    })
    expect(order).toEqual(['start 0', 'end 0', 'start 1', 'end 1'])
  })
})

describe('abort', () => {
  it('resolves with the epochs so far', async () => {
    const { net, ...options } = setUp()
    const controller = new AbortController()
    const history = await fit(net, {
      ...options,
      epochs: 10,
      signal: controller.signal,
      onEpoch: ({ epoch }) => {
        if (epoch === 2) controller.abort()
      },
    })
    expect(history.aborted).toBe(true)
    expect(history.epochs).toHaveLength(3)
    expect(net.training).toBe(true)
  })

  it('stops amid an epoch, from outside', async () => {
    stopClock()
    const { net, ...options } = slow()
    const controller = new AbortController()
    const stop = atEachTurn((turn) => {
      if (turn === 8) controller.abort()
    })
    const history = await fit(net, { ...options, epochs: 60, signal: controller.signal })
    stop()
    expect(history.aborted).toBe(true)
    expect(history.epochs.length).toBeLessThan(10)
    expect(weightsOf(net).flat().every(Number.isFinite)).toBe(true)
  })

  it('that came before does nothing', async () => {
    const { net, ...options } = setUp()
    const before = weightsOf(net)
    expect(await fit(net, { ...options, signal: AbortSignal.abort() })).toEqual({
      epochs: [],
      aborted: true,
      compiled: false,
      reason: 'no step ran yet',
    })
    expect(weightsOf(net)).toEqual(before)
  })
})

describe('a loss that is no number', () => {
  /** A loss that is `bad` at the given call. */
  function spoiled(at: number, bad: number) {
    const inner = new nn.CrossEntropyLoss()
    let calls = 0
    return {
      forward: (logits: Tensor, labels: Tensor) =>
        inner.forward(logits, labels).mul(calls++ === at ? bad : 1),
    }
  }

  it.each([
    Number.NaN,
    Number.POSITIVE_INFINITY,
  ])('%d stops, naming the step; the update of that step is not made', async (bad) => {
    const { net, valid: _, ...options } = setUp({ shuffle: false })
    const snapshots: number[][][] = []
    class Recording extends nn.Module {
      inner = net

      override forward(x: Tensor): Tensor {
        snapshots.push(weightsOf(this.inner))
        return this.inner.forward(x)
      }
    }
    const recording = new Recording().eval()
    const run = fit(recording, { ...options, epochs: 3, loss: spoiled(6, bad) })
    await expect(run).rejects.toThrow(NumericError)
    await expect(run).rejects.toThrow(`the training loss is ${bad} at step 6 (epoch 1, batch 2)`)
    expect(snapshots).toHaveLength(7)
    expect(weightsOf(net)).toEqual(snapshots[6])
    expect(weightsOf(net)).not.toEqual(snapshots[5])
    expect(recording.training).toBe(false)
  })

  it('in validation stops as well', async () => {
    const { net, ...options } = setUp()
    const run = fit(net, { ...options, loss: spoiled(5, Number.NaN) })
    await expect(run).rejects.toThrow(/the validation loss is NaN/)
    // The tape is as it was: training goes on.
    expect(net.forward(randn([4, 2])).requiresGrad).toBe(true)
  })

  it('comes of a learning rate that is far too large', async () => {
    const { net: _, optimizer: __, ...options } = setUp()
    const net = new nn.Sequential(new nn.Linear(2, 8), new nn.ReLU(), new nn.Linear(8, 2))
    const optimizer = new optim.SGD(net.parameters(), { lr: 1e20 })
    await expect(fit(net, { ...options, optimizer, epochs: 5 })).rejects.toThrow(NumericError)
  })
})

describe('what a user keeps', () => {
  it('stays readable: batches, predictions and losses seen by a loss of the user', async () => {
    const { net, ...options } = setUp({ samples: 256 })
    const inner = new nn.CrossEntropyLoss()
    const seen: Tensor[] = []
    const loss = {
      forward(prediction: Tensor, labels: Tensor) {
        const value = inner.forward(prediction, labels)
        seen.push(prediction, labels, value)
        return value
      },
    }
    await fit(net, { ...options, loss, epochs: 2 })
    expect(seen.map((x) => values(x).length).every((n) => n > 0)).toBe(true)
  })

  it('and by a loss derived from CrossEntropyLoss', async () => {
    const { net, ...options } = setUp()
    const seen: Tensor[] = []
    class Watching extends nn.CrossEntropyLoss {
      override forward(logits: Tensor, labels: Tensor): Tensor {
        seen.push(logits)
        return super.forward(logits, labels)
      }
    }
    await fit(net, { ...options, loss: new Watching() })
    expect(seen.every((x) => x.toFloat32Array().length > 0)).toBe(true)
  })
})

describe('arguments', () => {
  it.each([-1, 1.5, Number.NaN])('refuses %d epochs', async (epochs) => {
    const { net, ...options } = setUp()
    await expect(fit(net, { ...options, epochs })).rejects.toThrow(ArgumentError)
  })

  it('refuses options that it does not know', async () => {
    const { net, ...options } = setUp()
    await expect(fit(net, { ...options, epoch: 3 } as typeof options)).rejects.toThrow(
      /fit: unknown option 'epoch'/,
    )
  })
})
