/** Comparisons and choices where it is delicate: NaN, infinities, ties, and roots of 0. */
import { nn, ones, type Tensor, tensor, where } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

const values = (x: Tensor | null) => (x ? [...x.toFloat32Array()] : null)
const inf = Number.POSITIVE_INFINITY

describe('comparisons', () => {
  it('are false of NaN, but ne', () => {
    const x = tensor([Number.NaN, -0, inf])
    const y = tensor([Number.NaN, 0, inf])
    const all = ['eq', 'ne', 'lt', 'le', 'gt', 'ge'] as const
    expect(all.map((name) => values(x[name](y)))).toEqual([
      [0, 1, 1],
      [1, 0, 0],
      [0, 0, 0],
      [0, 1, 1],
      [0, 0, 0],
      [0, 1, 1],
    ])
    expect(tensor([1], { requiresGrad: true }).gt(0).requiresGrad).toBe(false)
  })
})

describe('where', () => {
  it('lets nothing of what is not chosen through, neither values nor gradients', () => {
    const [a, b] = [
      [4, Number.NaN, inf],
      [Number.NaN, 7, -inf],
    ].map((data) => tensor(data, { requiresGrad: true }))
    const y = where(tensor([1, 0, 1]), a, b)
    y.mul(tensor([2, 3, 5]))
      .sum()
      .backward()
    expect([y, a.grad, b.grad].map(values)).toEqual([
      [4, 7, inf],
      [2, 0, 5],
      [0, 3, 0],
    ])
    const x = tensor([1, 0, -1])
    expect(values(where(x.gt(0), x.log(), 0))).toEqual([0, 0, 0])
    expect(values(x.div(0).maskedFill(x.eq(0), 9))).toEqual([inf, 9, -inf])
  })

  it('keeps a gradient of NaN from what was not chosen', () => {
    const [a, b] = [0, 1].map(() => tensor([1, 1], { requiresGrad: true }))
    where(tensor([1, 0]), a, b).backward(tensor([Number.NaN, 3]))
    expect([values(a.grad), values(b.grad)]).toEqual([
      [Number.NaN, 0],
      [0, 3],
    ])
  })

  it('takes any number but 0 for true, NaN too, and keeps the sign of 0', () => {
    const y = where(tensor([-2, 0, -0, Number.NaN]), tensor([-0, 1, 1, 5]), tensor([9, -0, 3, 9]))
    expect(values(y)).toEqual([-0, -0, 3, 5])
  })

  it('chooses between images as they lie in memory, and a channel each', () => {
    const x = ones([5, 2, 3, 3])
    const images = nn.functional.conv2d(x, ones([2, 2, 1, 1]))
    const y = where(images.gt(0), images, tensor([[[7]], [[8]]]))
    expect(new Set(values(y))).toEqual(new Set([2]))
    const z = where(tensor([[[1]], [[0]]]), images, 0)
    expect(values(z.sum({ dim: [0, 2, 3] }))).toEqual([90, 0])
  })
})

describe('clamp', () => {
  it('has a gradient within the bounds, and none on them', () => {
    const x = tensor([-3, 0, 1, 3, 6], { requiresGrad: true })
    const y = x.clamp({ min: 0, max: 3 })
    y.sum().backward()
    expect([values(y), values(x.grad)]).toEqual([
      [0, 0, 1, 3, 3],
      [0, 0, 1, 0, 0],
    ])
    expect(values(tensor([Number.NaN, 2]).clamp({ min: 3, max: 1 }))).toEqual([Number.NaN, 1])
  })
})

describe('min', () => {
  it('sends the gradient to the first of equals', () => {
    const x = tensor(
      [
        [2, 1, 1],
        [3, 3, 3],
      ],
      { requiresGrad: true },
    )
    const y = x.min({ dim: 1 })
    y.sum().backward()
    // A zero's sign is of no interest.
    expect([values(y), values(x.grad)?.map((v) => v + 0)]).toEqual([
      [1, 3],
      [0, 1, 0, 1, 0, 0],
    ])
    expect(values(tensor([1, Number.NaN, 0]).min())).toEqual([Number.NaN])
  })
})

describe('norm and std', () => {
  it.each([
    2,
    1,
    3,
    0.5,
    -1,
    inf,
    -inf,
  ])('of zeros the norm of order %d is 0, and so is its gradient', (p) => {
    const x = tensor([0, 0, 0], { requiresGrad: true })
    const y = x.norm({ p })
    y.backward()
    expect([values(y), values(x.grad)]).toEqual([[0], [0, 0, 0]])
  })

  it('of infinite order is the largest magnitude, of which equals share the gradient', () => {
    const x = tensor(
      [
        [1, -3, 3],
        [-0.5, 0.25, 0],
      ],
      { requiresGrad: true },
    )
    const y = x.norm({ p: inf, dim: 1 })
    y.sum().backward()
    expect([values(y), values(x.grad)]).toEqual([
      [3, 0.5],
      [0, -0.5, 0.5, -1, 0, 0],
    ])
    expect(values(x.norm({ p: inf, dim: [0, 1], keepdim: true }))).toEqual([3])
    expect(values(x.norm({ p: -inf, dim: 0 }))).toEqual([0.5, 0.25, 0])
    expect(values(tensor([inf, 1, Number.NaN]).norm({ p: inf }))).toEqual([Number.NaN])
    expect(values(tensor([inf, -inf]).norm({ p: inf }))).toEqual([inf])
  })

  it('of order 0 counts', () => {
    expect(
      values(
        tensor([
          [0, 2],
          [Number.NaN, 3],
        ]).norm({ p: 0, dim: 1 }),
      ),
    ).toEqual([1, 2])
  })

  it('of equal values the deviation is 0, and so is its gradient; of one there is none', () => {
    const x = tensor([2, 2, 2], { requiresGrad: true })
    const y = x.std()
    y.backward()
    expect([values(y), values(x.grad)]).toEqual([[0], [0, 0, 0]])
    expect(values(tensor([5]).std())).toEqual([Number.NaN])
    expect(values(tensor([1, 2, 3, 4]).std({ unbiased: false }))).toEqual([Math.fround(Math.sqrt(1.25))])
  })
})

describe('clone', () => {
  it('is a copy, and hands gradients on', () => {
    const x = tensor([1, 2], { requiresGrad: true })
    const y = x.clone()
    y.mul(3).sum().backward()
    expect(values(x.grad)).toEqual([3, 3])
    const z = tensor([1, 2])
    z.clone().fill_(7)
    expect(values(z)).toEqual([1, 2])
  })
})
