/**
 * The losses: cases that one knows by heart, hard values, means of nothing, and what a class says and does. All options
 * and shapes against PyTorch are in operations.json; mistakes are in test/faults/slips/losses.ts.
 */
import { nn, noGrad, ones, rand, randn, ShapeError, type Tensor, tensor, zeros } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectClose } from '../support/all-close.js'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

const F = nn.functional
const leaf = (values: number[]) => tensor(values, { requiresGrad: true })

/** The gradient of a loss's sum, of its first input. */
function gradientOf(loss: (x: Tensor) => Tensor, values: number[]): number[] {
  const x = leaf(values)
  loss(x).sum().backward()
  return [...(x.grad?.toFloat32Array() ?? [])]
}

const each = { reduction: 'none' } as const

describe('by heart', () => {
  const [x, y] = [() => tensor([1, 2, 5]), () => tensor([1, 0, 2])]

  it.each([
    ['mseLoss', F.mseLoss, {}, [0, 4, 9]],
    ['l1Loss', F.l1Loss, {}, [0, 2, 3]],
    ['smoothL1Loss', F.smoothL1Loss, {}, [0, 1.5, 2.5]],
    ['smoothL1Loss', F.smoothL1Loss, { beta: 4 }, [0, 0.5, 1.125]],
    ['huberLoss', F.huberLoss, { delta: 2 }, [0, 2, 4]],
  ] as [string, typeof F.mseLoss, object, number[]][])('%s', (_, loss, options, expected) => {
    expect([...loss(x(), y(), { ...options, ...each }).toFloat32Array()]).toEqual(expected)
    const total = expected.reduce((sum, v) => sum + v, 0)
    expect(loss(x(), y(), { ...options, reduction: 'sum' }).item()).toBeCloseTo(total, 6)
    expect(loss(x(), y(), options).item()).toBeCloseTo(total / 3, 6)
  })

  it('binary cross entropy of a half is ln 2', () => {
    expect(F.binaryCrossEntropy(tensor([0.5]), tensor([1])).item()).toBeCloseTo(Math.LN2, 6)
    expect(F.binaryCrossEntropyWithLogits(tensor([0]), tensor([0.3])).item()).toBeCloseTo(Math.LN2, 6)
  })

  it('the divergence of a distribution from itself is 0, by the batch', () => {
    const p = tensor([[0.5, 0.5], [0.1, 0.9]]) // biome-ignore format: a matrix
    expect(F.klDiv(p.log(), p, { reduction: 'batchmean' }).item()).toBeCloseTo(0, 6)
    const other = tensor([[1, 0], [0, 1]]) // biome-ignore format: a matrix
    const expected = (Math.log(2) + Math.log(1 / 0.9)) / 2
    expect(F.klDiv(p.log(), other, { reduction: 'batchmean' }).item()).toBeCloseTo(expected, 6)
  })

  it('cross entropy is nllLoss of logSoftmax', () => {
    const logits = randn([7, 5])
    const options = { weight: tensor([1, 2, 3, 4, 5]), ignoreIndex: 3 }
    const labels = tensor([0, 1, 2, 3, 4, 3, 0])
    expect(F.crossEntropy(logits, labels, options).item()).toBe(
      F.nllLoss(logits.logSoftmax(1), labels, options).item(),
    )
  })

  it('probabilities of 0 and 1 are class indices', () => {
    const logits = randn([3, 4])
    const certain = tensor([[0, 1, 0, 0], [0, 0, 0, 1], [1, 0, 0, 0]]) // biome-ignore format: a matrix
    expectClose(F.crossEntropy(logits, certain), [F.crossEntropy(logits, [1, 3, 0]).item()], {
      tolerance: 1e-6,
    })
  })

  it('the weight is of classes, and the mean over the weights', () => {
    const logs = tensor([[-1, -2], [-3, -4]]) // biome-ignore format: a matrix
    const weight = tensor([1, 3])
    expect(F.nllLoss(logs, [0, 1], { weight }).item()).toBeCloseTo((1 + 3 * 4) / (1 + 3), 6)
    expect(F.nllLoss(logs, [0, 1], { weight, reduction: 'sum' }).item()).toBe(13)
  })
})

describe('hard values', () => {
  it('logits of ±100 have the losses and gradients that they should', () => {
    const loss = (x: Tensor) => F.binaryCrossEntropyWithLogits(x, tensor([0, 1, 0, 1]), each)
    expectClose(loss(tensor([100, 100, -100, -100])), [100, 0, 0, 100], { tolerance: 1e-6 })
    expect(gradientOf(loss, [100, 100, -100, -100]).map((v) => Math.fround(v))).toEqual([
      1,
      expect.closeTo(0, 12),
      expect.closeTo(0, 12),
      -1,
    ])
  })

  it('a logit of 0 has the gradient of the sigmoid, ½ − t', () => {
    expect(gradientOf((x) => F.binaryCrossEntropyWithLogits(x, tensor([0, 1]), each), [0, 0])).toEqual([
      0.5, -0.5,
    ])
  })

  it('losses that are small are exact: ln(1 + e⁻²⁰)', () => {
    const loss = F.binaryCrossEntropyWithLogits(tensor([20]), tensor([1])).item()
    expect(loss / Math.log1p(Math.exp(-20))).toBeCloseTo(1, 5)
    expect(F.binaryCrossEntropy(tensor([1e-9]), tensor([0])).item() / 1e-9).toBeCloseTo(1, 5)
  })

  it('probabilities of 0 and 1 lose at most 100, and the gradient is cut at 1e12', () => {
    const target = () => tensor([0, 1, 1, 0])
    const loss = (x: Tensor) => F.binaryCrossEntropy(x, target(), each)
    expect([...loss(tensor([0, 1, 0, 1])).toFloat32Array()].map((v) => v + 0)).toEqual([0, 0, 100, 100])
    const gradient = gradientOf(loss, [0, 1, 0, 1])
    expectClose(gradient, [0, 0, -1e12, 1e12], { tolerance: 1e-6 })
  })

  it('targets of 0 have no divergence: 0 ln 0 is 0', () => {
    const loss = (x: Tensor) => F.klDiv(x, tensor([0, 1, 0]), each)
    expect([...loss(tensor([-1, -2, -50])).toFloat32Array()].map((v) => v + 0)).toEqual([0, 2, 0])
    expect(gradientOf(loss, [-1, -2, -50]).map((v) => v + 0)).toEqual([0, -1, 0])
  })

  it('a negative target of a divergence is NaN, as its logarithm', () => {
    expect(F.klDiv(tensor([-1, -1]), tensor([-0.5, 0]), each).toFloat32Array()[0]).toBeNaN()
  })

  it('infinite differences are infinite', () => {
    for (const loss of [F.mseLoss, F.l1Loss, F.smoothL1Loss, F.huberLoss]) {
      expect(loss(tensor([Number.NEGATIVE_INFINITY]), tensor([0])).item()).toBe(Number.POSITIVE_INFINITY)
      expect(loss(tensor([Number.NaN]), tensor([0])).item()).toBeNaN()
    }
  })

  it('a log-probability of −∞ is lost only where it is picked, also beside smoothing that ignores', () => {
    const logs = tensor([[0, Number.NEGATIVE_INFINITY], [Number.NEGATIVE_INFINITY, 0]]) // biome-ignore format: a matrix
    expect(F.nllLoss(logs, [0, 1], { reduction: 'sum' }).item() + 0).toBe(0)
    expect(F.nllLoss(logs, [1, 1], { reduction: 'sum' }).item()).toBe(Number.POSITIVE_INFINITY)
    const logits = tensor([[1, 2], [Number.NEGATIVE_INFINITY, 0]], { requiresGrad: true }) // biome-ignore format: a matrix
    const loss = F.crossEntropy(logits, [0, -100], { labelSmoothing: 0.1 })
    loss.backward()
    expect(Number.isFinite(loss.item())).toBe(true)
    expect([...(logits.grad?.toFloat32Array() ?? [])].slice(2).map((v) => v + 0)).toEqual([0, 0])
  })
})

describe('the mean', () => {
  it.each([
    ['nllLoss', F.nllLoss],
    ['crossEntropy', F.crossEntropy],
  ])('of nothing but ignored labels is NaN, and their gradient 0: %s', (_, loss) => {
    const x = tensor([[1, 2], [3, 4]], { requiresGrad: true }) // biome-ignore format: a matrix
    expect(loss(x, [-100, -100]).item()).toBeNaN()
    expect(loss(x, [1, 1], { ignoreIndex: 1, weight: ones([2]) }).item()).toBeNaN()
    expect(loss(x, [-100, -100], { reduction: 'sum' }).item() + 0).toBe(0)
    loss(x, [-100, -100], { reduction: 'sum' }).backward()
    expect([...(x.grad?.toFloat32Array() ?? [])].map((v) => v + 0)).toEqual([0, 0, 0, 0])
  })

  it('of weights that are all 0 is NaN', () => {
    expect(F.nllLoss(zeros([2, 2]), [0, 0], { weight: tensor([0, 1]) }).item()).toBeNaN()
  })

  it('of class probabilities is over the samples, whatever they weigh', () => {
    const loss = F.crossEntropy(zeros([2, 2]), ones([2, 2]), { weight: tensor([3, 3]) })
    expect(loss.item()).toBeCloseTo(6 * Math.LN2, 5)
  })
})

describe('class indices without options', () => {
  it('run in the one kernel, to the bit, also where a label could be ignored', () => {
    const logits = randn([9, 4])
    const labels = [0, 1, 2, 3, 0, 1, 2, 3, 0]
    const logs = logits.logSoftmax(1).toFloat32Array()
    const expected = labels.map((label, i) => -logs[4 * i + label])
    for (const options of [{}, { ignoreIndex: 7 }, { labelSmoothing: 0 }, { weight: null }]) {
      const losses = F.crossEntropy(logits, labels, { ...options, ...each })
      expect([...losses.toFloat32Array()]).toEqual(expected)
    }
    const one = F.crossEntropy(logits, labels).item()
    for (const options of [{ ignoreIndex: 7 }, { labelSmoothing: 0 }]) {
      expect(F.crossEntropy(logits, labels, options).item()).toBe(one)
    }
  })

  it('ignore −100, and nothing else below 0', () => {
    const logits = randn([3, 4])
    const two = F.crossEntropy(logits.slice(0, 0, 2), [1, 2]).item()
    expect(F.crossEntropy(logits, [1, 2, -100]).item()).toBeCloseTo(two, 6)
    expect(() => F.crossEntropy(logits, [1, -100, -99])).toThrow(/label 2 is -99/)
    expect(() => F.crossEntropy(logits, [1, -100, 2], { ignoreIndex: -1 })).toThrow(/label 1 is -100/)
  })
})

describe('shapes', () => {
  it.each([
    F.mseLoss,
    F.l1Loss,
    F.smoothL1Loss,
    F.huberLoss,
    F.binaryCrossEntropyWithLogits,
    F.klDiv,
  ])('single values stand for all, on either side: %o', (loss) => {
    const x = tensor([[0.1, 0.2], [0.3, 0.4]], { requiresGrad: true }) // biome-ignore format: a matrix
    const single = tensor(0.5, { requiresGrad: true })
    const full = ones([2, 2]).mul(0.5)
    expect([...loss(x, single, each).toFloat32Array()]).toEqual([...loss(x, full, each).toFloat32Array()])
    expect([...loss(single, x, each).toFloat32Array()]).toEqual([...loss(full, x, each).toFloat32Array()])
    loss(x, single).backward()
    expect([x.grad?.shape, single.grad?.shape]).toEqual([[2, 2], []])
    expect(loss(tensor(0.5), tensor(0.25), each).shape).toEqual([])
  })

  it('a column beside a list throws, in a loss of one sample too', () => {
    expect(() => F.mseLoss(ones([4, 1]), ones([4]))).toThrow(ShapeError)
    expect(() => F.mseLoss(ones([1, 1]), ones([1]))).toThrow(/reshape\(\[-1,1\]\)/)
  })
})

describe('layouts', () => {
  it.each([
    1, 3,
  ])('what a convolution gave, in lanes, has the gradients of what lies in rows: batch %i', (n) => {
    const values = rand([n, 1, 4, 2])
    for (const loss of [
      F.mseLoss,
      F.huberLoss,
      F.binaryCrossEntropy,
      F.binaryCrossEntropyWithLogits,
      F.klDiv,
    ]) {
      const gradients = [false, true].map((lanes) => {
        const x = tensor(values.toFloat32Array(), { shape: values.shape, requiresGrad: true })
        const y = tensor(values.toFloat32Array().reverse(), { shape: values.shape, requiresGrad: true })
        loss(lanes ? F.conv2d(x, ones([1, 1, 1, 1])) : x, y).backward()
        return [x, y].map(({ grad }) => [...(grad?.toFloat32Array() ?? [])])
      })
      expect(gradients[1]).toEqual(gradients[0])
    }
  })
})

describe('the classes', () => {
  it('are the functions, with their options, and say their name', () => {
    const [x, y] = [tensor([0.2, 0.9]), tensor([1, 0.5])]
    const same: [{ forward(x: Tensor, y: Tensor): Tensor }, Tensor][] = [
      [new nn.MSELoss({ reduction: 'sum' }), F.mseLoss(x, y, { reduction: 'sum' })],
      [new nn.L1Loss(), F.l1Loss(x, y)],
      [new nn.SmoothL1Loss({ beta: 0.5 }), F.smoothL1Loss(x, y, { beta: 0.5 })],
      [new nn.HuberLoss({ delta: 0.5 }), F.huberLoss(x, y, { delta: 0.5 })],
      [new nn.BCELoss({ weight: y }), F.binaryCrossEntropy(x, y, { weight: y })],
      [new nn.BCEWithLogitsLoss({ posWeight: y }), F.binaryCrossEntropyWithLogits(x, y, { posWeight: y })],
      [new nn.KLDivLoss({ logTarget: true }), F.klDiv(x, y, { logTarget: true })],
      [new nn.NLLLoss(), F.nllLoss(x, tensor(1))],
      [new nn.CrossEntropyLoss({ labelSmoothing: 0.1 }), F.crossEntropy(x, y, { labelSmoothing: 0.1 })],
    ]
    for (const [loss, expected] of same) {
      const target = loss instanceof nn.NLLLoss ? tensor(1) : y
      expect(loss.forward(x, target).item()).toBe(expected.item())
      expect(() => loss.forward(x, ones([2, 1]))).toThrow(new RegExp(`^${loss.constructor.name}: `))
    }
  })

  it('leave nothing behind that backward needs not, and nothing at all without recording', () => {
    const x = leaf([0.1, 0.7])
    for (let i = 0; i < 3; i++) new nn.BCELoss().forward(x, tensor([0, 1])).backward()
    expect(x.grad?.toFloat32Array().every(Number.isFinite)).toBe(true)
    expect(noGrad(() => new nn.BCELoss().forward(x, tensor([0, 1]))).requiresGrad).toBe(false)
  })
})
