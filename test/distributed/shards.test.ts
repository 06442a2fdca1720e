/** Nets of many kinds in deterministic training: their shards together give the gradient of the whole batch. */
import { autograd, cat, manualSeed, nn, randn, type Tensor, tensor, zeros } from 'simdgrad'
import { DistributedDataParallel, World } from 'simdgrad/distributed'
import { beforeAll, describe, expect, it } from 'vitest'
import { alone } from '../../src/distributed/communicator.js'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

/** A function of a layer's result. */
class Of extends nn.Module<[x: Tensor]> {
  readonly layer = new nn.Linear(6, 6)
  constructor(readonly then: (y: Tensor) => Tensor) {
    super()
  }
  override forward(x: Tensor) {
    return this.then(this.layer.forward(x))
  }
}

/** The states of a recurrent layer. */
class States extends nn.Module<[x: Tensor]> {
  constructor(readonly layer: nn.GRU | nn.LSTM | nn.RNN) {
    super()
  }
  override forward(x: Tensor) {
    return this.layer.forward(x)[0].flatten(1)
  }
}

class Cube extends autograd.Function {
  static forward(context: autograd.FunctionContext, x: Tensor) {
    context.saveForBackward(x)
    return [x.pow(3), x.mul(2)]
  }
  static backward(context: autograd.FunctionContext, ...[cubed, doubled]: Tensor[]) {
    const [x] = context.savedTensors
    return cubed.mul(x.pow(2).mul(3)).add(doubled.mul(2))
  }
}

const flat = (...layers: nn.Module[]) => new nn.Sequential(...layers, new nn.Flatten())
const SEQUENCE = [4, 6]
const IMAGE = [2, 6, 6]
const ROW = [6]
const heads = { dimFeedforward: 8, dropout: 0, batchFirst: true }

const NETS: Record<string, [make: () => nn.Module<[x: Tensor]>, sample: readonly number[]]> = {
  GRU: [() => new States(new nn.GRU(6, 5, { batchFirst: true })), SEQUENCE],
  'LSTM, two layers': [() => new States(new nn.LSTM(6, 5, { batchFirst: true, numLayers: 2 })), SEQUENCE],
  RNN: [() => new States(new nn.RNN(6, 5, { batchFirst: true })), SEQUENCE],
  transformer: [() => flat(new nn.TransformerEncoderLayer(6, 2, heads)), SEQUENCE],
  Conv1d: [() => flat(new nn.Conv1d(4, 5, 3), new nn.ReLU()), SEQUENCE],
  adaptive: [() => flat(new nn.Conv2d(2, 5, 3, { padding: 1 }), new nn.AdaptiveAvgPool2d(2)), IMAGE],
  GroupNorm: [() => flat(new nn.Conv2d(2, 4, 3), new nn.GroupNorm(2, 4), new nn.AvgPool2d(2)), IMAGE],
  InstanceNorm2d: [() => flat(new nn.Conv2d(2, 4, 3), new nn.InstanceNorm2d(4)), IMAGE],
  Upsample: [() => flat(new nn.Conv2d(2, 4, 3), new nn.Upsample({ scaleFactor: 2 })), IMAGE],
  ConvTranspose2d: [() => flat(new nn.ConvTranspose2d(2, 4, 3)), IMAGE],
  MaxPool2d: [() => flat(new nn.Conv2d(2, 4, 3), new nn.MaxPool2d(2)), IMAGE],
  LayerNorm: [() => flat(new nn.Linear(6, 6), new nn.LayerNorm(6), new nn.PReLU()), ROW],
  pad: [() => new Of((y) => nn.functional.pad(y, [1, 1])), ROW],
  slice: [() => new Of((y) => y.slice(1, 1, 4)), ROW],
  cat: [() => new Of((y) => cat([y, y.mul(2)], 1)), ROW],
  mean: [() => new Of((y) => y.sub(y.mean({ dim: 1, keepdim: true }))), ROW],
  'mean of samples behind': [
    () =>
      new Of((y) =>
        y
          .sum({ dim: 1, keepdim: true })
          .add(y.transpose(0, 1).reshape([6, -1]).mean({ dim: 0 }).reshape([-1, 1])),
      ),
    ROW,
  ],
  expand: [() => new Of((y) => y.unsqueeze(1).expand([-1, 3, -1]).flatten(1)), ROW],
  'samples in pieces': [() => new Of((y) => y.reshape([-1, 2]).pow(2).reshape([-1, 6])), ROW],
  cumsum: [() => new Of((y) => y.cumsum(1)), ROW],
  'autograd.Function': [
    () =>
      new Of((y) => {
        const [cubed, doubled] = Cube.apply(y)
        return cubed.add(doubled)
      }),
    ROW,
  ],
}

const shards = () => new World(alone(), { shards: 4 })
const loss = new nn.MSELoss()

/** 10 samples in 4 shards are 3, 3, 2 and 2; 3 leave one without. */
describe.each([8, 10, 3])('%i samples in 4 shards', (samples) => {
  it.each(Object.entries(NETS))('%s', (_, [make, sample]) => {
    manualSeed(1)
    const net = make()
    const x = randn([samples, ...sample])
    const grads = () => net.parameters().map(({ grad }) => grad?.toFloat32Array() ?? new Float32Array())
    const y = net.forward(x)
    const target = y.detach().mul(0.5).add(0.1)
    loss.forward(y, target).backward()
    const expected = grads()
    net.zeroGrad()
    const together = new DistributedDataParallel(net, shards())
    together.loss(loss).forward(together.forward(x), target).backward()
    for (const [i, grad] of grads().entries()) {
      expect(grad.length).toBeGreaterThan(0)
      for (const [k, value] of grad.entries()) expect(value).toBeCloseTo(expected[i][k], 4)
    }
  })
})

it('computes losses that look at labels', () => {
  manualSeed(2)
  const net = new nn.Linear(6, 4)
  const [x, labels] = [randn([10, 6]), tensor([0, 1, 2, 3, 0, 1, 2, 3, 0, 1])]
  const smoothed = new nn.CrossEntropyLoss({ labelSmoothing: 0.1 })
  smoothed.forward(net.forward(x), labels).backward()
  const expected = net.weight.grad?.toFloat32Array() ?? []
  net.zeroGrad()
  const together = new DistributedDataParallel(net, shards())
  together.loss(smoothed).forward(together.forward(x), labels).backward()
  for (const [k, value] of net.weight.grad?.toFloat32Array().entries() ?? []) {
    expect(value).toBeCloseTo(expected[k], 5)
  }
  // A mean over the labels that count in each shard, of as many samples as it has.
  const weighted = new nn.CrossEntropyLoss({ weight: tensor([1, 2, 3, 4]) })
  for (const loss of [weighted, new nn.CrossEntropyLoss({ ignoreIndex: 3 })]) {
    expect(together.loss(loss).forward(together.forward(x), labels).item()).toBeGreaterThan(0)
  }
})

describe('dropout in shards', () => {
  const zerosAfter = (seed: number) => {
    manualSeed(seed)
    const net = new nn.Sequential(new nn.Linear(6, 40), new nn.Dropout(0.5), new nn.Dropout(0.2))
    const together = new DistributedDataParallel(net, shards())
    return together.forward(zeros([8, 6]).add(1)).toArray() as number[][]
  }

  it('has other zeros in each shard and layer, the same for the same seed', () => {
    const [first, again, other] = [zerosAfter(1), zerosAfter(1), zerosAfter(2)]
    expect(again).toEqual(first)
    const zerosOf = (rows: number[][]) => rows.map((row) => row.map((value) => Number(value === 0)).join(''))
    expect(new Set(zerosOf(first)).size).toBe(8)
    expect(zerosOf(other)).not.toEqual(zerosOf(first))
    const share = first.flat().filter((value) => value === 0).length / 320
    expect(Math.abs(share - 0.6)).toBeLessThan(0.1)
  })
})
