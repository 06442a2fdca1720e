/** Figures of predictions, against scikit-learn's (fixtures/metrics.json). */
import { ArgumentError, metrics, ones, ShapeError, StateDictError, type Tensor, tensor } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { decode, type Encoded, readFixture } from '../support/fixtures.js'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

type Scores = Record<'macro' | 'weighted' | 'micro', number> & { none: number[] }

interface Case {
  name: string
  kind: 'classes' | 'binary' | 'numbers'
  prediction: Encoded
  target: Encoded
  expected: Record<string, unknown>
}

const cases = readFixture<Case[]>('metrics.json')
const of = (kind: Case['kind']) =>
  cases.filter((one) => one.kind === kind).map((one) => [one.name, one] as const)

/** Rows `from … to` of a tensor. */
function rows({ shape, data }: Encoded, from: number, to: number): Tensor {
  const values = decode({ shape, data })
  const size = values.length / shape[0]
  return tensor(values.slice(from * size, to * size), {
    shape: [Math.min(to, shape[0]) - from, ...shape.slice(1)],
  })
}

/** What a metric comes to, taken in by batches of some size; in their midst it is saved, and another one goes on. */
function figure<M extends metrics.Metric>(
  make: () => M,
  { prediction, target }: Case,
  batch: number,
): ReturnType<M['compute']> {
  let metric = make()
  metric.reset()
  const [n] = prediction.shape
  for (let from = 0; from < n; from += batch) {
    metric.update(rows(prediction, from, from + batch), rows(target, from, from + batch))
    if (from < n / 2) {
      const state = JSON.parse(JSON.stringify(metric.stateDict?.()))
      metric = make()
      metric.loadStateDict?.(state as never)
    }
  }
  return metric.compute() as ReturnType<M['compute']>
}

const SCORES = { precision: metrics.Precision, recall: metrics.Recall, f1: metrics.F1Score }

describe.each([1, 7, 1000])('in batches of %i', (batch) => {
  it.each(of('classes'))('classes: %s', (_, one) => {
    const { expected } = one
    expect(figure(() => new metrics.Accuracy(), one, batch)).toBe(expected.accuracy)
    expect(figure(() => new metrics.Accuracy({ topK: 2 }), one, batch)).toBe(expected.top2)
    expect(figure(() => new metrics.ConfusionMatrix(), one, batch)).toEqual(expected.matrix)
    for (const [name, Score] of Object.entries(SCORES)) {
      const scores = expected[name] as Scores
      expect(figure(() => new Score(), one, batch)).toBeCloseTo(scores.macro, 12)
      for (const average of ['macro', 'weighted', 'micro'] as const) {
        const value = figure(() => new Score({ average }), one, batch)
        expect(value, `${name} ${average}`).toBeCloseTo(scores[average], 12)
      }
      const each = figure(() => new Score({ average: 'none' }), one, batch) as number[]
      expect(each).toHaveLength(scores.none.length)
      for (const [c, value] of each.entries()) expect(value).toBeCloseTo(scores.none[c], 12)
    }
  })

  it.each(of('binary'))('of one output: %s', (_, one) => {
    expect(figure(() => new metrics.Accuracy(), one, batch)).toBe(one.expected.accuracy)
    for (const [name, Score] of Object.entries(SCORES)) {
      expect(figure(() => new Score(), one, batch)).toBeCloseTo(one.expected[name] as number, 12)
    }
  })

  it.each(of('numbers'))('numbers: %s', (_, one) => {
    expect(figure(() => new metrics.MeanAbsoluteError(), one, batch)).toBeCloseTo(
      one.expected.mae as number,
      6,
    )
    expect(figure(() => new metrics.MeanSquaredError(), one, batch)).toBeCloseTo(
      one.expected.mse as number,
      6,
    )
    expect(figure(() => new metrics.R2Score(), one, batch)).toBeCloseTo(one.expected.r2 as number, 6)
  })
})

describe('classes', () => {
  const accuracy = (options: metrics.AccuracyOptions, prediction: Tensor, target: Tensor) => {
    const metric = new metrics.Accuracy(options)
    metric.update(prediction, target)
    return metric.compute()
  }

  it('of pixels are those of [N, classes, H, W]', () => {
    const prediction = tensor([
      [
        [0, 1, 0],
        [1, 0, 2],
      ],
    ]).reshape([1, 2, 1, 3])
    expect(accuracy({}, prediction, tensor([1, 0, 1], { shape: [1, 1, 3] }))).toBe(1)
    expect(accuracy({}, prediction, tensor([1, 1, 1], { shape: [1, 1, 3] }))).toBe(2 / 3)
  })

  it('that are ignored do not count', () => {
    const prediction = tensor([
      [0, 1],
      [1, 0],
      [1, 0],
    ])
    expect(accuracy({}, prediction, tensor([1, -100, 1]))).toBe(0.5)
    expect(accuracy({ ignoreIndex: 1 }, prediction, tensor([1, 0, 1]))).toBe(1)
    expect(accuracy({}, prediction, tensor([-100, -100, -100]))).toBeNaN()
  })

  it('of a single output have a threshold, for each of [N, labels] too', () => {
    expect(accuracy({ threshold: 0.5 }, tensor([0.4, 0.6]), tensor([0, 1]))).toBe(1)
    expect(accuracy({}, tensor([0.4, 0.6]), tensor([0, 1]))).toBe(0.5)
    expect(accuracy({}, tensor([[1, -1, 1]]), tensor([[1, 0, 0]]))).toBe(2 / 3)
  })

  it('a prediction that is NaN is the largest, as PyTorch’s argmax has it, and in no top K', () => {
    const prediction = tensor([[0, Number.NaN, 5]])
    expect(accuracy({}, prediction, tensor([1]))).toBe(1)
    expect(accuracy({}, prediction, tensor([2]))).toBe(0)
    expect(accuracy({ topK: 3 }, tensor([[Number.NaN, Number.NaN, 5]]), tensor([1]))).toBe(0)
  })

  it('of equal predictions the first is the answer', () => {
    expect(accuracy({}, tensor([[1, 1]]), tensor([0]))).toBe(1)
    expect(accuracy({}, tensor([[1, 1]]), tensor([1]))).toBe(0)
    expect(accuracy({ topK: 2 }, tensor([[1, 1, 1]]), tensor([1]))).toBe(1)
    expect(accuracy({ topK: 2 }, tensor([[1, 1, 1]]), tensor([2]))).toBe(0)
  })
})

describe('numbers', () => {
  it('that are one and the same leave R² 1 where all is right, else 0', () => {
    const metric = new metrics.R2Score()
    metric.update(tensor([2, 2]), tensor([2, 2]))
    expect(metric.compute()).toBe(1)
    metric.update(tensor([3]), tensor([2]))
    expect(metric.compute()).toBe(0)
  })

  it('of no sample have no figure', () => {
    expect(new metrics.R2Score().compute()).toBeNaN()
    const error = new metrics.MeanAbsoluteError()
    error.update(ones([0]), ones([0]))
    expect(error.compute()).toBeNaN()
  })
})

describe('what can not be', () => {
  it.each<[make: () => metrics.Metric, prediction: number[], target: number[]]>([
    [() => new metrics.Accuracy(), [3, 4], [2]],
    [() => new metrics.Accuracy(), [3, 4], [4, 3]],
    [() => new metrics.ConfusionMatrix(), [3, 4, 2], [3]],
    [() => new metrics.MeanSquaredError(), [3, 2], [3]],
    [() => new metrics.R2Score(), [3, 2, 2], [3, 2, 2]],
  ])('is another shape: %#', (make, prediction, target) => {
    expect(() => make().update(ones(prediction), ones(target))).toThrow(ShapeError)
    expect(() => make().update(ones(prediction), ones(target))).toThrow(`[${prediction}]`)
  })

  it('is another number of classes or outputs in mid-pass', () => {
    const matrix = new metrics.ConfusionMatrix()
    matrix.update(ones([2, 3]), ones([2]))
    expect(() => matrix.update(ones([2, 4]), ones([2]))).toThrow(ShapeError)
    const r2 = new metrics.R2Score()
    r2.update(ones([2, 3]), ones([2, 3]))
    expect(() => r2.update(ones([2, 4]), ones([2, 4]))).toThrow(ShapeError)
  })

  it.each([2, -1, 0.5, Number.NaN])('is the class %d of two', (label) => {
    const metric = new metrics.F1Score()
    expect(() => metric.update(ones([1, 2]), tensor([label]))).toThrow(ArgumentError)
    expect(() => metric.update(ones([1, 2]), tensor([label]))).toThrow(/a class from 0 to 1/)
  })

  it('is a state of something else', () => {
    expect(() => new metrics.Accuracy().loadStateDict({ sums: ['1'] } as never)).toThrow(StateDictError)
    expect(() => new metrics.Accuracy().loadStateDict(null as never)).toThrow(StateDictError)
  })
})
