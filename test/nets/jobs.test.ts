import { hashState, manualSeed, nn, noGrad, randn, type Tensor } from 'simdgrad'
import { BatchNormByHand, cnn, JOB_NAMES, JOBS, mlp } from 'simdgrad/nets'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { expectClose } from '../support/all-close.js'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)
beforeEach(() => manualSeed(0))

const values = (x: Tensor) => [...x.toFloat32Array()]

/** A loss of a batch of random images, and the gradients that came of it. */
function learn(net: nn.Module, images: number): number {
  const loss = nn.functional.crossEntropy(
    net.forward(randn([images, 1, 28, 28])),
    new Array<number>(images).fill(3),
  )
  loss.backward()
  return loss.item()
}

describe.each(JOB_NAMES)('%s', (name) => {
  const { make, smallestBatch } = JOBS[name]

  it('gives ten logits an image, and a gradient to every parameter', () => {
    const net = make()
    expect(Number.isFinite(learn(net, 4))).toBe(true)
    for (const [path, { grad }] of net.namedParameters()) expect(grad, path).toBeTruthy()
    expect(net.eval().forward(randn([3, 1, 28, 28])).shape).toEqual([3, 10])
  })

  it('has the same weights after the same seed, and others each time it is made', async () => {
    const first = await hashState(make().stateDict())
    expect(await hashState(make().stateDict())).not.toBe(first)
    manualSeed(0)
    expect(await hashState(make().stateDict())).toBe(first)
  })

  it('learns from its smallest batch, and not from a smaller one', () => {
    expect(Number.isFinite(learn(make(), smallestBatch))).toBe(true)
    if (smallestBatch > 1) expect(() => learn(make(), smallestBatch - 1)).toThrow(/more than one/)
  })
})

describe('mlp and cnn', () => {
  it('take a normalisation, or none', () => {
    const kinds = (net: nn.Sequential) => net.modules.map((module) => module.constructor.name)
    expect(kinds(mlp())).toEqual(['Flatten', 'Linear', 'ReLU', 'Linear'])
    expect(kinds(mlp(new nn.BatchNorm1d(100)))).toEqual([
      'Flatten',
      'Linear',
      'BatchNorm1d',
      'ReLU',
      'Linear',
    ])
    expect(kinds(cnn(true)).filter((kind) => kind === 'BatchNorm2d')).toHaveLength(2)
    expect(kinds(cnn(false))).not.toContain('BatchNorm2d')
  })
})

describe('BatchNormByHand', () => {
  const CLOSE = { tolerance: 1e-5 }

  /** The two with the same scale and shift. */
  function both() {
    const byHand = new BatchNormByHand(3, 0.9)
    const layer = new nn.BatchNorm1d(3, { momentum: 0.1 })
    noGrad(() => {
      layer.weight?.copy_(byHand.gamma)
      layer.bias?.copy_(byHand.beta)
    })
    return { byHand, layer }
  }

  it('is nn.BatchNorm1d with momentum 1 − movingMomentum: results, statistics, evaluation', () => {
    const { byHand, layer } = both()
    for (const samples of [5, 2, 7]) {
      const x = randn([samples, 3]).mul(3).add(1)
      expectClose(byHand.forward(x), layer.forward(x).toFloat32Array(), CLOSE)
    }
    expectClose(byHand.movingMean, layer.runningMean?.toFloat32Array() ?? [], CLOSE)
    expectClose(byHand.movingVar, layer.runningVar?.toFloat32Array() ?? [], CLOSE)
    const x = randn([4, 3])
    expectClose(byHand.eval().forward(x), layer.eval().forward(x).toFloat32Array(), CLOSE)
  })

  it('keeps its statistics out of the graph, and in the state dict', () => {
    const { byHand } = both()
    for (let step = 0; step < 3; step++)
      byHand
        .forward(randn([4, 3]))
        .sum()
        .backward()
    expect(byHand.movingMean.requiresGrad).toBe(false)
    expect(Object.keys(byHand.stateDict()).sort()).toEqual(['beta', 'gamma', 'moving_mean', 'moving_var'])
  })

  it('refuses a single sample in training, which would give NaN, and takes it in evaluation', () => {
    const { byHand } = both()
    const before = values(byHand.movingVar)
    expect(() => byHand.forward(randn([1, 3]))).toThrow(
      'BatchNormByHand(3): expected more than one sample in training, got an input of shape [1,3]',
    )
    expect(values(byHand.movingVar)).toEqual(before)
    expect(byHand.eval().forward(randn([1, 3])).shape).toEqual([1, 3])
  })
})
