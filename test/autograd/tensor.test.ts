import fc from 'fast-check'
import {
  ArgumentError,
  arange,
  cat,
  full,
  manualSeed,
  nn,
  ones,
  rand,
  randn,
  ShapeError,
  type Tensor,
  type TensorOptions,
  tensor,
  zeros,
} from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

const values = (x: Tensor) => [...x.toFloat32Array()]
/** What plain JavaScript may pass. */
const untyped = (value: unknown) => value as number

describe('tensor', () => {
  it('takes a number, nested arrays and typed arrays', () => {
    expect(tensor(1.5).shape).toEqual([])
    expect(tensor(1.5).item()).toBe(1.5)
    expect(tensor([1, 2, 3]).shape).toEqual([3])
    const cube = [
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
    ]
    expect(tensor(cube).shape).toEqual([1, 2, 3])
    expect(tensor(cube).toArray()).toEqual(cube)
    expect(tensor(new Float32Array([1, 2])).shape).toEqual([2])
    expect(values(tensor(new Uint8Array([1, 255, 3]), { shape: [3, 1] }))).toEqual([1, 255, 3])
    expect(values(tensor(new Float64Array([0.1])))).toEqual([Math.fround(0.1)])
    expect(tensor([1, 2, 3, 4], { shape: [2, 2] }).toArray()).toEqual([
      [1, 2],
      [3, 4],
    ])
  })

  it('takes nothing at all', () => {
    expect(tensor([]).shape).toEqual([0])
    expect(tensor([[], []]).shape).toEqual([2, 0])
    expect(tensor([[], []]).toArray()).toEqual([[], []])
    expect(zeros([0, 3]).toArray()).toEqual([])
    expect(zeros([0, 3]).sum().item()).toBe(0)
  })

  it('copies what it is given and what it gives', () => {
    const source = new Float32Array([1, 2])
    const x = tensor(source)
    source[0] = 9
    x.toFloat32Array()[1] = 9
    expect(values(x)).toEqual([1, 2])
    const shape = [2, 1]
    const y = tensor([1, 2], { shape })
    shape[0] = 7
    expect(y.shape).toEqual([2, 1])
  })

  it('gives back any array', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }), (shape) => {
        const flat = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i - 3)
        const x = tensor(flat, { shape })
        expect(x.size).toBe(flat.length)
        expect(x.toFloat32Array()).toEqual(flat)
        if (!shape.includes(0)) expect(tensor(x.toArray()).shape).toEqual(shape)
      }),
    )
  })

  it('requires a gradient when asked to', () => {
    expect(tensor([1]).requiresGrad).toBe(false)
    expect(tensor([1], { requiresGrad: true }).requiresGrad).toBe(true)
  })

  it.each([
    [[[1, 2], [3]]],
    [[[1, 2], 3]],
    [[1, [2]]],
    [[[1], [[2]]]],
    [[[[1]], [2]]],
    [[[], [1]]],
  ])('refuses ragged arrays: %j', (ragged) => {
    expect(() => tensor(ragged as number[][])).toThrow(ShapeError)
  })

  it.each<[unknown, TensorOptions]>([
    [[1, 2, 3], { shape: [2] }],
    [[1, 2], { shape: [3] }],
    [new Float32Array(4), { shape: [2, 3] }],
    [[1, 2, 3, 4, 5, 6], { shape: [-2, -3] }],
    [[1], { shape: [1.5] }],
  ])('refuses a shape that does not fit: %j %j', (given, options) => {
    expect(() => tensor(untyped(given), options)).toThrow(ShapeError)
  })

  it.each([
    ['a string', '1'],
    ['null', null],
    ['an object', {}],
    ['a string inside', [1, '2']],
    ['null inside', [null]],
    ['a hole', [undefined]],
    ['64-bit integers', new BigInt64Array(2)],
    ['a DataView', new DataView(new ArrayBuffer(8))],
  ])('refuses %s', (_, given) => {
    expect(() => tensor(untyped(given))).toThrow(ArgumentError)
  })

  it('refuses an option that it does not know', () => {
    expect(() => tensor([1], { requires_grad: true } as TensorOptions)).toThrow(
      /tensor: unknown option 'requires_grad'/,
    )
  })
})

describe('reading', () => {
  it('item is for one element', () => {
    expect(tensor([[7]]).item()).toBe(7)
    expect(() => tensor([1, 2]).item()).toThrow(ShapeError)
    expect(() => tensor([1, 2]).item()).toThrow(/got shape \[2\]/)
    expect(() => tensor([]).item()).toThrow(ShapeError)
  })

  it('toArray nests as the shape does', () => {
    expect(arange(6).reshape([2, 1, 3]).toArray()).toEqual([[[0, 1, 2]], [[3, 4, 5]]])
    expect(tensor(3).toArray()).toBe(3)
  })

  it('does not show how values lie in memory', () => {
    const x = arange(2 * 3 * 4 * 5).reshape([2, 3, 4, 5])
    const y = nn.functional.maxPool2d(x, 1)
    expect(y.toArray()).toEqual(x.toArray())
    expect(y.slice(0, 1, 2).slice(3, 0, 1).slice(2, 0, 1).flatten().toArray()).toEqual([60, 80, 100])
    expect(
      nn.functional.maxPool2d(x.slice(0, 0, 1).slice(1, 0, 1).slice(2, 0, 1).slice(3, 0, 1), 1).item(),
    ).toBe(0)
  })

  it('says its values and its shape as a string', () => {
    expect(String(tensor([[1, 2]], { requiresGrad: true }))).toBe(
      'tensor([[1., 2.]], shape=[1, 2], requiresGrad=true)',
    )
  })
})

describe('zeros, ones, full, arange', () => {
  it('fill', () => {
    expect(values(zeros([2, 2]))).toEqual([0, 0, 0, 0])
    expect(values(ones([3]))).toEqual([1, 1, 1])
    expect(values(full([2], -2.5))).toEqual([-2.5, -2.5])
    expect(full([], 4).item()).toBe(4)
  })

  it('count', () => {
    expect(values(arange(4))).toEqual([0, 1, 2, 3])
    expect(values(arange(2, 5))).toEqual([2, 3, 4])
    expect(values(arange(0, 1, 0.25))).toEqual([0, 0.25, 0.5, 0.75])
    expect(values(arange(3, 0, -1))).toEqual([3, 2, 1])
    expect(values(arange(0))).toEqual([])
  })

  it.each([
    [0, 3, 0],
    [0, 3, -1],
    [3, 0, 1],
    [0, Number.POSITIVE_INFINITY, 1],
    [0, Number.NaN, 1],
  ])('arange refuses %d, %d, %d', (start, end, step) => {
    expect(() => arange(start, end, step)).toThrow(ArgumentError)
  })

  it.each([zeros, ones, rand, randn])('%o refuses what is no shape', (make) => {
    expect(() => make([-1])).toThrow(ShapeError)
    expect(() => make([1.5])).toThrow(ShapeError)
    expect(() => make([2, Number.NaN])).toThrow(ShapeError)
  })
})

describe('random numbers', () => {
  const moments = (x: Tensor) => {
    const all = values(x)
    const mean = all.reduce((a, b) => a + b) / all.length
    const central = (power: number) => all.reduce((sum, v) => sum + (v - mean) ** power, 0) / all.length
    return {
      mean,
      variance: central(2),
      skew: central(3) / central(2) ** 1.5,
      kurtosis: central(4) / central(2) ** 2,
    }
  }

  it('repeat from a seed, and differ for others', () => {
    const draw = (seed: number) => {
      manualSeed(seed)
      return [rand([13]), randn([7]), nn.functional.dropout(ones([31]), 0.5)].map(values)
    }
    const first = draw(1)
    expect(draw(1)).toEqual(first)
    expect(draw(2)).not.toEqual(first)
    // Beyond 32 bits.
    expect(draw(1 + 2 ** 32)).not.toEqual(first)
    expect(draw(Number.MAX_SAFE_INTEGER)).not.toEqual(first)
  })

  it('go on: no two calls alike', () => {
    manualSeed(0)
    expect(values(rand([8]))).not.toEqual(values(rand([8])))
  })

  it.each([-1, 0.5, Number.NaN, 2 ** 53])('manualSeed refuses %d', (seed) => {
    expect(() => manualSeed(seed)).toThrow(ArgumentError)
  })

  // Bounds are about five standard errors of 200,000 draws.
  it('rand is uniform in [0, 1)', () => {
    manualSeed(3)
    const x = rand([400, 500])
    const { mean, variance } = moments(x)
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.0033)
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(0.0009)
    const bins = new Array<number>(20).fill(0)
    for (const v of values(x)) bins[Math.floor(v * 20)]++
    for (const count of bins) expect(Math.abs(count - 10_000)).toBeLessThan(500)
    expect(x.neg().max().item()).toBeLessThanOrEqual(0)
    expect(x.max().item()).toBeLessThan(1)
  })

  it('randn is normal', () => {
    manualSeed(4)
    const x = randn([200_001])
    const { mean, variance, skew, kurtosis } = moments(x)
    expect(Math.abs(mean)).toBeLessThan(0.012)
    expect(Math.abs(variance - 1)).toBeLessThan(0.016)
    expect(Math.abs(skew)).toBeLessThan(0.03)
    expect(Math.abs(kurtosis - 3)).toBeLessThan(0.06)
    const beyond = values(x).filter((v) => Math.abs(v) > 2).length / x.size
    expect(Math.abs(beyond - 0.0455)).toBeLessThan(0.0025)
    expect(values(x).every(Number.isFinite)).toBe(true)
  })

  it('are not correlated with their neighbours, nor across seeds', () => {
    manualSeed(5)
    const a = values(randn([50_000]))
    manualSeed(6)
    const b = values(randn([50_000]))
    const correlation = (shift: number, other: number[]) => {
      let sum = 0
      for (let i = 0; i + shift < a.length; i++) sum += a[i] * other[i + shift]
      return sum / a.length
    }
    for (const shift of [1, 2, 3, 4, 8]) expect(Math.abs(correlation(shift, a))).toBeLessThan(0.025)
    expect(Math.abs(correlation(0, b))).toBeLessThan(0.025)
  })
})

describe('argmax and max', () => {
  const x = () =>
    tensor([
      [1, 9, 3],
      [7, 7, -1],
    ])

  it('give the first of equals', () => {
    expect(values(x().argmax({ dim: 1 }))).toEqual([1, 0])
    expect(values(x().argmax({ dim: 0 }))).toEqual([1, 0, 0])
    expect(x().argmax().item()).toBe(1)
    expect(x().argmax({ dim: -1, keepdim: true }).shape).toEqual([2, 1])
    expect(x().max({ dim: 0 }).toArray()).toEqual([7, 9, 3])
  })

  it('see NaN as the largest, as PyTorch does', () => {
    const y = tensor([1, Number.NaN, 3])
    expect(y.max().item()).toBeNaN()
    expect(y.argmax().item()).toBe(1)
  })

  it('argmax is not differentiated', () => {
    const y = tensor([1, 2], { requiresGrad: true })
    expect(y.argmax().requiresGrad).toBe(false)
  })

  it('refuse an empty choice and several dimensions', () => {
    expect(() => zeros([0]).max()).toThrow(ShapeError)
    expect(() => zeros([2, 0]).argmax({ dim: 1 })).toThrow(ShapeError)
    expect(() => x().max({ dim: [0, 1] })).toThrow(ShapeError)
  })
})

describe('shape rules', () => {
  const x = () => arange(6).reshape([2, 3])

  it.each<[string, () => unknown]>([
    ['add: shapes [2,3] and [2] do not broadcast', () => x().add(ones([2]))],
    ['mul: shapes [2,3] and [4,1,2] do not broadcast', () => x().mul(ones([4, 1, 2]))],
    ['matmul: the inner sizes of [2,3] and [2,3] differ: 3 and 2', () => x().matmul(x())],
    ['matmul: expected tensors of at least one dimension', () => x().matmul(tensor(1))],
    ['reshape: shape [2,3] has 6 elements', () => x().reshape([4])],
    ['reshape: shape [2,3] has 6 elements', () => x().reshape([4, -1])],
    ['reshape: only one size may be -1', () => x().reshape([-1, -1])],
    ['reshape: a shape is made of whole numbers', () => x().reshape([-2, -3])],
    ['cat: shapes [2,3] and [2,2] differ', () => cat([x(), ones([2, 2])], 0)],
    ['cat: shapes [2,3] and [3] differ', () => cat([x(), ones([3])], 0)],
    ['cat: tensors of no dimension', () => cat([tensor(1), tensor(2)])],
    ['copy_: expected shape [2,3], got [3,2]', () => x().copy_(ones([3, 2]))],
    ['sum: a dimension is named twice', () => x().sum({ dim: [0, -2] })],
  ])('%s', (message, run) => {
    expect(run).toThrow(ShapeError)
    expect(run).toThrow(message)
  })

  it.each<[string, () => unknown]>([
    ['sum: dimension 2 is out of range', () => x().sum({ dim: 2 })],
    ['mean: dimension -3 is out of range', () => x().mean({ dim: -3 })],
    ['max: dimension 0.5 is out of range', () => x().max({ dim: 0.5 })],
    ['transpose: dimension 2', () => x().transpose(0, 2)],
    ['permute: expected each of the 2 dimensions once', () => x().permute([0, 0])],
    ['permute: expected each of the 2 dimensions once', () => x().permute([0])],
    ['flatten: startDim 1 comes after endDim 0', () => x().flatten(1, 0)],
    ['slice: dimension 5', () => x().slice(5)],
    ['slice: start and end are whole numbers', () => x().slice(0, 0.5)],
    ['softmax: dimension 2', () => x().softmax(2)],
    ['cat: expected at least one tensor', () => cat([])],
    ['add: expected a tensor or a number', () => x().add(untyped('1'))],
    ["sum: unknown option 'keepDim'", () => x().sum({ dim: 0, keepDim: true } as object)],
    ["var: unknown option 'correction'", () => x().var({ correction: 0 } as object)],
  ])('%s', (message, run) => {
    expect(run).toThrow(ArgumentError)
    expect(run).toThrow(message)
  })

  it('let a tensor of no dimension be addressed by 0 and -1, as PyTorch does', () => {
    for (const dim of [0, -1]) {
      expect(tensor(3).sum({ dim }).item()).toBe(3)
      expect(tensor(3).softmax(dim).item()).toBe(1)
      expect(tensor(3).max({ dim }).item()).toBe(3)
    }
    expect(tensor(3).flatten().shape).toEqual([1])
  })

  it('let slice count from the end and stop at it, as Python does', () => {
    const v = arange(5)
    expect(values(v.slice(0, -2))).toEqual([3, 4])
    expect(values(v.slice(0, 1, -1))).toEqual([1, 2, 3])
    expect(values(v.slice(0, 3, 99))).toEqual([3, 4])
    expect(values(v.slice(0, 4, 2))).toEqual([])
    expect(values(v.slice(-1, -99, 1))).toEqual([0])
  })
})

describe('copy_', () => {
  it('writes into the same memory, across layouts', () => {
    const x = zeros([2, 3, 1, 2])
    const pooled = nn.functional.maxPool2d(arange(12).reshape([2, 3, 1, 2]), 1)
    expect(values(x.copy_(pooled))).toEqual(values(arange(12)))
    expect(values(pooled.copy_(x.add(1)))).toEqual(values(arange(1, 13)))
  })
})
