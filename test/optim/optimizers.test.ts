import { ArgumentError, nn, optim, type Tensor, tensor, zeros } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectClose } from '../support/all-close.js'
import { decode, decodeTensor, type Encoded, readFixture } from '../support/fixtures.js'
import { initForTest } from '../support/init.js'

interface OptimizerCase {
  name: string
  optimizer: {
    type: 'SGD' | 'Adam' | 'AdamW' | 'NAdam' | 'RMSprop' | 'Adagrad'
    options: Record<string, unknown>
  }
  initial: Encoded
  gradients: Encoded[]
  /** After each step. */
  parameters: Encoded[]
}

const cases = readFixture<OptimizerCase[]>('optimizers.json')

beforeAll(initForTest)

const parameter = (...values: number[]) => new nn.Parameter(tensor(values))
const values = (x: Tensor) => [...x.toFloat32Array()]

describe("five steps with PyTorch's gradients", () => {
  it.each(cases.map((each) => [each.name, each] as const))('%s', (_, {
    optimizer,
    initial,
    gradients,
    parameters,
  }) => {
    const weight = new nn.Parameter(decodeTensor(initial))
    const steps = new optim[optimizer.type]([weight], optimizer.options)
    gradients.forEach((gradient, step) => {
      weight.grad = decodeTensor(gradient)
      steps.step()
      expectClose(weight, decode(parameters[step]), { tolerance: 1e-5, what: `after step ${step}` })
    })
  })

  it('takes the same steps where the gradient comes from a backward', () => {
    const { optimizer, initial, gradients, parameters } = cases[1]
    const weight = new nn.Parameter(decodeTensor(initial))
    const steps = new optim[optimizer.type]([weight], optimizer.options)
    gradients.forEach((gradient, step) => {
      steps.zeroGrad()
      weight.mul(decodeTensor(gradient)).sum().backward()
      steps.step()
      expectClose(weight, decode(parameters[step]), { tolerance: 1e-5, what: `after step ${step}` })
    })
  })
})

describe('what all optimizers share', () => {
  const kinds = [
    ['SGD', optim.SGD],
    ['Adam', optim.Adam],
    ['AdamW', optim.AdamW],
    ['NAdam', optim.NAdam],
    ['RMSprop', optim.RMSprop],
    ['Adagrad', optim.Adagrad],
  ] as const

  it.each(kinds)('%s leaves alone a parameter without a gradient', (_, Kind) => {
    const [a, b] = [parameter(1, 2), parameter(3, 4)]
    const optimizer = new Kind([a, b], { lr: 0.1, weightDecay: 0.1 })
    a.sum().backward()
    optimizer.step()
    expect(values(a)).not.toEqual([1, 2])
    expect(values(b)).toEqual([3, 4])
  })

  it.each(kinds)('%s follows a learning rate that is changed', (_, Kind) => {
    const a = parameter(1)
    const optimizer = new Kind([a], { lr: 0.5, weightDecay: 0 })
    a.sum().backward()
    optimizer.lr = 0
    optimizer.step()
    expect(a.item()).toBe(1)
    optimizer.lr = 0.5
    optimizer.step()
    expect(a.item()).toBeLessThan(0.7)
  })

  it.each(kinds)('%s forgets gradients in zeroGrad', (_, Kind) => {
    const a = parameter(1)
    const optimizer = new Kind([a], { lr: 0.5 })
    a.sum().backward()
    expect(a.grad).not.toBeNull()
    optimizer.zeroGrad()
    expect(a.grad).toBeNull()
  })

  it.each(kinds)('%s takes what parameters() gives, and any other iterable', (_, Kind) => {
    expect(new Kind(new nn.Linear(3, 2).parameters()).parameters).toHaveLength(2)
    expect(new Kind(new Set([parameter(1)])).parameters).toHaveLength(1)
  })

  it.each(kinds)('%s tells what is wrong with its options', (name, Kind) => {
    const make = (options: object) => () => new Kind([parameter(1)], options)
    for (const options of [
      { lr: -1 },
      { lr: Number.NaN },
      { lr: Number.POSITIVE_INFINITY },
      { weightDecay: -0.1 },
    ]) {
      const [option] = Object.keys(options)
      expect(make(options)).toThrow(ArgumentError)
      expect(make(options)).toThrow(new RegExp(`${name}: ${option}`))
    }
    expect(make({ learningRate: 0.1 })).toThrow(ArgumentError)
    expect(make({ learningRate: 0.1 })).toThrow(`${name}: unknown option 'learningRate'`)
    expect(() => new Kind([])).toThrow(ArgumentError)
    expect(() => new Kind([])).toThrow(`${name}: got no parameters`)
  })

  it("has PyTorch's defaults", () => {
    const one = [parameter(1)]
    const { lr, momentum, dampening, weightDecay, nesterov } = new optim.SGD(one)
    expect({ lr, momentum, dampening, weightDecay, nesterov }).toEqual({
      lr: 1e-3,
      momentum: 0,
      dampening: 0,
      weightDecay: 0,
      nesterov: false,
    })
    for (const Kind of [optim.Adam, optim.AdamW]) {
      expect(new Kind(one)).toMatchObject({ lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8 })
    }
    expect(new optim.Adam(one).weightDecay).toBe(0)
    expect(new optim.AdamW(one).weightDecay).toBe(0.01)
    const adam = { amsgrad: false, maximize: false, lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8 }
    expect(new optim.Adam(one).defaults).toEqual({ ...adam, weightDecay: 0, decoupledWeightDecay: false })
    expect(new optim.AdamW(one).defaults).toEqual({ ...adam, weightDecay: 0.01 })
    expect(new optim.NAdam(one).defaults).toEqual({
      ...{ lr: 2e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, momentumDecay: 4e-3 },
      ...{ decoupledWeightDecay: false, maximize: false },
    })
    expect(new optim.RMSprop(one).defaults).toEqual({
      ...{ lr: 1e-2, alpha: 0.99, eps: 1e-8, weightDecay: 0, momentum: 0, centered: false, maximize: false },
    })
    expect(new optim.Adagrad(one).defaults).toEqual({
      ...{ lr: 1e-2, lrDecay: 0, eps: 1e-10, weightDecay: 0, initialAccumulatorValue: 0, maximize: false },
    })
  })
})

describe('options of one kind', () => {
  it.each([{ momentum: -0.1 }, { momentum: Number.NaN }])('SGD refuses %o', (options) => {
    expect(() => new optim.SGD([parameter(1)], options)).toThrow(/SGD: momentum/)
  })

  it.each([
    { nesterov: true },
    { nesterov: true, momentum: 0.9, dampening: 0.1 },
  ])('SGD refuses %o', (options) => {
    expect(() => new optim.SGD([parameter(1)], options)).toThrow(
      /SGD: nesterov needs a momentum above 0 and no dampening/,
    )
  })

  it.each([
    [1, 0.999],
    [0.9, 1],
    [-0.1, 0.999],
    [0.9, Number.NaN],
  ] as const)('Adam refuses betas %d, %d', (...betas) => {
    expect(() => new optim.Adam([parameter(1)], { betas })).toThrow(/Adam: betas/)
  })

  it.each([
    [optim.RMSprop, { alpha: -1 }],
    [optim.RMSprop, { momentum: -1 }],
    [optim.RMSprop, { centered: 1 }],
    [optim.Adagrad, { lrDecay: -1 }],
    [optim.Adagrad, { initialAccumulatorValue: Number.NaN }],
    [optim.NAdam, { momentumDecay: -1 }],
    [optim.NAdam, { decoupledWeightDecay: 'yes' }],
    [optim.Adam, { amsgrad: 1 }],
    [optim.SGD, { maximize: 'no' }],
  ])('%o refuses %o', (Kind, options) => {
    const [option] = Object.keys(options)
    const make = () => new Kind([parameter(1)], options as object)
    expect(make).toThrow(ArgumentError)
    expect(make).toThrow(new RegExp(`${Kind.name}: ${option}`))
  })

  it('Adam refuses an eps below 0', () => {
    expect(() => new optim.AdamW([parameter(1)], { eps: -1 })).toThrow(/AdamW: eps/)
  })
})

describe('parameters of any origin', () => {
  // Results of a convolution lie in memory in another order than gradients do.
  it.each([optim.SGD, optim.Adam])('%o steps a parameter made from a convolution', (Kind) => {
    const x = tensor(
      Float32Array.from({ length: 2 * 3 * 3 }, (_, i) => i),
      { shape: [2, 1, 3, 3] },
    )
    const made = nn.functional.conv2d(x, tensor([1], { shape: [1, 1, 1, 1] }))
    const reference = new nn.Parameter(tensor(made.toFloat32Array(), { shape: made.shape }))
    const weight = new nn.Parameter(made)
    const factor = tensor(
      Float32Array.from({ length: 18 }, (_, i) => i - 7),
      { shape: [2, 1, 3, 3] },
    )
    for (const each of [weight, reference]) {
      const optimizer = new Kind([each], { lr: 0.5 })
      for (let step = 0; step < 2; step++) {
        optimizer.zeroGrad()
        each.mul(factor).sum().backward()
        optimizer.step()
      }
    }
    expectClose(weight, reference.toFloat32Array(), { tolerance: 1e-6 })
  })

  it('SGD reaches the least of a quadratic', () => {
    const x = new nn.Parameter(zeros([5]))
    const goal = tensor([1, -2, 3, 0.5, -0.25])
    const optimizer = new optim.SGD([x], { lr: 0.1, momentum: 0.5 })
    for (let step = 0; step < 100; step++) {
      optimizer.zeroGrad()
      x.sub(goal).pow(2).sum().backward()
      optimizer.step()
    }
    expectClose(x, goal.toFloat32Array(), { tolerance: 1e-4 })
  })
})
