/** Losses of all kinds in `fit`: targets of any shape, and an accuracy where answers are right or wrong. */
import {
  ArgumentError,
  data,
  type FitOptions,
  fit,
  manualSeed,
  nn,
  optim,
  randn,
  ShapeError,
  type Tensor,
  tensor,
  zeros,
} from 'simdgrad'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)
beforeEach(() => manualSeed(0))

type Loss = FitOptions['loss']

/** A net whose prediction is its input times 1: what it says is what the data set says. */
class Echo extends nn.Module {
  scale = new nn.Parameter(tensor(1))

  override forward(x: Tensor): Tensor {
    return x.mul(this.scale)
  }
}

/** One epoch of an Echo that stays as it is, in batches of two, so that predictions are `x`. */
async function epochOf(x: Tensor, y: Tensor, loss: Loss) {
  const net = new Echo()
  const set = new data.TensorDataset(x, y)
  const loader = new data.DataLoader(set, { batchSize: 2 })
  const optimizer = new optim.SGD(net.parameters(), { lr: 0 })
  const { epochs } = await fit(net, { train: loader, valid: loader, optimizer, loss })
  return epochs[0]
}

async function accuracy(x: Tensor, y: Tensor, loss: Loss): Promise<number | undefined> {
  const { trainAcc, validAcc } = await epochOf(x, y, loss)
  expect(validAcc).toBe(trainAcc)
  return trainAcc
}

const rows = () =>
  tensor([
    [0.1, 0.8, 0.1],
    [0.7, 0.2, 0.1],
    [0.2, 0.3, 0.5],
    [0.3, 0.4, 0.3],
    [0.1, 0.1, 0.8],
  ])

describe('the accuracy of classes', () => {
  it.each([
    ['CrossEntropyLoss', new nn.CrossEntropyLoss()],
    [
      'CrossEntropyLoss, smoothed and weighted',
      new nn.CrossEntropyLoss({ labelSmoothing: 0.1, ignoreIndex: 9 }),
    ],
    ['NLLLoss', new nn.NLLLoss()],
    ['a loss of the user', { forward: (x: Tensor, y: Tensor) => nn.functional.crossEntropy(x, y) }],
  ])('is the share whose largest is at the label: %s', async (_, loss) => {
    expect(await accuracy(rows(), tensor([1, 0, 0, 1, 1]), loss)).toBe(0.6)
  })

  it.each([
    [-100, {}],
    [2, { ignoreIndex: 2 }],
  ])('does not count what is ignored: %d', async (ignored, options) => {
    const labels = tensor([1, ignored, ignored, 0, 1])
    expect(await accuracy(rows(), labels, new nn.CrossEntropyLoss(options))).toBe(1 / 3)
    expect(await accuracy(rows(), labels, new nn.NLLLoss(options))).toBe(1 / 3)
  })

  it('of a batch without any label is not looked for: its loss is NaN, and fit throws', async () => {
    const run = epochOf(rows(), tensor([1, 0, -100, -100, 1]), new nn.CrossEntropyLoss())
    await expect(run).rejects.toThrow(/the training loss is NaN at step 1/)
  })

  it('is none of class probabilities', async () => {
    expect(await accuracy(rows(), rows(), new nn.CrossEntropyLoss())).toBeUndefined()
  })

  it('is none of labels of more dimensions', async () => {
    expect(await accuracy(randn([3, 4, 5]), zeros([3, 5]), new nn.CrossEntropyLoss())).toBeUndefined()
  })

  it('is none of a single class', async () => {
    expect(await accuracy(randn([3, 1]), zeros([3]), new nn.CrossEntropyLoss())).toBeUndefined()
  })
})

describe('the accuracy of two classes', () => {
  const logits = [-3, 0.2, 0, 4, -0.1]
  const targets = [0, 1, 0, 0, 1]

  it.each([[[-1]], [[-1, 1]]])('is the share on the right side of 0, in shape %j', async (shape) => {
    const x = tensor(logits).reshape(shape)
    expect(await accuracy(x, tensor(targets).reshape(shape), new nn.BCEWithLogitsLoss())).toBe(0.6)
  })

  it('is the share on the right side of 0.5, of probabilities', async () => {
    const x = tensor(logits).sigmoid().reshape([-1, 1])
    expect(await accuracy(x, tensor(targets).reshape([-1, 1]), new nn.BCELoss())).toBe(0.6)
  })

  it('is none of targets between, in any batch', async () => {
    const soft = tensor([0, 1, 0, 0, 0.5])
    expect(await accuracy(tensor(logits), soft, new nn.BCEWithLogitsLoss())).toBeUndefined()
  })

  it('is none of several labels each', async () => {
    const y = tensor([[1, 0], [0, 1]]) // biome-ignore format: a matrix
    expect(await accuracy(randn([2, 2]), y, new nn.BCEWithLogitsLoss())).toBeUndefined()
  })
})

describe('targets of numbers', () => {
  const losses: [string, Loss][] = [
    ['MSELoss', new nn.MSELoss()],
    ['L1Loss', new nn.L1Loss()],
    ['SmoothL1Loss', new nn.SmoothL1Loss()],
    ['HuberLoss', new nn.HuberLoss()],
    ['KLDivLoss', new nn.KLDivLoss()],
  ]
  it.each(losses)('have no accuracy: %s', async (_, loss) => {
    // Whole numbers, as class indices are.
    const result = await epochOf(randn([4, 3]), tensor([[1, 0, 2], [0, 1, 1], [2, 1, 0], [1, 1, 1]]), loss) // biome-ignore format: a matrix
    expect(result).toMatchObject({ trainAcc: undefined, validAcc: undefined })
    expect(Number.isFinite(result.trainLoss)).toBe(true)
  })

  it.each([[[5]], [[5, 1]], [[5, 2, 3]], [[5, 1, 2, 2]]])('may have any shape: %j', async (shape) => {
    const [x, y] = [randn(shape), randn(shape)]
    const { trainLoss, validLoss } = await epochOf(x, y, new nn.MSELoss())
    const [a, b] = [x.toFloat32Array(), y.toFloat32Array()]
    const expected = a.reduce((sum, v, i) => sum + (v - b[i]) ** 2, 0) / a.length
    expect(trainLoss).toBeCloseTo(expected, 5)
    expect(validLoss).toBeCloseTo(expected, 5)
  })

  it.each(losses)('[N] against [N, 1] throws, and nothing was changed: %s', async (_, loss) => {
    const net = new nn.Linear(2, 1)
    const before = net.weight.toFloat32Array()
    const set = new data.TensorDataset(randn([4, 2]), randn([4]))
    const run = fit(net, {
      train: new data.DataLoader(set, { batchSize: 4 }),
      optimizer: new optim.SGD(net.parameters(), { lr: 1 }),
      loss,
    })
    await expect(run).rejects.toThrow(ShapeError)
    await expect(run).rejects.toThrow(
      'the input has shape [4,1] and the target [4], which would broadcast to [4,4]; reshape one of them, as with target.reshape([-1,1])',
    )
    expect(net.weight.toFloat32Array()).toEqual(before)
  })

  it('are learnt', async () => {
    const x = randn([64, 2])
    const y = x.matmul(tensor([[2], [-3]])).add(0.5) // biome-ignore format: a matrix
    const net = new nn.Linear(2, 1)
    const { epochs } = await fit(net, {
      train: new data.DataLoader(new data.TensorDataset(x, y), { batchSize: 8, shuffle: true }),
      optimizer: new optim.SGD(net.parameters(), { lr: 0.1 }),
      loss: new nn.MSELoss(),
      epochs: 10,
    })
    expect(epochs[9].trainLoss).toBeLessThan(1e-6)
  })
})

describe("a loss's own word", () => {
  const forward = (x: Tensor, y: Tensor) => x.sub(y).pow(2).mean()

  it('decides', async () => {
    const kept: Tensor[] = []
    const loss = {
      forward,
      answers: (x: Tensor, y: Tensor) => {
        kept.push(x, y)
        return { right: 1, of: x.shape[0] }
      },
    }
    expect(await accuracy(randn([4, 1]), randn([4, 1]), loss)).toBe(0.5)
    expect(kept.every((each) => each.toFloat32Array().length === 2)).toBe(true)
    expect(await accuracy(rows(), rows(), { forward, answers: () => undefined })).toBeUndefined()
  })

  it('is asked of a derived loss too', async () => {
    class Mine extends nn.MSELoss {
      override answers() {
        return { right: 1, of: 1 }
      }
    }
    expect(await accuracy(rows(), rows(), new Mine())).toBe(1)
  })

  it.each([
    [{ right: 2, of: 1 }],
    [3],
    [{ right: '1', of: 2 }],
    [null],
  ])('must be two counts, not %j', async (given) => {
    const loss = { forward, answers: () => given } as unknown as Loss
    await expect(epochOf(rows(), rows(), loss)).rejects.toThrow(ArgumentError)
    await expect(epochOf(rows(), rows(), loss)).rejects.toThrow(/right, of/)
  })

  it('must be a function', async () => {
    const loss = { forward, answers: 0.5 } as unknown as Loss
    await expect(epochOf(rows(), rows(), loss)).rejects.toThrow(/answers is a function/)
  })
})
