import {
  ArgumentError,
  AutogradError,
  compile,
  DisposedError,
  data,
  fit,
  hashState,
  manualSeed,
  memory,
  nn,
  noGrad,
  optim,
  predictor,
  rand,
  randint,
  randn,
  ShapeError,
  type Tensor,
  tensor,
} from 'simdgrad'
import { JOBS } from 'simdgrad/nets'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ResNet } from '../../examples/nets/resnet20.mjs'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)
beforeEach(() => manualSeed(0))

const { BatchNorm1d, BatchNorm2d, Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU, Sequential } = nn

const run = (net: nn.AnyModule<[Tensor], Tensor>, x: Tensor) =>
  noGrad(() => net.eval().forward(x)).toFloat32Array()

const conv = () =>
  new Sequential(
    new Conv2d(1, 4, 3, { padding: 1 }),
    new BatchNorm2d(4),
    new ReLU(),
    new MaxPool2d(2),
    new Flatten(),
    new Dropout(0.5),
    new Linear(4 * 16, 3),
  )

/** Statistics as after training. */
function shake<M extends nn.AnyModule>(net: M): M {
  for (const [, module] of net.namedModules()) {
    if (!(module instanceof BatchNorm1d || module instanceof BatchNorm2d)) continue
    module.runningMean?.copy_(randn([module.numFeatures]))
    module.runningVar?.copy_(rand([module.numFeatures]).add(0.5))
  }
  return net
}

function expectClose(got: Float32Array, expected: Float32Array): void {
  const largest = Math.max(...expected.map(Math.abs))
  expect(got.length).toBe(expected.length)
  expect(Math.max(...got.map((value, i) => Math.abs(value - expected[i])))).toBeLessThan(1e-5 * largest)
}

describe('predictor', () => {
  it('gives the bits of the net for any number of rows, replayed from the first one of a kind', () => {
    const net = shake(conv())
    const predicts = predictor(net, { inputs: [2, 1, 8, 8], fold: false, batchSizes: [1, 4] })
    expect(predicts.report).toMatchObject({ recordings: 2, reason: undefined })
    expect(predicts.rowShapes).toEqual([[1, 8, 8]])
    for (const n of [1, 4, 7, 1, 33, 7]) {
      const x = randn([n, 1, 8, 8])
      expect(predicts.predict(x.toFloat32Array())).toEqual(run(net, x))
      expect(predicts.forward(x).toFloat32Array()).toEqual(run(net, x))
      expect(predicts.report.reason).toBeUndefined()
    }
    expect(predicts.report.recordings).toBe(4)
  })

  it('folds batch norm, and keeps results within 1e-5 of the largest', () => {
    const net = shake(conv())
    const predicts = predictor(net, { inputs: [2, 1, 8, 8] })
    expect(String(predicts.net)).toContain('Identity')
    const x = randn([5, 1, 8, 8])
    expectClose(predicts.predict(x.toFloat32Array()), run(net, x))
  })

  it('takes nets with a forward of their own, and residuals', () => {
    const net = shake(new ResNet({ width: 8, blocks: 1 }))
    const x = randn([3, 3, 32, 32])
    expectClose(predictor(net, { inputs: [1, 3, 32, 32] }).predict(x.toFloat32Array()), run(net, x))
  })

  it('guesses the input of a table, and takes plain arrays', () => {
    const net = new Sequential(new Linear(3, 5), new BatchNorm1d(5), new ReLU(), new Linear(5, 2))
    const row = [0.1, -2, 3]
    expectClose(predictor(net).predict(row), run(net, tensor([row])))
  })

  it('gives several results as the net gives them, and takes several inputs', () => {
    class Two extends nn.Module<[Tensor, Tensor], { sum: Tensor; parts: Tensor[] }> {
      first = new Linear(3, 2)
      second = new Linear(4, 2)
      override forward(a: Tensor, b: Tensor) {
        const parts = [this.first.forward(a), this.second.forward(b)]
        return { sum: parts[0].add(parts[1]), parts }
      }
    }
    const net = new Two()
    const predicts = predictor(net, {
      inputs: [
        [1, 3],
        [1, 4],
      ],
    })
    const [a, b] = [randn([2, 3]), randn([2, 4])]
    const { sum, parts } = predicts.predict(a.toFloat32Array(), b.toFloat32Array())
    const expected = noGrad(() => net.forward(a, b))
    expect(sum).toEqual(expected.sum.toFloat32Array())
    expect(parts).toEqual(expected.parts.map((x) => x.toFloat32Array()))
    expect(() => predicts.predict(new Float32Array(3), new Float32Array(8))).toThrow(
      'the first input has 1 rows, and input 1 has 2',
    )
    expect(() => predicts.predict([1, 2, 3])).toThrow('Two takes 2 inputs, got 1')
    expect(() => predicts.predictInto(new Float32Array(9), [1, 2, 3], [1, 2, 3, 4])).toThrow(ArgumentError)
  })

  it('says of an index that is none what the net says, also in a recording', () => {
    const net = new Sequential(new nn.Embedding(5, 3), new Flatten(), new Linear(6, 2))
    const predicts = predictor(net, { inputs: randint(0, 5, [1, 2]) })
    expect(predicts.predict([4, 0])).toEqual(run(net, tensor([[4, 0]])))
    expect(() => predicts.predict([4, 5])).toThrow(/5/)
    expect(predicts.predict([3, 1])).toEqual(run(net, tensor([[3, 1]])))
  })

  it('runs as it is what reads values in its forward, and says so', () => {
    class Reads extends nn.Module<[Tensor], Tensor> {
      layer = new Linear(2, 2)
      override forward(x: Tensor) {
        const y = this.layer.forward(x)
        return y.sum().item() > 0 ? y : y.neg()
      }
    }
    const net = new Reads()
    const predicts = predictor(net, { inputs: [1, 2] })
    for (const row of [
      [1, 2],
      [-1, -2],
    ])
      expect(predicts.predict(row)).toEqual(run(net, tensor([row])))
    expect(predicts.report.reason).toMatch(/reads a value/)
  })

  it('leaves training alone, and is left alone by it', async () => {
    const samples = new data.TensorDataset(randn([64, 1, 8, 8]), randint(0, 3, [64]))
    const trained = async (meddle?: (net: nn.Sequential) => () => void) => {
      manualSeed(1)
      const net = conv()
      const each = meddle?.(net)
      const options = { batchSize: 8, shuffle: true }
      await fit(net, {
        train: new data.DataLoader(samples, options),
        optimizer: new optim.Adam(net.parameters()),
        loss: new nn.CrossEntropyLoss(),
        epochs: 3,
        callbacks: [{ onBatchEnd: () => each?.() }],
      })
      return hashState(net.stateDict())
    }
    const alone = await trained()
    const row = randn([1, 1, 8, 8]).toFloat32Array()
    let calls = 0
    const beside = await trained((net) => {
      const predicts = predictor(net, { inputs: [1, 1, 8, 8] })
      const expected = predicts.predict(row)
      return () => {
        calls++
        expect(predicts.predict(row)).toEqual(expected)
        // A shape that is new is recorded in the midst of training.
        predicts.predict(new Float32Array(64 * (1 + (calls % 5))))
      }
    })
    expect(calls).toBe(24)
    expect(beside).toBe(alone)
    // One that is made while the net is trained, too.
    expect(await trained((net) => () => void predictor(net, { inputs: [1, 1, 8, 8] }).predict(row))).toBe(
      alone,
    )
  })

  it('may predict between a forward and its backward', () => {
    const net = new Linear(64, 3)
    const predicts = predictor(net)
    const x = randn([4, 64])
    const gradient = (between: () => void) => {
      net.zeroGrad()
      const loss = net.forward(x).pow(2).sum()
      between()
      loss.backward()
      return net.weight.grad?.toFloat32Array()
    }
    const expected = gradient(() => {})
    expect(gradient(() => void predicts.predict(new Float32Array(64 * 6)))).toEqual(expected)
  })

  it('keeps 16 shapes besides those that stay, and gives all memory back', () => {
    const net = conv()
    const row = new Float32Array(64)
    const predicts = predictor(net, { inputs: [1, 1, 8, 8], batchSizes: [1] })
    const expected = predicts.predict(row)
    for (let n = 2; n < 60; n++) predicts.predict(new Float32Array(64 * n))
    const { recordings, bytes } = predicts.report
    expect(recordings).toBe(17)
    expect(predicts.predict(row)).toEqual(expected)
    const { liveBytes } = memory()
    predicts.dispose()
    predicts.dispose()
    expect(liveBytes - memory().liveBytes).toBeGreaterThanOrEqual(bytes)
    expect(() => predicts.predict(row)).toThrow(DisposedError)
  })

  it('makes no tensor in a call, and writes where it is told to', () => {
    const make = JOBS['mlp-bn'].make
    const predicts = predictor(make(), { inputs: [1, 1, 28, 28], into: make() })
    const [row, out] = [rand([784]).toFloat32Array(), new Float32Array(12).fill(7)]
    predicts.predictInto(out, row)
    const { liveTensors } = memory()
    for (let i = 0; i < 100; i++) expect(predicts.predictInto(out, row)).toBe(10)
    expect(memory().liveTensors).toBe(liveTensors)
    expect(out.slice(0, 10)).toEqual(predicts.predict(row))
    expect([...out.slice(10)]).toEqual([7, 7])
    const short = new Float32Array(9).fill(7)
    expect(() => predicts.predictInto(short, row)).toThrow('has 10 values, and there is room for 9')
    expect(short.every((value) => value === 7)).toBe(true)
  })

  it('refuses what can’t be, before anything runs', () => {
    const net = conv()
    const predicts = predictor(net, { inputs: [1, 1, 8, 8] })
    expect(() => predicts.predict(new Float32Array(63))).toThrow(ShapeError)
    expect(() => predicts.predict([])).toThrow(ShapeError)
    expect(() => predicts.predict(randn([1, 1, 8, 8]) as never)).toThrow(/forward takes tensors/)
    expect(() => predicts.predict('row' as never)).toThrow(ArgumentError)
    expect(() => predicts.forward(new Float32Array(64) as never)).toThrow(/predict takes numbers/)
    expect(() => predictor({} as never)).toThrow(ArgumentError)
    expect(() => predictor(net, { batchSizes: [0] })).toThrow(/a batch size is a whole number/)
    expect(() => predictor(net, { fold: 1 as never })).toThrow(ArgumentError)
    expect(() => predictor(net, { size: 1 } as never)).toThrow(/unknown option 'size'/)
    class Odd extends nn.Module<[Tensor], Tensor> {
      override forward(x: Tensor) {
        return x.reshape([x.shape[0], 5, 977])
      }
    }
    expect(() => predictor(new Odd()).predict([1])).toThrow(/is not known; give it/)
    const step = compile((x: Tensor) => {
      predicts.predict(new Float32Array(64))
      return x.add(1)
    })
    expect(() => step(randn([2]))).toThrow(AutogradError)
  })
})
