import {
  ArgumentError,
  arange,
  manualSeed,
  memory,
  nn,
  noGrad,
  ones,
  randn,
  ShapeError,
  type Tensor,
  tensor,
  zeros,
} from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectClose, largest } from '../support/all-close.js'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

const values = (x: Tensor) => [...x.toFloat32Array()]

describe('Linear', () => {
  it('is x·Wᵀ + b on the last dimension', () => {
    const layer = new nn.Linear(2, 3)
    layer.loadStateDict({
      weight: tensor([
        [1, 0],
        [0, 1],
        [1, 1],
      ]),
      bias: tensor([0, 10, 100]),
    })
    expect(layer.forward(tensor([[1, 2]])).toArray()).toEqual([[1, 12, 103]])
    expect(layer.forward(tensor([1, 2])).toArray()).toEqual([1, 12, 103])
    expect(layer.forward(ones([4, 5, 2])).shape).toEqual([4, 5, 3])
  })

  it('goes without a bias', () => {
    const layer = new nn.Linear(2, 3, { bias: false })
    expect(layer.bias).toBeNull()
    expect(Object.keys(layer.stateDict())).toEqual(['weight'])
    expect(values(layer.forward(zeros([1, 2])))).toEqual([0, 0, 0])
  })

  it('names itself, what it expects and what it was given', () => {
    const layer = new nn.Linear(784, 10)
    expect(() => layer.forward(ones([32, 28, 28]))).toThrow(ShapeError)
    expect(() => layer.forward(ones([32, 28, 28]))).toThrow(
      'Linear(784, 10): expected an input of shape [..., 784], got [32,28,28]',
    )
    expect(() => layer.forward(tensor(1))).toThrow(ShapeError)
  })

  it.each([
    [0, 1],
    [1, 0],
    [1.5, 1],
    [-1, 1],
    [Number.NaN, 1],
  ])('refuses %d, %d features', (i, o) => {
    expect(() => new nn.Linear(i, o)).toThrow(ArgumentError)
  })

  it('refuses unknown options', () => {
    expect(() => new nn.Linear(1, 1, { useBias: false } as object)).toThrow(
      /Linear: unknown option 'useBias'/,
    )
  })
})

describe('Conv2d', () => {
  it('correlates, with padding and stride', () => {
    const layer = new nn.Conv2d(1, 1, 3, { padding: 1, stride: 2, bias: false })
    layer.loadStateDict({ weight: arange(9).reshape([1, 1, 3, 3]) })
    const x = arange(16).reshape([1, 1, 4, 4])
    // By hand: the window's values under the kernel that lie inside.
    const at = (row: number, column: number) => {
      let sum = 0
      for (let i = 0; i < 3; i++) {
        for (let j = 0; j < 3; j++) {
          const [r, c] = [row + i - 1, column + j - 1]
          if (r >= 0 && r < 4 && c >= 0 && c < 4) sum += (4 * r + c) * (3 * i + j)
        }
      }
      return sum
    }
    expect(layer.forward(x).toArray()).toEqual([
      [
        [
          [at(0, 0), at(0, 2)],
          [at(2, 0), at(2, 2)],
        ],
      ],
    ])
  })

  it("has PyTorch's shapes", () => {
    const layer = new nn.Conv2d(3, 5, [2, 3], { stride: [1, 2], padding: [0, 1] })
    expect(layer.weight.shape).toEqual([5, 3, 2, 3])
    expect(layer.bias?.shape).toEqual([5])
    expect(layer.forward(ones([2, 3, 7, 8])).shape).toEqual([2, 5, 6, 4])
  })

  it('names itself, what it expects and what it was given', () => {
    const layer = new nn.Conv2d(1, 6, 3)
    expect(() => layer.forward(ones([2, 3, 8, 8]))).toThrow(ShapeError)
    expect(() => layer.forward(ones([2, 3, 8, 8]))).toThrow(
      'Conv2d(1, 6, 3): expected an input of shape [N, 1, H, W] (1 input channels), got [2,3,8,8]',
    )
    expect(() => layer.forward(ones([28, 28]))).toThrow(/got \[28,28\]/)
    expect(() => layer.forward(ones([1, 1, 2, 8]))).toThrow(/a kernel of 3×3 does not fit an input of 2×8/)
  })

  it.each<[string, () => unknown]>([
    ['channels', () => new nn.Conv2d(0, 1, 3)],
    ['kernelSize', () => new nn.Conv2d(1, 1, 0)],
    ['kernelSize', () => new nn.Conv2d(1, 1, [3] as unknown as number)],
    ['stride', () => new nn.Conv2d(1, 1, 3, { stride: 0 })],
    ['padding', () => new nn.Conv2d(1, 1, 3, { padding: -1 })],
    ["unknown option 'dilations'", () => new nn.Conv2d(1, 1, 3, { dilations: 2 } as object)],
  ])('refuses a wrong %s', (what, make) => {
    expect(make).toThrow(ArgumentError)
    expect(make).toThrow(what)
  })

  it('functional refuses weights and biases that do not fit', () => {
    const x = ones([1, 2, 4, 4])
    expect(() => nn.functional.conv2d(x, ones([3, 1, 3, 3]))).toThrow(ShapeError)
    expect(() => nn.functional.conv2d(x, ones([3, 2, 3]))).toThrow(ShapeError)
    expect(() => nn.functional.conv2d(x, ones([3, 2, 3, 3]), ones([2]))).toThrow(
      /expected a bias of shape \[3\], got \[2\]/,
    )
    expect(() => nn.functional.conv2d(x, ones([3, 2, 3, 3]), null, { strides: 2 } as object)).toThrow(
      ArgumentError,
    )
  })
})

describe('initial weights', () => {
  // PyTorch draws weights and biases of both layers from U(−1/√fanIn, 1/√fanIn).
  it.each<[string, () => { weight: Tensor; bias: Tensor | null }, number]>([
    ['Linear(100, 400)', () => new nn.Linear(100, 400), 100],
    ['Conv2d(4, 300, [3, 5])', () => new nn.Conv2d(4, 300, [3, 5]), 60],
  ])("of %s have PyTorch's default distribution", (_, make, fanIn) => {
    manualSeed(0)
    const { weight, bias } = make()
    const bound = 1 / Math.sqrt(fanIn)
    for (const [x, errors] of [
      [weight, 5],
      [bias, 5],
    ] as const) {
      const all = x ? values(x) : []
      const mean = all.reduce((a, b) => a + b) / all.length
      const variance = all.reduce((sum, v) => sum + v * v, 0) / all.length
      expect(all.every((v) => Math.abs(v) <= bound)).toBe(true)
      // The extremes come near to the bound.
      expect(Math.max(...all)).toBeGreaterThan(bound * (1 - 10 / all.length - 1e-3))
      expect(Math.abs(mean)).toBeLessThan((errors * bound) / Math.sqrt(3 * all.length))
      expect(Math.abs(variance / (bound ** 2 / 3) - 1)).toBeLessThan(
        (errors * Math.sqrt(0.8)) / Math.sqrt(all.length),
      )
    }
  })

  it('of batch norm are 1 and 0', () => {
    const { weight, bias, runningMean, runningVar, numBatchesTracked } = new nn.BatchNorm2d(2)
    const all = [weight, bias, runningMean, runningVar, numBatchesTracked].map((x) => x && values(x))
    expect(all).toEqual([[1, 1], [0, 0], [0, 0], [1, 1], [0]])
  })

  it('repeat from a seed', () => {
    const make = () => {
      manualSeed(7)
      return values(new nn.Linear(5, 3).weight)
    }
    expect(make()).toEqual(make())
    expect(values(new nn.Linear(5, 3).weight)).not.toEqual(make())
  })
})

describe('ReLU, MaxPool2d, Flatten', () => {
  it('compute', () => {
    expect(values(new nn.ReLU().forward(tensor([-1, 0, 2])))).toEqual([0, 0, 2])
    const x = arange(16).reshape([1, 1, 4, 4])
    expect(new nn.MaxPool2d(2).forward(x).toArray()).toEqual([
      [
        [
          [5, 7],
          [13, 15],
        ],
      ],
    ])
    expect(new nn.MaxPool2d(3, { stride: 1 }).forward(x).toArray()).toEqual([
      [
        [
          [10, 11],
          [14, 15],
        ],
      ],
    ])
    // Padding is −∞, not 0.
    expect(
      values(new nn.MaxPool2d(3, { stride: 3, padding: 1 }).forward(ones([1, 1, 3, 3]).mul(-5))),
    ).toEqual([-5])
    expect(new nn.Flatten().forward(ones([2, 3, 4])).shape).toEqual([2, 12])
    expect(new nn.Flatten(0, 1).forward(ones([2, 3, 4])).shape).toEqual([6, 4])
  })

  it('refuse what does not fit', () => {
    expect(() => new nn.MaxPool2d(2).forward(ones([4, 4]))).toThrow(ShapeError)
    expect(() => new nn.MaxPool2d(5).forward(ones([1, 1, 4, 4]))).toThrow(
      /a window of 5×5 does not fit an input of 4×4/,
    )
    expect(() => new nn.MaxPool2d(2, { padding: 2 }).forward(ones([1, 1, 4, 4]))).toThrow(
      /at most half the window/,
    )
    expect(() => new nn.MaxPool2d(2, { ceil_mode: true } as object)).toThrow(/unknown option 'ceil_mode'/)
  })
})

describe('Dropout', () => {
  it.each([0.1, 0.5, 0.8])('drops a share of %d and scales the rest', (p) => {
    manualSeed(1)
    const y = values(new nn.Dropout(p).forward(ones([100, 1000])))
    expect(new Set(y)).toEqual(new Set([0, Math.fround(1 / (1 - p))]))
    const dropped = y.filter((v) => v === 0).length / y.length
    // Five standard errors.
    expect(Math.abs(dropped - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / y.length))
  })

  it('gives the input itself in evaluation and at p 0, and zeros at p 1', () => {
    const x = randn([5, 3])
    expect(new nn.Dropout(0.5).eval().forward(x)).toBe(x)
    expect(new nn.Dropout(0).forward(x)).toBe(x)
    expect(new Set(values(new nn.Dropout(1).forward(x)))).toEqual(new Set([0]))
  })

  it('passes the gradient where it let the value pass', () => {
    const x = tensor(new Float32Array(64).fill(1), { requiresGrad: true })
    const y = new nn.Dropout(0.25).forward(x)
    y.backward(ones([64]))
    expect(values(x.grad ?? zeros([0]))).toEqual(values(y))
  })

  it('drops others each time', () => {
    const layer = new nn.Dropout()
    expect(values(layer.forward(ones([64])))).not.toEqual(values(layer.forward(ones([64]))))
  })

  it.each([-0.1, 1.1, Number.NaN])('refuses p = %d', (p) => {
    expect(() => new nn.Dropout(p)).toThrow(ArgumentError)
    expect(() => nn.functional.dropout(ones([1]), p)).toThrow(ArgumentError)
  })
})

describe('Sequential', () => {
  const net = () =>
    new nn.Sequential(
      new nn.Conv2d(1, 4, 3),
      new nn.BatchNorm2d(4),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.Flatten(),
      new nn.Linear(36, 3),
    )

  it('applies one after the other', () => {
    const layers = [new nn.Linear(3, 4), new nn.ReLU(), new nn.Linear(4, 2)] as const
    const x = randn([5, 3])
    const byHand = layers.reduce<Tensor>((y, layer) => layer.forward(y), x)
    expect(values(new nn.Sequential(...layers).forward(x))).toEqual(values(byHand))
  })

  it('of nothing gives its input', () => {
    const x = randn([2])
    expect(new nn.Sequential().forward(x)).toBe(x)
  })

  it('gives the same values and gradients as its layers one by one, which free nothing', () => {
    const sizes: [size: number, features: number][] = [
      [8, 36],
      [9, 36],
      [10, 64],
    ]
    for (const [size, features] of sizes) {
      for (const training of [true, false]) {
        const make = () =>
          new nn.Sequential(
            new nn.Conv2d(1, 4, 3),
            new nn.BatchNorm2d(4),
            new nn.ReLU(),
            new nn.MaxPool2d(2),
            new nn.Flatten(),
            new nn.Linear(features, 3),
          ).train(training)
        const [a, b] = [make(), make()]
        b.loadStateDict(a.stateDict())
        // Batch normalisation picks the smallest of a window where its weight is below 0.
        const weights = [0.5, -2, 0, 1]
        for (const model of [a, b]) model.parameters()[2].copy_(tensor(weights))
        const [x, cotangent] = [randn([5, 1, size, size]), randn([5, 3])]
        const y = a.forward(x)
        const oneByOne = b.modules.reduce<Tensor>((z, layer) => layer.forward(z), x)
        expect(values(y)).toEqual(values(oneByOne))
        y.backward(cotangent)
        oneByOne.backward(cotangent)
        const [first, second] = [a.stateDict(), b.stateDict()]
        for (const name of Object.keys(first)) {
          expect(values(first[name]), name).toEqual(values(second[name]))
          if (!first[name].requiresGrad) continue
          const [actual, expected] = [first, second].map((state) => values(state[name].grad ?? zeros([0])))
          // The gradient of a bias before batch normalisation is rounding only.
          const scale = Math.max(1, largest(expected))
          expectClose(actual, expected, { tolerance: 1e-5, scale, what: name })
        }
      }
    }
  })

  it('keeps nothing but its result: what lies between is freed at once, or by backward', () => {
    // Ends enough steps that only what is freed at once counts below.
    const settle = () => {
      for (let i = 0; i < 4; i++) noGrad(() => undefined)
      return memory().liveTensors
    }
    const model = net()
    const x = randn([5, 1, 8, 8])
    model.forward(x).sum().backward()

    const before = settle()
    const y = noGrad(() => model.forward(x))
    expect(memory().liveTensors).toBe(before + 1)
    expect(values(y)).toHaveLength(15)

    model.zeroGrad()
    const start = settle()
    const output = model.forward(x)
    expect(memory().liveTensors).toBeGreaterThan(start + 5)
    output.sum().backward()
    // The result and its sum; a gradient for each parameter.
    expect(memory().liveTensors).toBe(start + 2 + model.parameters().length)
    expect(values(output)).toHaveLength(15)
    expect(values(x)).toHaveLength(320)
  })

  it('nests, and frees what passes between the inner ones', () => {
    const inner = new nn.Sequential(new nn.Linear(4, 4), new nn.ReLU())
    const outer = new nn.Sequential(inner, new nn.Sequential(), new nn.Linear(4, 1))
    const x = randn([3, 4])
    const y = noGrad(() => outer.forward(x))
    expect(y.shape).toEqual([3, 1])
    expect(values(x)).toHaveLength(12)
    outer.forward(x).sum().backward()
    expect(outer.parameters().every((p) => p.grad)).toBe(true)
    expect(Object.keys(outer.stateDict())).toEqual(['0.0.weight', '0.0.bias', '2.weight', '2.bias'])
  })

  it('leaves alone what a dropout in evaluation passes on', () => {
    const model = new nn.Sequential(new nn.Dropout(), new nn.Flatten(), new nn.Dropout()).eval()
    const x = randn([2, 3, 4])
    for (let i = 0; i < 2; i++) {
      expect(values(noGrad(() => model.forward(x)))).toEqual(values(x))
      expect(values(model.forward(x))).toEqual(values(x))
    }
  })
})

describe('crossEntropy', () => {
  const { functional: F } = nn
  const logits = () =>
    tensor(
      [
        [1, 2, 3],
        [3, 1, 0],
      ],
      { requiresGrad: true },
    )

  it('takes labels as a tensor, an array or a typed array', () => {
    const losses = [tensor([2, 1]), [2, 1], new Uint8Array([2, 1])].map((labels) =>
      F.crossEntropy(logits(), labels).item(),
    )
    const z = (row: number[], label: number) =>
      Math.log(row.reduce((sum, v) => sum + Math.exp(v), 0)) - row[label]
    const expected = (z([1, 2, 3], 2) + z([3, 1, 0], 1)) / 2
    expectClose(losses, [expected, expected, expected], { tolerance: 1e-6 })
    expect(new nn.CrossEntropyLoss().forward(logits(), [2, 1]).item()).toBe(losses[0])
  })

  it('reduces as asked', () => {
    const each = F.crossEntropy(logits(), [2, 1], { reduction: 'none' })
    expect(each.shape).toEqual([2])
    const sum = F.crossEntropy(logits(), [2, 1], { reduction: 'sum' })
    expectClose(sum, [values(each)[0] + values(each)[1]], { tolerance: 1e-6 })
    expect(new nn.CrossEntropyLoss({ reduction: 'sum' }).forward(logits(), [2, 1]).item()).toBe(sum.item())
  })

  it.each([
    [[0, 3], 1, 3],
    [[-1, 0], 0, -1],
    [[0, 0.5], 1, 0.5],
    [[Number.NaN, 0], 0, Number.NaN],
    [[0, Number.POSITIVE_INFINITY], 1, Number.POSITIVE_INFINITY],
  ])('refuses labels %j: number %d is %d', (labels, at, found) => {
    expect(() => F.crossEntropy(logits(), labels)).toThrow(ArgumentError)
    expect(() => F.crossEntropy(logits(), labels)).toThrow(
      `crossEntropy: label ${at} is ${found}, expected a whole number from 0 to 2 (logits [2,3])`,
    )
  })

  it('refuses shapes that do not fit', () => {
    expect(() => F.crossEntropy(logits(), [0])).toThrow(ShapeError)
    expect(() => F.crossEntropy(logits(), [0])).toThrow(
      /one class index for each of the 2 rows of logits, got shape \[1\]/,
    )
    expect(() => F.crossEntropy(logits(), ones([2, 1]))).toThrow(ShapeError)
    expect(() => F.crossEntropy(ones([3]), [0])).toThrow(/logits of shape \[batch, classes\]/)
  })

  it('refuses an unknown reduction or option', () => {
    expect(() => F.crossEntropy(logits(), [0, 0], { reduction: 'average' } as object)).toThrow(ArgumentError)
    expect(() => new nn.CrossEntropyLoss({ weight: [1] } as object)).toThrow(/unknown option 'weight'/)
  })

  it('is finite where probabilities are not', () => {
    const x = tensor([[1000, -1000, 0]], { requiresGrad: true })
    const loss = F.crossEntropy(x, [1])
    loss.backward()
    expect(loss.item()).toBe(2000)
    expect(values(x.grad ?? zeros([0]))).toEqual([1, -1, 0])
  })
})
