import { NumericError, nn, ones, type Tensor, tensor } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectClose } from '../support/all-close.js'
import { decode, decodeTensor, type Encoded, readFixture } from '../support/fixtures.js'
import { initForTest } from '../support/init.js'

const { clipGradNorm, clipGradNorm_, clipGradValue, clipGradValue_ } = nn.utils

interface Case {
  name: string
  most: number
  options: { normType?: number | 'inf' }
  gradients: Encoded[]
  total: number
  byNorm: Encoded[]
  byValue: Encoded[]
}

const cases = readFixture<Case[]>('clipping.json').map((each) => [each.name, each] as const)

beforeAll(initForTest)

const withGradients = (gradients: readonly Tensor[]) =>
  gradients.map((gradient) => {
    const parameter = new nn.Parameter(ones(gradient.shape))
    parameter.grad = gradient
    return parameter
  })

function expectGradients(parameters: readonly Tensor[], expected: readonly Encoded[]) {
  for (const [i, { grad }] of parameters.entries()) {
    expectClose(grad as Tensor, decode(expected[i]), { tolerance: 1e-5, what: `gradient ${i}` })
  }
}

describe.each(cases)("PyTorch's clipping: %s", (_, { most, options, gradients, total, byNorm, byValue }) => {
  const { normType = 2 } = options
  const p = normType === 'inf' ? Number.POSITIVE_INFINITY : normType

  it('by norm', () => {
    const parameters = withGradients(gradients.map((each) => decodeTensor(each)))
    const found = clipGradNorm_(parameters, most, { normType: p })
    expect(found).toBeCloseTo(total, 4)
    expectGradients(parameters, byNorm)
  })

  it('by value', () => {
    const parameters = withGradients(gradients.map((each) => decodeTensor(each)))
    clipGradValue_(parameters, most)
    expectGradients(parameters, byValue)
  })
})

describe('clipGradNorm_', () => {
  it('scales the gradient of one parameter, in place', () => {
    const [parameter] = withGradients([tensor([3, 4])])
    const { grad } = parameter
    expect(clipGradNorm_(parameter, 1)).toBe(5)
    expectClose(grad as Tensor, [0.6, 0.8], { tolerance: 1e-6 })
    expect(parameter.grad).toBe(grad)
  })

  it('passes over parameters without a gradient, and gives 0 where there is none', () => {
    expect(clipGradNorm_([new nn.Parameter(ones([2])), ...withGradients([tensor([3, 4])])], 10)).toBe(5)
    expect(clipGradNorm_([new nn.Parameter(ones([2]))], 1)).toBe(0)
    expect(clipGradNorm_([], 1)).toBe(0)
  })

  it('with Infinity tells the norm, and leaves the gradients as they are', () => {
    const [parameter] = withGradients([tensor([3, 4])])
    expect(clipGradNorm_(parameter, Number.POSITIVE_INFINITY)).toBe(5)
    expect(parameter.grad?.toArray()).toEqual([3, 4])
  })

  it('takes a norm that is not finite as PyTorch does, or throws before anything is changed', () => {
    const [parameter] = withGradients([tensor([1, Number.POSITIVE_INFINITY])])
    const clip = () => clipGradNorm_(parameter, 1, { errorIfNonfinite: true })
    expect(clip).toThrow(NumericError)
    expect(clip).toThrow(/clipGradNorm_: the norm of the gradients is Infinity/)
    expect(parameter.grad?.toArray()).toEqual([1, Number.POSITIVE_INFINITY])
    expect(clipGradNorm_(parameter, 1)).toBe(Number.POSITIVE_INFINITY)
    expect(parameter.grad?.toArray()).toEqual([0, Number.NaN])
    const [other] = withGradients([tensor([1, Number.NaN])])
    expect(clipGradNorm_([other], 1)).toBeNaN()
    expect(other.grad?.toArray()).toEqual([Number.NaN, Number.NaN])
  })

  it('clips what a backward gives', () => {
    const net = new nn.Linear(3, 2)
    net
      .forward(ones([4, 3]))
      .mul(100)
      .sum()
      .backward()
    expect(clipGradNorm_(net.parameters(), 1)).toBeGreaterThan(100)
    expect(clipGradNorm_(net.parameters(), 1)).toBeCloseTo(1, 4)
  })

  it('has the names without an underscore too', () => {
    expect(clipGradNorm).toBe(clipGradNorm_)
    expect(clipGradValue).toBe(clipGradValue_)
  })
})

it('clipGradValue_ leaves NaN, and clips infinities', () => {
  const [parameter] = withGradients([tensor([Number.NaN, Number.POSITIVE_INFINITY, -5, 0.5])])
  clipGradValue_(parameter, 2)
  expect(parameter.grad?.toArray()).toEqual([Number.NaN, 2, -2, 0.5])
})

it('clips parameters that can be iterated over only once', () => {
  const parameters = withGradients([tensor([3]), tensor([4])])
  expect(clipGradNorm_(parameters.values(), 1)).toBeCloseTo(5, 5)
  expectClose(parameters[1].grad as Tensor, [0.8], { tolerance: 1e-5, what: 'gradient' })
})
