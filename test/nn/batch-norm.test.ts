/** The batch-normalisation contract: PyTorch's, as torch/nn/modules/batchnorm.py and its documentation state it. */
import { ArgumentError, nn, noGrad, ones, randn, ShapeError, type Tensor, tensor, zeros } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectClose } from '../support/all-close.js'
import { initForTest } from '../support/init.js'
import { Random } from '../support/random.js'

const { functional: F } = nn

beforeAll(initForTest)

const values = (x: Tensor | null | undefined) => (x ? [...x.toFloat32Array()] : [])

interface Statistics {
  mean: number[]
  /** Divided by n. */
  biased: number[]
  /** Divided by n − 1. */
  unbiased: number[]
}

/** Of each channel (dimension 1), in float64. */
function statisticsOf(x: Tensor): Statistics {
  const [, c] = x.shape
  const inner = x.shape.slice(2).reduce((a, b) => a * b, 1)
  const channels = Array.from({ length: c }, (): number[] => [])
  x.toFloat32Array().forEach((v, i) => {
    channels[Math.floor(i / inner) % c].push(v)
  })
  const mean = channels.map((own) => own.reduce((a, b) => a + b) / own.length)
  const squares = channels.map((own, i) => own.reduce((sum, v) => sum + (v - mean[i]) ** 2, 0))
  return {
    mean,
    biased: squares.map((s, i) => s / channels[i].length),
    unbiased: squares.map((s, i) => s / (channels[i].length - 1)),
  }
}

/** `(x − mean) / √(var + eps) · weight + bias`, in float64. */
function normalised(
  x: Tensor,
  mean: number[],
  variance: number[],
  weight?: number[],
  bias?: number[],
  eps = 1e-5,
): number[] {
  const [, c] = x.shape
  const inner = x.shape.slice(2).reduce((a, b) => a * b, 1)
  return values(x).map((v, i) => {
    const k = Math.floor(i / inner) % c
    return ((v - mean[k]) / Math.sqrt(variance[k] + eps)) * (weight?.[k] ?? 1) + (bias?.[k] ?? 0)
  })
}

type LayerClass = typeof nn.BatchNorm1d | typeof nn.BatchNorm2d

const SHAPES: readonly (readonly [string, LayerClass, readonly number[]])[] = [
  ['BatchNorm1d (N, C)', nn.BatchNorm1d, [33, 5]],
  ['BatchNorm1d (N, C, L)', nn.BatchNorm1d, [3, 5, 7]],
  ['BatchNorm2d (N, C, H, W)', nn.BatchNorm2d, [3, 5, 7, 2]],
  ['BatchNorm2d of one image', nn.BatchNorm2d, [1, 5, 3, 1]],
]

describe.each(SHAPES)('%s', (_, Layer, shape) => {
  const make = (options: nn.BatchNormLayerOptions = {}) => {
    const layer = new Layer(5, options)
    if (layer.weight && layer.bias) {
      layer.weight.copy_(tensor([1, -2, 0.5, 3, 0]))
      layer.bias.copy_(tensor([0, 1, 2, -3, 0.25]))
    }
    return layer
  }
  const draw = () =>
    randn([...shape])
      .mul(3)
      .add(2)

  it("normalises with the batch's biased variance in training", () => {
    const [layer, x] = [make(), draw()]
    const { mean, biased } = statisticsOf(x)
    const y = layer.forward(x)
    expect(y.shape).toEqual(shape)
    expectClose(y, normalised(x, mean, biased, values(layer.weight), values(layer.bias)), { tolerance: 1e-5 })
  })

  it('moves the running statistics by momentum, the variance unbiased', () => {
    const layer = make({ momentum: 0.3 })
    const [first, second] = [draw(), draw()]
    layer.forward(first)
    layer.forward(second)
    const [a, b] = [statisticsOf(first), statisticsOf(second)]
    const twice = (start: number, x: number, y: number) => 0.7 * (0.7 * start + 0.3 * x) + 0.3 * y
    expectClose(
      layer.runningMean ?? [],
      a.mean.map((m, i) => twice(0, m, b.mean[i])),
      { tolerance: 1e-5 },
    )
    expectClose(
      layer.runningVar ?? [],
      a.unbiased.map((v, i) => twice(1, v, b.unbiased[i])),
      { tolerance: 1e-5 },
    )
    expect(layer.numBatchesTracked?.item()).toBe(2)
  })

  it('averages over all batches with momentum null', () => {
    const layer = make({ momentum: null })
    const batches = [draw(), draw(), draw()]
    for (const x of batches) layer.forward(x)
    const all = batches.map(statisticsOf)
    const average = (pick: (s: Statistics) => number[]) =>
      pick(all[0]).map((_, i) => all.reduce((sum, s) => sum + pick(s)[i], 0) / all.length)
    expectClose(
      layer.runningMean ?? [],
      average((s) => s.mean),
      { tolerance: 1e-5 },
    )
    expectClose(
      layer.runningVar ?? [],
      average((s) => s.unbiased),
      { tolerance: 1e-5 },
    )
    expect(layer.numBatchesTracked?.item()).toBe(3)
  })

  it('uses the running statistics in evaluation, and leaves them alone', () => {
    const layer = make()
    layer.forward(draw())
    layer.eval()
    const [mean, variance, x] = [values(layer.runningMean), values(layer.runningVar), draw()]
    const expected = normalised(x, mean, variance, values(layer.weight), values(layer.bias))
    expectClose(layer.forward(x), expected, { tolerance: 1e-5 })
    expectClose(
      noGrad(() => layer.forward(x)),
      expected,
      { tolerance: 1e-5 },
    )
    expect([values(layer.runningMean), values(layer.runningVar)]).toEqual([mean, variance])
    expect(layer.numBatchesTracked?.item()).toBe(1)
  })

  it('has a gradient of its own in evaluation: the statistics are constants', () => {
    const layer = make()
    layer.forward(draw())
    layer.eval()
    const x = tensor(draw().toFloat32Array(), { shape: [...shape], requiresGrad: true })
    const cotangent = randn([...shape])
    layer.forward(x).backward(cotangent)
    const [mean, variance] = [values(layer.runningMean), values(layer.runningVar)]
    const factor = values(layer.weight).map((w, i) => w / Math.sqrt(variance[i] + 1e-5))
    expectClose(x.grad ?? [], normalised(cotangent, zeroes, ones5, factor, zeroes, 0), { tolerance: 1e-5 })
    const products = normalised(x, mean, variance).map((v, i) => v * cotangent.toFloat32Array()[i])
    const sums = (all: number[]) =>
      statisticsOf(tensor(all, { shape: [...shape] })).mean.map((m) => (m * all.length) / 5)
    expectClose(layer.weight?.grad ?? [], sums(products), { tolerance: 1e-5 })
    expectClose(layer.bias?.grad ?? [], sums(values(cotangent)), { tolerance: 1e-5 })
  })

  it('trains nothing without affine', () => {
    const layer = make({ affine: false })
    expect([layer.weight, layer.bias]).toEqual([null, null])
    expect(layer.parameters()).toEqual([])
    const x = draw()
    const { mean, biased } = statisticsOf(x)
    expectClose(layer.forward(x), normalised(x, mean, biased), { tolerance: 1e-5 })
    expect(Object.keys(layer.stateDict())).toEqual(['running_mean', 'running_var', 'num_batches_tracked'])
  })

  it("uses the batch's statistics in evaluation too without trackRunningStats", () => {
    const layer = make({ trackRunningStats: false })
    expect([layer.runningMean, layer.runningVar, layer.numBatchesTracked]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
    expect(Object.keys(layer.stateDict())).toEqual(['weight', 'bias'])
    const x = draw()
    const trained = values(layer.forward(x))
    expect(values(layer.eval().forward(x))).toEqual(trained)
    const { mean, biased } = statisticsOf(x)
    expectClose(trained, normalised(x, mean, biased, values(layer.weight), values(layer.bias)), {
      tolerance: 1e-5,
    })
  })

  it('keeps the running statistics out of the graph', () => {
    const layer = make()
    for (let i = 0; i < 3; i++) layer.forward(draw()).sum().backward()
    for (const running of [layer.runningMean, layer.runningVar]) {
      expect([running?.requiresGrad, running?.producer, running?.grad]).toEqual([false, undefined, null])
    }
  })

  it('takes another eps', () => {
    const [layer, x] = [make({ eps: 0.5, affine: false }), draw()]
    const { mean, biased } = statisticsOf(x)
    expectClose(layer.forward(x), normalised(x, mean, biased, undefined, undefined, 0.5), { tolerance: 1e-5 })
  })

  it('agrees with float64 at mean 1000 and spread 0.01', () => {
    const x = tensor(
      Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, gaussian(9, 1000, 0.01)),
      { shape: [...shape] },
    )
    const { mean, biased, unbiased } = statisticsOf(x)
    const layer = make({ momentum: 1 })
    const y = layer.forward(x)
    expectClose(y, normalised(x, mean, biased, values(layer.weight), values(layer.bias)), { tolerance: 1e-3 })
    expectClose(layer.runningMean ?? [], mean, { tolerance: 1e-6 })
    expectClose(layer.runningVar ?? [], unbiased, { tolerance: 1e-3 })
  })
})

const [zeroes, ones5] = [
  [0, 0, 0, 0, 0],
  [1, 1, 1, 1, 1],
]

function gaussian(seed: number, mean: number, spread: number): () => number {
  const random = new Random(seed)
  return () => mean + spread * random.normal()
}

describe('the gradient at mean 1000 and spread 0.01', () => {
  it('agrees with float64', () => {
    const [n, c] = [64, 3]
    const x = tensor(Float32Array.from({ length: n * c }, gaussian(3, 1000, 0.01)), {
      shape: [n, c],
      requiresGrad: true,
    })
    const dy = randn([n, c])
    new nn.BatchNorm1d(c).forward(x).backward(dy)
    const { mean, biased } = statisticsOf(x)
    const [xhat, g] = [normalised(x, mean, biased), values(dy)]
    // dx = (dy − mean(dy) − x̂ · mean(dy · x̂)) / √(var + eps)
    const over = (f: (i: number) => number, k: number) => {
      let sum = 0
      for (let i = k; i < n * c; i += c) sum += f(i)
      return sum / n
    }
    const expected = g.map((v, i) => {
      const k = i % c
      return (
        (v - over((j) => g[j], k) - xhat[i] * over((j) => g[j] * xhat[j], k)) / Math.sqrt(biased[k] + 1e-5)
      )
    })
    expectClose(x.grad ?? [], expected, { tolerance: 1e-3 })
  })
})

describe('statistics', () => {
  it('are those of the full batch, however large it is', () => {
    // Large enough that work is split between threads; the halves of the batch differ by much.
    const [n, c] = [512, 4]
    const random = gaussian(1, 0, 1)
    const x = tensor(
      Float32Array.from({ length: n * c * 49 }, (_, i) => random() + (i < (n * c * 49) / 2 ? 5 : -5)),
      { shape: [n, c, 7, 7] },
    )
    const { mean, biased } = statisticsOf(x)
    expect(Math.min(...biased)).toBeGreaterThan(25)
    const layer = new nn.BatchNorm2d(c, { momentum: 1 })
    expectClose(layer.forward(x), normalised(x, mean, biased), { tolerance: 1e-5 })
    expectClose(layer.runningMean ?? [], mean, { tolerance: 1e-5, scale: 1 })
  })

  it('of a constant channel give 0, not NaN', () => {
    const x = ones([4, 2]).mul(7)
    expect(values(new nn.BatchNorm1d(2).forward(x))).toEqual(new Array(8).fill(0))
  })

  it('count each pass of two before one backward', () => {
    const layer = new nn.BatchNorm1d(3)
    const [a, b] = [layer.forward(randn([4, 3])), layer.forward(randn([4, 3]))]
    a.add(b).sum().backward()
    expect(values(layer.bias?.grad)).toEqual([8, 8, 8])
    expect(layer.numBatchesTracked?.item()).toBe(2)
  })
})

describe('functional batchNorm', () => {
  it('takes (N, C, D, H, W)', () => {
    const x = randn([2, 3, 2, 5, 3])
    const { mean, biased } = statisticsOf(x)
    const y = F.batchNorm(x, { training: true })
    expect(y.shape).toEqual([2, 3, 2, 5, 3])
    expectClose(y, normalised(x, mean, biased), { tolerance: 1e-5 })
  })

  it('is in evaluation unless told otherwise, as PyTorch is', () => {
    const [x, runningMean, runningVar] = [randn([4, 2]), tensor([1, 2]), tensor([3, 4])]
    expectClose(F.batchNorm(x, { runningMean, runningVar }), normalised(x, [1, 2], [3, 4]), {
      tolerance: 1e-5,
    })
    expect(values(runningMean)).toEqual([1, 2])
    expect(() => F.batchNorm(x)).toThrow(ArgumentError)
    expect(() => F.batchNorm(x)).toThrow(/evaluation needs runningMean and runningVar/)
  })

  it('refuses what does not fit', () => {
    expect(() => F.batchNorm(ones([4]), { training: true })).toThrow(ShapeError)
    expect(() => F.batchNorm(ones([4, 2]), { training: true, weight: ones([3]) })).toThrow(
      /weight has shape \[3\], but the input \[4,2\] has 2 channels/,
    )
    expect(() => F.batchNorm(ones([4, 2]), { training: true, runningVar: ones([1, 2]) })).toThrow(ShapeError)
    expect(() => F.batchNorm(ones([4, 2]), { train: true } as object)).toThrow(/unknown option 'train'/)
  })
})

describe('what a layer can not take', () => {
  it.each([
    ['BatchNorm1d(3)', () => new nn.BatchNorm1d(3), [1, 3]],
    ['BatchNorm1d(3)', () => new nn.BatchNorm1d(3), [1, 3, 1]],
    ['BatchNorm2d(3)', () => new nn.BatchNorm2d(3), [1, 3, 1, 1]],
    ['BatchNorm2d(3)', () => new nn.BatchNorm2d(3, { trackRunningStats: false }).eval(), [1, 3, 1, 1]],
  ] as const)('%s: one value per channel, and nothing is changed', (name, make, shape) => {
    const layer = make()
    expect(() => layer.forward(ones([...shape]))).toThrow(ShapeError)
    expect(() => layer.forward(ones([...shape]))).toThrow(
      `${name}: expected more than one value per channel in training, got an input of shape [${shape}]`,
    )
    if (layer.runningMean) {
      expect([values(layer.runningMean), layer.numBatchesTracked?.item()]).toEqual([[0, 0, 0], 0])
      expect(layer.eval().forward(ones([...shape])).shape).toEqual(shape)
    }
  })

  it('says layer, expected and given', () => {
    const layer = new nn.BatchNorm2d(6)
    expect(() => layer.forward(ones([2, 3, 4, 4]))).toThrow(
      'BatchNorm2d(6): expected an input of shape [N, 6, H, W] (6 features), got [2,3,4,4]',
    )
    expect(() => layer.forward(ones([2, 6]))).toThrow(ShapeError)
    expect(() => new nn.BatchNorm1d(6).forward(ones([2, 6, 4, 4]))).toThrow(ShapeError)
    expect(layer.numBatchesTracked?.item()).toBe(0)
  })

  it.each<[string, () => unknown]>([
    ['numFeatures is a whole number of at least 1, got 0', () => new nn.BatchNorm1d(0)],
    ['numFeatures is a whole number of at least 1, got 1.5', () => new nn.BatchNorm2d(1.5)],
    ['momentum is a number from 0 to 1 or null', () => new nn.BatchNorm1d(1, { momentum: 1.1 })],
    ['momentum is a number from 0 to 1 or null', () => new nn.BatchNorm1d(1, { momentum: Number.NaN })],
    ['eps is a number of at least 0', () => new nn.BatchNorm1d(1, { eps: -1 })],
    [
      "unknown option 'track_running_stats'",
      () => new nn.BatchNorm2d(1, { track_running_stats: false } as object),
    ],
  ])('%s', (message, make) => {
    expect(make).toThrow(ArgumentError)
    expect(make).toThrow(message)
  })
})

describe('state', () => {
  it('goes into the state dict and back, and evaluation is then the same', () => {
    const [a, b] = [new nn.BatchNorm2d(2), new nn.BatchNorm2d(2)]
    for (let i = 0; i < 3; i++) a.forward(randn([4, 2, 3, 3]).add(i))
    b.loadStateDict(a.stateDict())
    const x = randn([2, 2, 3, 3])
    expect(values(b.eval().forward(x))).toEqual(values(a.eval().forward(x)))
    expect(b.numBatchesTracked?.item()).toBe(3)
    expect(zeros([]).shape).toEqual(b.numBatchesTracked?.shape)
  })
})
