import {
  compile,
  data,
  decodeState,
  encodeState,
  fit,
  freezeBatchNorm,
  manualSeed,
  nn,
  noGrad,
  optim,
  randn,
  recalibrate,
  type Tensor,
  tensor,
  unfreezeBatchNorm,
} from 'simdgrad'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)
beforeEach(() => manualSeed(0))

const values = (x: Tensor | undefined | null) => [...(x?.toFloat32Array() ?? [])]

const made = () =>
  new nn.Sequential(new nn.Linear(3, 4), new nn.BatchNorm1d(4), new nn.ReLU(), new nn.BatchNorm1d(4))
const normAt = (net: nn.Sequential, at: number) => net.at(at) as nn.BatchNorm1d

describe('freezeBatchNorm', () => {
  it('stays in evaluation through train(), and moves nothing', () => {
    const net = made()
    expect(freezeBatchNorm(net)).toBe(net)
    net.train()
    expect(net.modules.map(({ training }) => training)).toEqual([true, false, true, false])
    const x = randn([6, 3])
    const y = net.forward(x)
    y.sum().backward()
    const layer = normAt(net, 1)
    expect(values(layer.runningMean)).toEqual([0, 0, 0, 0])
    expect(layer.numBatchesTracked?.item()).toBe(0)
    // As evaluation, and differentiable.
    expect(values(y)).toEqual(values(net.eval().forward(x)))
    expect(layer.weight?.grad).not.toBeNull()
  })

  it('freezes weight and bias too where affine is true, and unfreezing gives each what it had', () => {
    const net = made()
    const [, one] = [net.at(0), normAt(net, 1)]
    ;(one.bias as nn.Parameter).requiresGrad = false
    freezeBatchNorm(net)
    expect(one.weight?.requiresGrad).toBe(true)
    freezeBatchNorm(net, { affine: true })
    expect([one.weight?.requiresGrad, one.bias?.requiresGrad]).toEqual([false, false])
    expect(net.parameters().filter(({ requiresGrad }) => requiresGrad)).toHaveLength(2)
    unfreezeBatchNorm(net)
    expect([one.weight?.requiresGrad, one.bias?.requiresGrad]).toEqual([true, false])
    expect(one.training).toBe(true)
    net.forward(randn([6, 3]))
    expect(one.numBatchesTracked?.item()).toBe(1)
  })

  it('comes back in the mode that was asked for meanwhile', () => {
    const net = freezeBatchNorm(made())
    net.eval()
    unfreezeBatchNorm(net)
    expect(normAt(net, 1).training).toBe(false)
    freezeBatchNorm(net)
    net.train()
    expect(normAt(net, 1).training).toBe(false)
    unfreezeBatchNorm(net)
    expect(normAt(net, 1).training).toBe(true)
  })

  it("is seen in String(net), in the state dict's metadata, and in a file", () => {
    const net = made()
    freezeBatchNorm(normAt(net, 3))
    expect(String(net).match(/frozen/g)).toHaveLength(1)
    freezeBatchNorm(net)
    expect(String(net)).toMatch(/\(1\): BatchNorm1d\(4, .*, trackRunningStats=true, frozen\)/)
    const state = net.stateDict()
    const metadata = { 1: { frozen: true }, 3: { frozen: true } }
    expect(state).toHaveProperty('_metadata', metadata)
    expect(Object.keys(state)).not.toContain('_metadata')
    const read = decodeState(encodeState(state))
    expect(read).toHaveProperty('_metadata', metadata)
    expect(made().loadStateDict(read)).toEqual({ missing: [], unexpected: [] })
    unfreezeBatchNorm(net)
    expect(String(net)).not.toMatch('frozen')
    expect(net.stateDict()).not.toHaveProperty('_metadata')
    expect(decodeState(encodeState(net.stateDict()))).not.toHaveProperty('_metadata')
  })

  it('holds in fit, and recalibrate leaves it alone', async () => {
    const net = made()
    normAt(net, 1).runningMean?.fill_(3)
    freezeBatchNorm(normAt(net, 1))
    const set = new data.TensorDataset(randn([16, 3]), tensor(Array.from({ length: 16 }, (_, i) => i % 4)))
    const train = new data.DataLoader(set, { batchSize: 8 })
    const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 })
    await fit(net, { train, optimizer, loss: new nn.CrossEntropyLoss() })
    await recalibrate(net, train)
    expect(values(normAt(net, 1).runningMean)).toEqual([3, 3, 3, 3])
    expect(normAt(net, 3).numBatchesTracked?.item()).toBe(2)
    unfreezeBatchNorm(net)
    expect(normAt(net, 1).training).toBe(true)
  })

  it('is seen by a compiled step', () => {
    const net = made()
    const step = compile((x: Tensor) => noGrad(() => net.forward(x)))
    const x = randn([6, 3])
    for (let i = 0; i < 3; i++) step(x)
    freezeBatchNorm(net)
    for (let i = 0; i < 3; i++) step(x)
    expect(normAt(net, 1).numBatchesTracked?.item()).toBe(3)
    unfreezeBatchNorm(net)
    for (let i = 0; i < 3; i++) step(x)
    expect(normAt(net, 1).numBatchesTracked?.item()).toBe(6)
  })

  it('leaves a layer without running statistics alone', () => {
    const layer = freezeBatchNorm(new nn.BatchNorm1d(2, { trackRunningStats: false }))
    expect(layer.training).toBe(true)
    expect(String(layer)).not.toMatch('frozen')
  })
})
