/** nn.init: bounds, moments and structure, for which PyTorch's formulas stand here once more. */
import { ArgumentError, manualSeed, nn, ones, randn, ShapeError, type Tensor, zeros } from 'simdgrad'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'

const { init } = nn

beforeAll(initForTest)
beforeEach(() => manualSeed(1))

const values = (x: Tensor) => [...x.toFloat32Array()]

function moments(x: Tensor) {
  const all = values(x)
  const mean = all.reduce((a, b) => a + b, 0) / all.length
  const std = Math.sqrt(all.reduce((sum, v) => sum + (v - mean) ** 2, 0) / all.length)
  return { mean, std, least: Math.min(...all), most: Math.max(...all) }
}

const weight = () => zeros([64, 16, 3, 3])
const [FAN_IN, FAN_OUT] = [16 * 9, 64 * 9]

describe('nn.init', () => {
  it.each<[string, (x: Tensor) => Tensor, bound: number]>([
    ['uniform_', (x) => init.uniform_(x, { a: -2, b: 2 }), 2],
    ['xavierUniform_', (x) => init.xavierUniform_(x, { gain: 2 }), 2 * Math.sqrt(6 / (FAN_IN + FAN_OUT))],
    ['kaimingUniform_', (x) => init.kaimingUniform_(x), Math.SQRT2 * Math.sqrt(3 / FAN_IN)],
    [
      'kaimingUniform_ backwards',
      (x) => init.kaimingUniform_(x, { a: Math.sqrt(5), mode: 'fan_out' }),
      1 / Math.sqrt(FAN_OUT),
    ],
  ])('%s fills its bounds evenly', (_, fill, bound) => {
    const x = weight()
    expect(fill(x)).toBe(x)
    const { mean, std, least, most } = moments(x)
    expect(least).toBeGreaterThanOrEqual(-bound * 1.000001)
    expect(most).toBeLessThanOrEqual(bound * 1.000001)
    expect(most / bound).toBeGreaterThan(0.99)
    expect(Math.abs(mean) / bound).toBeLessThan(0.02)
    expect(std / bound).toBeCloseTo(1 / Math.sqrt(3), 1)
  })

  it.each<[string, (x: Tensor) => Tensor, mean: number, std: number]>([
    ['normal_', (x) => init.normal_(x, { mean: 3, std: 0.02 }), 3, 0.02],
    ['xavierNormal_', (x) => init.xavierNormal_(x), 0, Math.sqrt(2 / (FAN_IN + FAN_OUT))],
    [
      'kaimingNormal_',
      (x) => init.kaimingNormal_(x, { mode: 'fan_out', nonlinearity: 'relu' }),
      0,
      Math.sqrt(2 / FAN_OUT),
    ],
    ['kaimingNormal_ before tanh', (x) => init.kaimingNormal_(x, { nonlinearity: 'tanh' }), 0, 5 / 3 / 12],
  ])('%s has its moments', (_, fill, mean, std) => {
    const x = weight()
    expect(fill(x)).toBe(x)
    const found = moments(x)
    expect(found.std / std).toBeGreaterThan(0.97)
    expect(found.std / std).toBeLessThan(1.03)
    expect(Math.abs(found.mean - mean) / std).toBeLessThan(0.05)
    expect(found.most - mean).toBeGreaterThan(3 * std)
  })

  it('truncNormal_ is normal within its bounds', () => {
    const x = init.truncNormal_(weight())
    const { mean, std, least, most } = moments(x)
    expect([least >= -2, most <= 2, least < -1.9, most > 1.9]).toEqual([true, true, true, true])
    expect(Math.abs(mean)).toBeLessThan(0.03)
    // √(1 − 2·2·φ(2) / (Φ(2) − Φ(−2)))
    expect(std).toBeCloseTo(0.8796, 1)
    const share = values(x).filter((v) => Math.abs(v) < 1).length / x.size
    expect(share).toBeCloseTo(0.6827 / 0.9545, 1)
    const right = init.truncNormal_(weight(), { mean: 1, std: 0.5, a: 1, b: 9 })
    const half = moments(right)
    expect(half.least).toBeGreaterThanOrEqual(1)
    expect(half.mean).toBeCloseTo(1 + 0.5 * Math.sqrt(2 / Math.PI), 1)
  })

  it('truncNormal_ inverts the distribution: quantiles of many numbers are the normal ones', () => {
    const x = init.truncNormal_(zeros([200_000]), { a: -10, b: 10 })
    const sorted = x.toFloat32Array().sort()
    // Φ⁻¹ by tables.
    for (const [share, z] of [
      [0.001, -3.0902],
      [0.025, -1.95996],
      [0.1, -1.28155],
      [0.5, 0],
      [0.8413447, 1],
      [0.9986501, 3],
    ]) {
      expect(sorted[Math.floor(share * x.size)]).toBeCloseTo(z, 1)
    }
  })

  it('constant_, ones_, zeros_ and eye_ are what they say', () => {
    const x = randn([2, 3])
    expect(values(init.constant_(x, 7))).toEqual(new Array(6).fill(7))
    expect(values(init.ones_(x))).toEqual(new Array(6).fill(1))
    expect(values(init.zeros_(x))).toEqual(new Array(6).fill(0))
    expect(init.eye_(x).toArray()).toEqual([
      [1, 0, 0],
      [0, 1, 0],
    ])
  })

  it.each([
    [[4, 4, 3, 3], 1],
    [[4, 2, 3, 5], 2],
    [[6, 2, 3], 2],
    [[2, 3, 1, 1], 1],
  ])('dirac_ of %j with %i groups hands the input on', (shape, groups) => {
    const x = init.dirac_(randn(shape), { groups })
    const [out, channels, ...kernel] = shape
    const all = values(x)
    const size = kernel.reduce((a, b) => a * b, 1)
    for (let o = 0; o < out; o++) {
      const one = all.slice(o * channels * size, (o + 1) * channels * size)
      const i = o % (out / groups)
      // Odd sizes: the centre is the middle one.
      const at = i < channels ? i * size + (size - 1) / 2 : -1
      expect(one).toEqual(one.map((_, j) => (j === at ? 1 : 0)))
    }
  })

  it('dirac_ makes a convolution the identity', () => {
    const conv = new nn.Conv2d(3, 3, 3, { padding: 1, bias: false })
    init.dirac_(conv.weight)
    const x = randn([2, 3, 4, 5])
    expect(values(conv.forward(x))).toEqual(values(x))
  })

  it.each([
    [[5, 5]],
    [[8, 3]],
    [[3, 8]],
    [[4, 2, 3, 3]],
    [[1, 6]],
  ])('orthogonal_ of %j has orthonormal rows or columns', (shape) => {
    const x = init.orthogonal_(zeros(shape), { gain: 2 })
    const matrix = x.reshape([shape[0], -1])
    const [n, m] = matrix.shape
    const product = n <= m ? matrix.matmul(matrix.transpose(0, 1)) : matrix.transpose(0, 1).matmul(matrix)
    const size = Math.min(n, m)
    values(product).forEach((value, at) => {
      expect(value).toBeCloseTo(at % (size + 1) === 0 ? 4 : 0, 4)
    })
  })

  it('calculateGain has PyTorch’s numbers', () => {
    expect(init.calculateGain('linear')).toBe(1)
    expect(init.calculateGain('tanh')).toBe(5 / 3)
    expect(init.calculateGain('relu')).toBe(Math.SQRT2)
    expect(init.calculateGain('leaky_relu')).toBeCloseTo(1.4141428569978354, 14)
    expect(init.calculateGain('leaky_relu', 0.2)).toBeCloseTo(Math.sqrt(2 / 1.04), 14)
    expect(init.calculateGain('selu')).toBe(0.75)
  })

  it('is in place and unrecorded, also of parameters, and what came from it is known to have changed', () => {
    const layer = new nn.Linear(3, 2)
    const y = layer.forward(ones([1, 3]).mul(2)).sum()
    init.uniform_(layer.weight)
    expect(layer.weight.requiresGrad).toBe(true)
    expect(layer.weight.producer).toBeUndefined()
    y.backward()
    const x = randn([2, 2])
    x.requiresGrad = true
    const z = x.mul(x).sum()
    init.zeros_(x)
    expect(() => z.backward()).toThrow(/changed in place/)
  })

  it('is the same for the same seed, and leaves empty tensors', () => {
    const draw = () => {
      manualSeed(3)
      return [
        init.truncNormal_(zeros([5])),
        init.orthogonal_(zeros([3, 3])),
        init.kaimingNormal_(zeros([2, 2])),
      ].flatMap(values)
    }
    expect(draw()).toEqual(draw())
    for (const fill of [init.xavierUniform_, init.kaimingNormal_, init.orthogonal_, init.eye_]) {
      expect(fill(zeros([0, 3])).shape).toEqual([0, 3])
    }
    expect(init.truncNormal_(zeros([0])).shape).toEqual([0])
  })

  it.each<[string, () => unknown, RegExp]>([
    ['a vector', () => init.xavierUniform_(zeros([3])), /xavierUniform_: expected a weight/],
    ['a vector', () => init.orthogonal_(zeros([3])), /orthogonal_/],
    ['a vector', () => init.eye_(zeros([3])), /eye_: expected a matrix/],
    ['a matrix', () => init.dirac_(zeros([3, 3])), /dirac_.*3 to 5 dimensions/],
    ['groups that do not divide', () => init.dirac_(zeros([3, 3, 3]), { groups: 2 }), /2 groups/],
  ])('refuses %s', (_, act, message) => {
    expect(act).toThrow(ShapeError)
    expect(act).toThrow(message)
  })

  it.each<[string, () => unknown, RegExp]>([
    ['positions instead of names', () => init.normal_(zeros([1]), 0 as never), /normal_.*by name/],
    ['a layer', () => init.ones_(new nn.Linear(1, 1) as never), /ones_: expected the tensor.*Linear/],
    ['another mode', () => init.kaimingNormal_(zeros([2, 2]), { mode: 'fanIn' as never }), /'fan_in'/],
    [
      'another nonlinearity',
      () => init.calculateGain('swish' as never),
      /calculateGain.*leaky_relu.*'swish'/,
    ],
    ['bounds the wrong way round', () => init.uniform_(zeros([1]), { a: 1, b: 0 }), /uniform_: b/],
    ['a negative std', () => init.normal_(zeros([1]), { std: -1 }), /normal_: std/],
    ['an interval far away', () => init.truncNormal_(zeros([1]), { a: 50, b: 60 }), /next to none/],
  ])('refuses %s', (_, act, message) => {
    expect(act).toThrow(ArgumentError)
    expect(act).toThrow(message)
  })
})
