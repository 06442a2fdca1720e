import { ArgumentError, data, manualSeed, nn, randn, recalibrate, type Tensor, tensor } from 'simdgrad'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { expectClose } from '../support/all-close.js'
import { atEachTurn, stopClock } from '../support/clock.js'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)
beforeEach(() => manualSeed(0))
afterEach(() => {
  vi.useRealTimers()
})

const values = (x: Tensor | undefined) => [...(x?.toFloat32Array() ?? [])]

/** Mean and unbiased variance, by hand. */
function moments(x: number[]): [mean: number, variance: number] {
  const mean = x.reduce((a, b) => a + b, 0) / x.length
  return [mean, x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (x.length - 1)]
}

const average = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0) / numbers.length

/** The values of channel `c` of [N, C, S]. */
const channel = (x: number[], c: number, channels: number, spatial: number) =>
  x.filter((_, i) => Math.floor(i / spatial) % channels === c)

describe('recalibrate', () => {
  it('averages mean and unbiased variance over the batches, whatever was there before', async () => {
    const layer = new nn.BatchNorm1d(3, { momentum: 0.9 })
    layer.forward(randn([5, 3]).mul(100))
    const batches = [randn([4, 3]), randn([4, 3]).add(2), randn([4, 3]).mul(3)]
    await recalibrate(
      layer,
      batches.map((x) => [x]),
    )
    for (let c = 0; c < 3; c++) {
      const each = batches.map((x) => moments(channel(values(x), c, 3, 1)))
      expectClose([values(layer.runningMean)[c]], [average(each.map(([mean]) => mean))], { tolerance: 1e-5 })
      expectClose([values(layer.runningVar)[c]], [average(each.map(([, variance]) => variance))], {
        tolerance: 1e-5,
      })
    }
    expect(layer.numBatchesTracked?.item()).toBe(3)
  })

  it('gives a second layer what the first makes of the batch, also where pooling is fused', async () => {
    const first = new nn.BatchNorm2d(2)
    const second = new nn.BatchNorm2d(2)
    const net = new nn.Sequential(first, new nn.ReLU(), new nn.MaxPool2d(2), second)
    const x = randn([3, 2, 4, 4])
    await recalibrate(net, [[x]])
    const input = nn.functional.maxPool2d(
      nn.functional.relu(nn.functional.batchNorm(x, { training: true })),
      2,
    )
    for (let c = 0; c < 2; c++) {
      const [mean, variance] = moments(channel(values(input), c, 2, 4))
      expectClose([values(second.runningMean)[c]], [mean], { tolerance: 1e-5 })
      expectClose([values(second.runningVar)[c]], [variance], { tolerance: 1e-5 })
    }
  })

  it('takes a DataLoader, and leaves parameters, modes and momenta as they were', async () => {
    const net = new nn.Sequential(
      new nn.Linear(2, 4),
      new nn.BatchNorm1d(4, { momentum: null }),
      new nn.Dropout(0.5),
      new nn.BatchNorm1d(4, { momentum: 0.3 }),
    )
    const [, one, , two] = net.modules as [nn.Linear, nn.BatchNorm1d, nn.Dropout, nn.BatchNorm1d]
    const parameters = net.parameters().map(values)
    one.eval()
    const dataset = new data.TensorDataset(randn([10, 2]), tensor([0, 1, 0, 1, 0, 1, 0, 1, 0, 1]))
    await recalibrate(net, new data.DataLoader(dataset, { batchSize: 5 }))
    expect(net.parameters().map(values)).toEqual(parameters)
    expect(net.modules.map(({ training }) => training)).toEqual([true, false, true, true])
    expect([one.momentum, two.momentum]).toEqual([null, 0.3])
    expect(one.numBatchesTracked?.item()).toBe(2)
  })

  it.each([
    ['no batch', [], ArgumentError],
    ['a batch of one', [[0, 1, 2, 3], [5]], Error],
  ])('with %s it throws, and the net is as it was', async (_, rows, error) => {
    const layer = new nn.BatchNorm1d(1)
    layer.forward(randn([6, 1]))
    layer.eval()
    const before = layer.namedBuffers().map(([, buffer]) => values(buffer))
    const batches = rows.map((row) => [tensor(row.map((value) => [value]))])
    await expect(recalibrate(layer, batches)).rejects.toThrow(error)
    expect(layer.namedBuffers().map(([, buffer]) => values(buffer))).toEqual(before)
    expect(layer.momentum).toBe(0.1)
    expect(layer.training).toBe(false)
  })

  it('does nothing to a net without running statistics', async () => {
    const net = new nn.Sequential(new nn.Linear(2, 2), new nn.BatchNorm1d(2, { trackRunningStats: false }))
    await recalibrate(net, [])
    expect(net.training).toBe(true)
  })

  it('lets the event loop turn in between', async () => {
    stopClock()
    const net = new nn.Sequential(new nn.Linear(4, 4), new nn.BatchNorm1d(4))
    let turns = 0
    const stop = atEachTurn((turn) => {
      turns = turn
    })
    function* slowly() {
      for (let batch = 0; batch < 30; batch++) {
        vi.advanceTimersByTime(5)
        yield [randn([8, 4])]
      }
    }
    await recalibrate(net, slowly())
    stop()
    expect(turns).toBeGreaterThan(3)
  })
})

describe('momentum of a batch norm layer', () => {
  it('may be changed at any time, within its range', () => {
    const layer = new nn.BatchNorm1d(1)
    layer.momentum = 1
    layer.forward(tensor([[1], [3]]))
    expect(values(layer.runningMean)).toEqual([2])
    expect(() => {
      layer.momentum = 1.5
    }).toThrow(ArgumentError)
    expect(layer.momentum).toBe(1)
  })
})

describe('recalibrate with options', () => {
  const rows = [
    [4, 0, 1],
    [7, 2, 1],
    [2, 0, 3],
  ] as const
  const fresh = () => {
    manualSeed(1)
    return rows.map(([n, shift, scale]) => randn([n, 3]).mul(scale).add(shift))
  }

  it('takes mean and variance of all samples together where it is precise', async () => {
    const layer = new nn.BatchNorm1d(3, { momentum: 0.9 })
    const gone = await recalibrate(layer, fresh(), { precise: true })
    const all = fresh().flatMap(values)
    for (let c = 0; c < 3; c++) {
      const x = channel(all, c, 3, 1)
      const [mean, unbiased] = moments(x)
      expectClose([values(layer.runningMean)[c]], [mean], { tolerance: 1e-6 })
      expectClose([values(layer.runningVar)[c]], [(unbiased * (x.length - 1)) / x.length], {
        tolerance: 1e-6,
      })
    }
    expect(gone).toEqual({ batches: 3, samples: 13, aborted: false })
    expect(layer.numBatchesTracked?.item()).toBe(3)
    expect(layer.momentum).toBe(0.9)
  })

  it('takes an asynchronous iterable, and as many batches as it is told', async () => {
    let given = 0
    async function* endless() {
      for (;;) {
        given++
        yield [randn([4, 3])]
      }
    }
    const layer = new nn.BatchNorm1d(3)
    const seen: number[] = []
    const onProgress = ({ samples }: { samples: number }) => seen.push(samples)
    const gone = await recalibrate(layer, endless(), { batches: 5, onProgress })
    expect(gone).toEqual({ batches: 5, samples: 20, aborted: false })
    expect(seen).toEqual([4, 8, 12, 16, 20])
    expect(given).toBe(5)
    expect(layer.numBatchesTracked?.item()).toBe(5)
  })

  it('leaves the net as it was where it is aborted', async () => {
    const layer = new nn.BatchNorm1d(3)
    layer.forward(fresh()[0])
    const before = values(layer.runningMean)
    for (const precise of [false, true]) {
      const controller = new AbortController()
      const options = { precise, signal: controller.signal, onProgress: () => controller.abort() }
      expect(await recalibrate(layer, fresh(), options)).toMatchObject({ batches: 1, aborted: true })
      expect(await recalibrate(layer, fresh(), options)).toMatchObject({ batches: 0, aborted: true })
      expect(values(layer.runningMean)).toEqual(before)
      expect(layer.numBatchesTracked?.item()).toBe(1)
    }
    expect(layer.training).toBe(true)
  })
})
