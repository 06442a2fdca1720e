import {
  ArgumentError,
  type BatchProgress,
  data,
  fit,
  manualSeed,
  NumericError,
  nn,
  optim,
  randn,
  tensor,
} from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

/** Two clouds of points, which a line parts. */
function clouds(samples: number): data.TensorDataset {
  manualSeed(1)
  const labels = Float32Array.from({ length: samples }, (_, i) => i % 2)
  const noise = randn([samples, 2]).toFloat32Array()
  const points = noise.map((value, i) => value * 0.3 + (labels[i >> 1] === 1 ? 1 : -1))
  return new data.TensorDataset(tensor(points, { shape: [samples, 2] }), tensor(labels))
}

function setup(lr = 0.5, samples = 200) {
  manualSeed(0)
  const net = new nn.Sequential(
    new nn.Linear(2, 8),
    new nn.BatchNorm1d(8),
    new nn.ReLU(),
    new nn.Linear(8, 2),
  )
  const dataset = clouds(samples)
  return {
    net,
    options: {
      train: new data.DataLoader(dataset, { batchSize: 20, shuffle: true }),
      valid: new data.DataLoader(dataset, { batchSize: 50 }),
      optimizer: new optim.SGD(net.parameters(), { lr }),
      loss: new nn.CrossEntropyLoss(),
    },
  }
}

describe('fit', () => {
  it('learns, and tells of each epoch', async () => {
    const { net, options } = setup()
    const seen: number[] = []
    const { epochs, aborted } = await fit(net, {
      ...options,
      epochs: 3,
      onEpoch: ({ epoch }) => void seen.push(epoch),
    })
    expect(aborted).toBe(false)
    expect(seen).toEqual([0, 1, 2])
    expect(epochs).toHaveLength(3)
    expect(epochs[2].validAcc).toBeGreaterThan(0.95)
    expect(epochs[2].trainLoss).toBeLessThan(epochs[0].trainLoss)
    expect(epochs[2].imagesPerSecond).toBeCloseTo(200 / epochs[2].trainSeconds, 3)
  })

  it('leaves the net in the mode that it came in', async () => {
    const { net, options } = setup()
    net.eval()
    await fit(net, { ...options, epochs: 1 })
    expect(net.training).toBe(false)
  })

  it('validates in evaluation mode', async () => {
    const { net, options } = setup()
    const modes: boolean[] = []
    const loss = {
      forward(...args: Parameters<nn.CrossEntropyLoss['forward']>) {
        modes.push(net.training)
        return options.loss.forward(...args)
      },
    }
    await fit(net, { ...options, loss, epochs: 1 })
    expect(modes).toEqual([...Array<boolean>(10).fill(true), ...Array<boolean>(4).fill(false)])
  })

  it('resolves with the history so far when it is aborted', async () => {
    const { net, options } = setup()
    const controller = new AbortController()
    const history = await fit(net, {
      ...options,
      epochs: 100,
      signal: controller.signal,
      onEpoch: ({ epoch }) => {
        if (epoch === 1) controller.abort()
      },
    })
    expect(history.aborted).toBe(true)
    expect(history.epochs.map(({ epoch }) => epoch)).toEqual([0, 1])
  })

  it('keeps the event loop alive, and reports progress meanwhile', async () => {
    const { net, options } = setup(0.1, 20_000)
    let ticks = 0
    const timer = setInterval(() => ticks++, 1)
    const progress: BatchProgress[] = []
    await fit(net, { ...options, epochs: 1, onProgress: (p) => void progress.push(p) })
    clearInterval(timer)
    expect(ticks).toBeGreaterThan(2)
    expect(progress.length).toBeGreaterThan(0)
    expect(progress[0]).toMatchObject({ epoch: 0, batches: 1000 })
    expect(progress.every(({ batch, batches }) => batch > 0 && batch <= batches)).toBe(true)
  })

  it('stops at a loss that is no number, before the update, and says at which step', async () => {
    const values = Float32Array.from({ length: 60 }, (_, i) => (i === 45 ? Number.NaN : i / 60))
    const dataset = new data.TensorDataset(tensor(values, { shape: [30, 2] }), tensor(new Float32Array(30)))
    const net = new nn.Linear(2, 2)
    const after: number[][] = []
    const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 })
    const loss = {
      forward(...args: Parameters<nn.CrossEntropyLoss['forward']>) {
        after.push([...net.weight.toFloat32Array()])
        return new nn.CrossEntropyLoss().forward(...args)
      },
    }
    const training = fit(net, { train: new data.DataLoader(dataset, { batchSize: 10 }), optimizer, loss })
    await expect(training).rejects.toThrow(NumericError)
    await expect(training).rejects.toThrow(/loss is NaN at step 2 \(epoch 0, batch 2\)/)
    expect(after).toHaveLength(3)
    expect([...net.weight.toFloat32Array()]).toEqual(after[2])
  })

  it('refuses epochs that are no whole number', async () => {
    const { net, options } = setup()
    await expect(fit(net, { ...options, epochs: 1.5 })).rejects.toThrow(ArgumentError)
  })
})
