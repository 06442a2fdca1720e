/** The activations as layers: values that one knows by heart, options, and what is learnt. */
import {
  ArgumentError,
  memory,
  nn,
  noGrad,
  ones,
  optim,
  randn,
  ShapeError,
  type Tensor,
  tensor,
} from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectClose } from '../support/all-close.js'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

const values = (x: Tensor) => [...x.toFloat32Array()]
const gradientOf = (forward: (x: Tensor) => Tensor, at: readonly number[]) => {
  const x = tensor([...at], { requiresGrad: true })
  forward(x).sum().backward()
  return x.grad ? values(x.grad) : []
}

describe('activations', () => {
  const x = [-4, -1, 0, 1, 7]
  const sigmoid = (v: number) => 1 / (1 + Math.exp(-v))
  it.each<[string, () => nn.Module, (v: number) => number]>([
    ['ReLU6', () => new nn.ReLU6(), (v) => Math.min(Math.max(v, 0), 6)],
    ['Sigmoid', () => new nn.Sigmoid(), sigmoid],
    ['Tanh', () => new nn.Tanh(), Math.tanh],
    ['SiLU', () => new nn.SiLU(), (v) => v * sigmoid(v)],
    ['Hardswish', () => new nn.Hardswish(), (v) => (v * Math.min(Math.max(v + 3, 0), 6)) / 6],
    ['Mish', () => new nn.Mish(), (v) => v * Math.tanh(Math.log1p(Math.exp(v)))],
    ['LeakyReLU', () => new nn.LeakyReLU(), (v) => (v > 0 ? v : 0.01 * v)],
    ['LeakyReLU, 0.5', () => new nn.LeakyReLU({ negativeSlope: 0.5 }), (v) => (v > 0 ? v : 0.5 * v)],
    ['ELU', () => new nn.ELU(), (v) => (v > 0 ? v : Math.expm1(v))],
    ['ELU, 3', () => new nn.ELU({ alpha: 3 }), (v) => (v > 0 ? v : 3 * Math.expm1(v))],
    ['Softplus', () => new nn.Softplus(), (v) => Math.log1p(Math.exp(v))],
    [
      'Softplus, 2, 1',
      () => new nn.Softplus({ beta: 2, threshold: 1 }),
      (v) => (v > 0.5 ? v : Math.log1p(Math.exp(2 * v)) / 2),
    ],
    ['PReLU', () => new nn.PReLU(), (v) => (v > 0 ? v : 0.25 * v)],
    ['Identity', () => new nn.Identity(), (v) => v],
  ])('%s', (_, make, formula) => {
    expectClose(make().forward(tensor(x)), x.map(formula), { tolerance: 1e-6 })
  })

  it('on their corners have the gradients of PyTorch', () => {
    const { functional: F } = nn
    expect(gradientOf((v) => F.relu6(v), [0, 6])).toEqual([0, 0])
    expect(gradientOf((v) => F.hardswish(v), [-3, 3])).toEqual([0, 1])
    expect(gradientOf((v) => F.leakyRelu(v, { negativeSlope: 0.5 }), [0])).toEqual([0.5])
    expect(gradientOf((v) => F.elu(v, { alpha: 2 }), [0])).toEqual([2])
    expect(gradientOf((v) => F.prelu(v, tensor([0.5])), [0])).toEqual([0.5])
  })

  it('both kinds of GELU', () => {
    const at = tensor([-3, -1, 0, 1, 3])
    // https://pytorch.org/docs/stable/generated/torch.nn.GELU.html
    expectClose(new nn.GELU().forward(at), [-0.00404951, -0.15865529, 0, 0.8413447, 2.9959507], {
      tolerance: 1e-6,
    })
    const tanh = [-0.00363739, -0.15880796, 0, 0.841192, 2.9963627]
    expectClose(new nn.GELU({ approximate: 'tanh' }).forward(at), tanh, { tolerance: 1e-6 })
    expect(values(at.gelu({ approximate: 'none' }))).toEqual(values(at.gelu()))
  })

  it('have their options as fields', () => {
    expect(new nn.LeakyReLU().negativeSlope).toBe(0.01)
    expect(new nn.ELU({ alpha: 2 }).alpha).toBe(2)
    const { beta, threshold } = new nn.Softplus({ beta: 3, ...{ threshold: undefined } })
    expect([beta, threshold]).toEqual([3, 20])
    expect(() => new nn.ELU({ alpha: 'a' } as object)).toThrow(ArgumentError)
    expect(() => new nn.ELU({ alpha: 'a' } as object)).toThrow("ELU: alpha is a number, got 'a'")
  })

  it('free what passes between them', () => {
    const net = new nn.Sequential(
      new nn.Identity(),
      new nn.ELU(),
      new nn.GELU(),
      new nn.PReLU(),
      new nn.Softmax(1),
    )
    const x = randn([3, 4])
    for (let i = 0; i < 4; i++) noGrad(() => undefined)
    const before = memory().liveTensors
    const y = noGrad(() => net.forward(x))
    expect(memory().liveTensors).toBe(before + 1)
    expect(values(x)).toHaveLength(12)
    expectClose(
      noGrad(() => y.sum({ dim: 1 })),
      [1, 1, 1],
      { tolerance: 1e-6 },
    )
  })
})

describe('Softmax and LogSoftmax', () => {
  it('go over their dimension', () => {
    const x = tensor([
      [1, 2, 3],
      [1, 1, 1],
    ])
    expect(values(new nn.Softmax(1).forward(x))).toEqual(values(x.softmax(1)))
    expect(values(new nn.Softmax(-2).forward(x))).toEqual(values(x.softmax(0)))
    expect(values(new nn.LogSoftmax(1).forward(x))).toEqual(values(x.logSoftmax(1)))
    expect(() => new nn.Softmax(2).forward(x)).toThrow(/dimension/)
  })
})

describe('PReLU', () => {
  it('has a slope for each channel, which are learnt', () => {
    const layer = new nn.PReLU({ numParameters: 2, init: 0.5 })
    expect(Object.keys(layer.stateDict())).toEqual(['weight'])
    expect(layer.weight.shape).toEqual([2])
    expect(
      values(
        layer.forward(
          tensor([
            [-2, -2],
            [4, 4],
          ]),
        ),
      ),
    ).toEqual([-1, -1, 4, 4])
    const optimizer = new optim.SGD(layer.parameters(), { lr: 0.125 })
    layer
      .forward(tensor([[-2, 3]]))
      .sum()
      .backward()
    optimizer.step()
    expect(values(layer.weight)).toEqual([0.75, 0.5])
  })

  it('refuses other channels', () => {
    const layer = new nn.PReLU({ numParameters: 2 })
    expect(() => layer.forward(ones([4, 3]))).toThrow(ShapeError)
    expect(() => layer.forward(ones([4, 3]))).toThrow(
      "prelu: expected a weight of shape [1] or [3] (one for each channel of the input's [4,3]), got [2]",
    )
    expect(() => layer.forward(ones([2]))).toThrow(ShapeError)
  })

  it('of an infinite value has no NaN in the gradient of its slope', () => {
    const weight = tensor([0.5], { requiresGrad: true })
    nn.functional
      .prelu(tensor([Number.POSITIVE_INFINITY, -1]), weight)
      .sum()
      .backward()
    expect(weight.grad && values(weight.grad)).toEqual([-1])
  })
})

describe('Identity', () => {
  it('takes what a layer takes in whose place it stands, and gives the input itself', () => {
    const x = ones([2])
    expect(new nn.Identity(54, { unused: true }).forward(x)).toBe(x)
  })
})
