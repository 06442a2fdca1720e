import {
  compile,
  data,
  foldBatchNorm,
  hashState,
  inspectBatchNorm,
  manualSeed,
  nn,
  noGrad,
  optim,
  randn,
  recalibrate,
  type Tensor,
  tensor,
} from 'simdgrad'
import { cnn } from 'simdgrad/nets'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { FAULTS, HEALTHY, healthyCase } from '../../examples/shared/batch-norm-faults.mjs'
import { initForTest } from '../support/init.js'

const digits = {} as { train: data.Dataset; test: data.Dataset }

function first(dataset: data.Dataset, count: number): data.Dataset {
  const [batch] = new data.DataLoader(dataset, { batchSize: count })
  return new data.TensorDataset(...batch)
}

beforeAll(async () => {
  await initForTest()
  const { train, test } = await data.mnist()
  digits.train = first(train, 1600)
  digits.test = first(test, 384)
})
beforeEach(() => manualSeed(0))

const values = (x: Tensor | undefined | null) => [...(x?.toFloat32Array() ?? [])]

describe('inspectBatchNorm', () => {
  it.each(FAULTS)('finds %s', async (_, code, make) => {
    const { net, data } = await make(digits)
    const { advice } = await inspectBatchNorm(net, data)
    expect(advice.map((one) => one.code)).toContain(code)
    // (Statistics in the graph never reach those that evaluation reads: two faults.)
    expect(advice.length).toBeLessThanOrEqual(code === 'statistics-in-graph' ? 2 : 1)
    for (const { text } of advice) expect(text).not.toMatch(/NaN|undefined|Infinity/)
  })

  it.each(
    HEALTHY.map((one) => [`${one[0]}, seed ${one[1]}`, one] as const),
  )('says nothing about %s', async (_, one) => {
    const { net, data } = await healthyCase(digits, one)
    const report = await inspectBatchNorm(net, data)
    expect(report.advice.map(({ text }) => text)).toEqual([])
    expect(String(report)).toMatch(/Nothing is wrong\.$/)
  })

  it('has twenty healthy nets to be silent about', () => {
    expect(HEALTHY).toHaveLength(20)
  })

  const shifted = () => {
    const layer = new nn.BatchNorm1d(3)
    layer.runningMean?.copy_(tensor([0, 2, 0]))
    layer.runningVar?.copy_(tensor([1, 1, 4]))
    return layer
  }

  it('measures running against true statistics, channel by channel', async () => {
    const x = randn([600, 3])
    const report = await inspectBatchNorm(shifted(), [[x.slice(0, 0, 300)], [x.slice(0, 300, 600)]])
    const [layer] = report.layers
    for (const [c, own] of layer.channels.entries()) {
      const column = values(x).filter((_, i) => i % 3 === c)
      const mean = column.reduce((a, b) => a + b) / 600
      const variance = column.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 599
      expect(own.trueMean).toBeCloseTo(mean, 5)
      expect(own.trueVar).toBeCloseTo(variance, 5)
      expect(own.drift).toBeCloseTo((own.runningMean - mean) / Math.sqrt(variance + 1e-5), 4)
      expect(own.varianceRatio).toBeCloseTo((own.runningVar + 1e-5) / (variance + 1e-5), 4)
    }
    expect(layer.errorShare).toBe(1)
    expect(report.samples).toBe(600)
  })

  it('leaves the net as it was', async () => {
    const net = cnn(true)
    net.at(5)?.eval()
    const before = await hashState(net.stateDict())
    const versions = net.buffers().map(({ version }) => version)
    await inspectBatchNorm(net, new data.DataLoader(digits.test, { batchSize: 32 }))
    expect(await hashState(net.stateDict())).toBe(before)
    expect(net.modules.map(({ training }) => training)).toEqual(net.modules.map((_, i) => i !== 5))
    expect(net.buffers().map(({ version }) => version)).toEqual(versions)
    expect(Object.keys(net.at(1) ?? {})).not.toContain('forward')
  })

  it('tells dead channels by their cause', async () => {
    const one = new nn.BatchNorm1d(3)
    one.weight?.copy_(tensor([1, 0, 1]))
    one.bias?.copy_(tensor([0, 0, -20]))
    const net = new nn.Sequential(one, new nn.ReLU(), new nn.Linear(3, 2))
    const x = randn([64, 3]).mul(tensor([0, 1, 1]))
    const report = await inspectBatchNorm(net, [[x]])
    expect(report.layers[0].channels.map(({ dead }) => dead)).toEqual(['variance', 'gamma', 'relu'])
    expect(report.advice.map(({ code }) => code)).toContain('dead-channels')
  })

  it('does not take what a sum reads for dead, and looks through pooling', async () => {
    class Net extends nn.Module {
      bn = new nn.BatchNorm2d(2)
      constructor(readonly use: (y: Tensor) => Tensor) {
        super()
        this.bn.bias?.copy_(tensor([0, -20]))
      }
      forward(x: Tensor): Tensor {
        return this.use(this.bn.forward(x))
      }
    }
    const dead = async (use: (y: Tensor) => Tensor) => {
      const report = await inspectBatchNorm(new Net(use), [[randn([16, 2, 4, 4])]])
      return report.layers[0].channels.map(({ dead }) => dead)
    }
    expect(await dead((y) => nn.functional.maxPool2d(y, 2).relu())).toEqual([undefined, 'relu'])
    expect(await dead((y) => y.relu().add(y))).toEqual([undefined, undefined])
    expect(await dead((y) => y.sigmoid())).toEqual([undefined, undefined])
  })

  it('shares the error among the layers by what each does', async () => {
    const net = new nn.Sequential(
      new nn.BatchNorm1d(4),
      new nn.Linear(4, 4),
      new nn.BatchNorm1d(4),
      new nn.Linear(4, 2),
    )
    const batches = [[randn([128, 4])]]
    await recalibrate(net, batches)
    ;(net.at(2) as nn.BatchNorm1d).runningMean?.fill_(7)
    const { layers, outputError, advice } = await inspectBatchNorm(net, batches)
    expect(layers[0].errorShare).toBeLessThan(0.02)
    expect(layers[1].errorShare).toBeGreaterThan(0.98)
    expect(outputError).toBeGreaterThan(0.5)
    expect(advice).toMatchObject([{ code: 'drift', layers: ['2'] }])
    await recalibrate(net, batches)
    expect((await inspectBatchNorm(net, batches)).advice).toEqual([])
  })

  it('is told the steps of a net that comes from a file', async () => {
    const layer = new nn.BatchNorm1d(2)
    for (let i = 0; i < 60; i++) layer.forward(randn([16, 2]))
    const batches = Array.from({ length: 8 }, () => [randn([16, 2])])
    await recalibrate(
      layer,
      Array.from({ length: 60 }, () => [randn([16, 2])]),
    )
    const codes = async (steps?: number) => {
      const { advice } = await inspectBatchNorm(layer, batches, steps === undefined ? {} : { steps })
      return advice.map(({ code }) => code)
    }
    expect(await codes()).toEqual([])
    expect(await codes(60)).toEqual([])
    expect(await codes(30)).toEqual([])
    expect(await codes(47)).toEqual(['validated-in-training-mode'])
  })

  it('tells validation in training mode from compiled steps, accumulated gradients and recalibration', async () => {
    const x = randn([480, 6])
    const set = new data.TensorDataset(x, x.slice(1, 0, 3).argmax({ dim: 1 }))
    const loader = new data.DataLoader(set, { batchSize: 16, shuffle: true })
    const loss = new nn.CrossEntropyLoss()
    for (const compiled of [true, false]) {
      const net = new nn.Sequential(
        new nn.Linear(6, 8),
        new nn.BatchNorm1d(8),
        new nn.ReLU(),
        new nn.Linear(8, 3),
      )
      const optimizer = new optim.Adam(net.parameters(), { lr: 0.01 })
      const plain = (x: Tensor, y: Tensor) => {
        const value = loss.forward(net.forward(x), y)
        optimizer.zeroGrad()
        value.backward()
        optimizer.step()
        return value
      }
      const step = compiled ? compile(plain) : plain
      const epoch = () => {
        for (const [x, y] of loader) step(x, y)
      }
      const codes = async () => (await inspectBatchNorm(net, loader)).advice.map(({ code }) => code)
      for (let i = 0; i < 3; i++) epoch()
      expect(await codes()).toEqual([])
      await recalibrate(net, loader)
      epoch()
      epoch()
      expect(await codes()).toEqual([])
      for (const [x] of loader) noGrad(() => net.forward(x))
      expect(await codes()).toEqual(['validated-in-training-mode'])
    }
    // Two forwards a step are no validation.
    const net = new nn.Sequential(new nn.Linear(6, 8), new nn.BatchNorm1d(8), new nn.Linear(8, 3))
    const optimizer = new optim.SGD(net.parameters(), { lr: 0.05 })
    let forwards = 0
    for (let i = 0; i < 3; i++) {
      for (const [x, y] of loader) {
        loss.forward(net.forward(x), y).backward()
        if (++forwards % 2 > 0) continue
        optimizer.step()
        optimizer.zeroGrad()
      }
    }
    expect((await inspectBatchNorm(net, loader)).advice).toEqual([])
  })

  it('remembers how many samples training normalised together, and an inspection adds nothing to it', async () => {
    const layer = new nn.BatchNorm1d(4)
    const codes = async () => {
      return (await inspectBatchNorm(layer, [[randn([32, 4])]])).advice.map(({ code }) => code)
    }
    const step = compile((x: Tensor) => layer.forward(x).sum().backward())
    for (let i = 0; i < 60; i++) step(randn([3, 4]))
    expect(await codes()).toContain('tiny-batches')
    expect(await codes()).toContain('tiny-batches')
    await recalibrate(layer, [[randn([32, 4])]])
    expect(await codes()).toContain('tiny-batches')
    step(randn([16, 4]))
    expect(await codes()).not.toContain('tiny-batches')
  })

  it('has nothing to say of a net without batch norm, and of a folded one', async () => {
    const { net } = foldBatchNorm(cnn(true))
    const report = await inspectBatchNorm(net, new data.DataLoader(digits.test, { batchSize: 32 }))
    expect(report.layers).toEqual([])
    expect(report.modes.evaluation.accuracy).toBeDefined()
    expect(String(report)).toMatch(/there is no batch norm/)
    expect(report.toHTML()).toMatch(/Nothing is wrong/)
  })

  it('makes a page that runs nothing, and shows text as text', async () => {
    const report = await inspectBatchNorm(shifted(), [[randn([64, 3])]])
    const page = report.toHTML('<b>&"')
    expect(page).toMatch(/^<!doctype html>/)
    expect(page).not.toMatch(/<script|<b>&|NaN|undefined/)
    expect(page).toMatch('&#60;b&#62;&#38;&#34;')
    expect(page.match(/<svg/g)?.length).toBeGreaterThanOrEqual(4)
    expect(page).toMatch(/running_mean is .* off/)
  })

  it('takes targets of a loss of its own, and data without targets', async () => {
    const net = new nn.Sequential(new nn.Linear(3, 2), new nn.BatchNorm1d(2))
    const x = randn([64, 3])
    await recalibrate(net, [[x]])
    const { modes } = await inspectBatchNorm(net, [[x, randn([64, 2])]], { loss: new nn.MSELoss() })
    expect(modes.evaluation.loss).toBeGreaterThan(0)
    expect(modes.evaluation.accuracy).toBeUndefined()
    expect(modes.trainingSorted).toBeUndefined()
    expect((await inspectBatchNorm(net, [x])).modes.evaluation).toEqual({
      loss: undefined,
      accuracy: undefined,
    })
  })
})
