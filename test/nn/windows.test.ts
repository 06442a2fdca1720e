/** Convolutions and poolings beside Conv2d's and MaxPool2d's simple ones: names, initial weights, errors, edges. */
import {
  ArgumentError,
  arange,
  compile,
  manualSeed,
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
import { expectClose } from '../support/all-close.js'
import { initForTest } from '../support/init.js'
import { refuses } from '../support/refuses.js'

beforeAll(initForTest)

it.each<[string, () => { weight: Tensor; bias: Tensor | null } & nn.Module, number[], number]>([
  ['Conv2d in groups', () => new nn.Conv2d(6, 4, [3, 2], { groups: 2 }), [4, 3, 3, 2], 18],
  ['a depthwise Conv2d', () => new nn.Conv2d(50, 100, 3, { groups: 50 }), [100, 1, 3, 3], 9],
  ['Conv1d', () => new nn.Conv1d(6, 40, 5, { groups: 2 }), [40, 3, 5], 15],
  ['ConvTranspose2d', () => new nn.ConvTranspose2d(6, 4, [3, 2], { groups: 2 }), [6, 2, 3, 2], 12],
])("%s has PyTorch's shapes, names and initial range", (_, make, shape, fanIn) => {
  manualSeed(3)
  const layer = make()
  expect(layer.weight.shape).toEqual(shape)
  expect(Object.keys(layer.stateDict())).toEqual(['weight', 'bias'])
  const bound = 1 / Math.sqrt(fanIn)
  const largest = Math.max(...layer.weight.toFloat32Array().map(Math.abs))
  expect(largest).toBeLessThanOrEqual(Math.fround(bound))
  expect(largest).toBeGreaterThan(0.8 * bound)
  expect(layer.bias?.toFloat32Array().every((v) => Math.abs(v) <= bound)).toBe(true)
})

describe('max pooling with its places', () => {
  it('gives both, typed, and goes back', () => {
    const x = tensor(Array.from({ length: 24 }, (_, i) => (i * 7) % 24)).reshape([1, 2, 3, 4])
    const pool = new nn.MaxPool2d([3, 2], { returnIndices: true })
    const [y, indices] = pool.forward(x)
    expect(y.toArray()).toEqual([[[[15, 22]], [[23, 17]]]])
    expect(indices.toArray()).toEqual([[[[9, 10]], [[5, 11]]]])
    const back = new nn.MaxUnpool2d([3, 2]).forward(y, indices)
    expect(back.shape).toEqual([1, 2, 3, 4])
    expect(
      back
        .sub(x.mul(back.gt(0)))
        .abs()
        .sum()
        .item(),
    ).toBe(0)
    expect(String(pool)).toBe(
      'MaxPool2d(kernelSize=[3, 2], stride=[3, 2], padding=0, dilation=1, ceilMode=false)',
    )
    expect(String(new nn.MaxUnpool2d(2))).toBe('MaxUnpool2d(kernelSize=2, stride=2, padding=0)')
    const one = new nn.MaxPool1d(2, { returnIndices: true })
    const [z, places] = one.forward(tensor([[[1, 3, 2, 5, 4]]]))
    expect([z.toArray(), places.toArray()]).toEqual([[[[3, 5]]], [[[1, 3]]]])
    const unpool = new nn.MaxUnpool1d(2)
    expect(unpool.forward(z, places, [5]).toArray()).toEqual([[[0, 3, 0, 5, 0]]])
    expect(unpool.forward(z, places, [1, 1, 5]).toArray()).toEqual([[[0, 3, 0, 5, 0]]])
  })

  it('takes the last NaN for the largest, as PyTorch', () => {
    const x = tensor([
      [
        [
          [1, Number.NaN],
          [Number.NaN, 9],
        ],
      ],
    ])
    const [y, indices] = nn.functional.maxPool2d(x, 2, { returnIndices: true })
    expect([y.item(), indices.item()]).toEqual([Number.NaN, 2])
    const low = tensor([[[[Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]]]])
    expect(nn.functional.maxPool2d(low, [1, 2], { returnIndices: true })[1].item()).toBe(0)
  })

  it('is compiled to the same bits, and fused neighbours are computed', () => {
    const net = new nn.Sequential(new nn.BatchNorm2d(2), new nn.ReLU())
    const x = tensor(Array.from({ length: 64 }, (_, i) => Math.sin(i * i))).reshape([2, 2, 4, 4])
    const step = (input: Tensor) =>
      noGrad(() => nn.functional.maxPool2d(net.forward(input), 2, { returnIndices: true }))
    const expected = step(x).map((one) => one.toArray())
    const compiled = compile(step)
    for (let i = 0; i < 4; i++) {
      expect(compiled(x).map((one) => one.toArray())).toEqual(expected)
    }
    expect(compiled.report.replayed).toBeGreaterThan(0)
  })

  it('refuses what does not fit', () => {
    const [x, i] = [zeros([1, 1, 2, 2]), zeros([1, 1, 2, 2])]
    const F = nn.functional
    refuses(() => F.maxUnpool2d(x, zeros([1, 1, 2, 3]), 2), ShapeError, 'indices of the same shape')
    refuses(
      () => F.maxUnpool2d(x, i, 2, { outputSize: [6, 4] }),
      ShapeError,
      'outputSize is [4,4], or less than a stride',
    )
    refuses(() => F.maxUnpool2d(x, i.add(16), 2), ArgumentError, '16')
    refuses(
      () => F.maxUnpool1d(zeros([1, 1, 2]), zeros([1, 1, 2]), [2, 2] as never),
      ArgumentError,
      'kernelSize',
    )
    refuses(() => new nn.MaxUnpool2d(2, { outputSize: [4, 4] } as never), ArgumentError, 'outputSize')
    refuses(() => new nn.MaxPool2d(2, { returnIndices: 1 as never }), ArgumentError, 'returnIndices')
  })
})

describe('convolutions', () => {
  it('keep the size with padding in words, one more zero behind where the kernel is even', () => {
    const layer = new nn.Conv1d(1, 1, 2, { padding: 'same', bias: false })
    layer.loadStateDict({ weight: tensor([[[1, 10]]]) })
    expect(layer.forward(tensor([[[1, 2, 3]]])).toArray()).toEqual([[[21, 32, 3]]])
    const image = new nn.Conv2d(2, 3, [4, 5], { padding: 'same', dilation: [1, 2] })
    expect(image.forward(ones([1, 2, 7, 6])).shape).toEqual([1, 3, 7, 6])
    expect(new nn.Conv2d(2, 3, 3, { padding: 'valid' }).forward(ones([1, 2, 7, 6])).shape).toEqual([
      1, 3, 5, 4,
    ])
  })

  it('in groups are as many convolutions', () => {
    manualSeed(4)
    const [x, weight] = [randn([5, 6, 7, 5]), randn([4, 3, 3, 3])]
    const whole = nn.functional.conv2d(x, weight, null, { groups: 2 })
    for (const g of [0, 1]) {
      const part = nn.functional.conv2d(x.slice(1, 3 * g, 3 * g + 3), weight.slice(0, 2 * g, 2 * g + 2))
      expectClose(whole.slice(1, 2 * g, 2 * g + 2), part.toFloat32Array(), {
        tolerance: 1e-6,
        what: `group ${g}`,
      })
    }
  })

  it('transposed undo the shapes of one', () => {
    const down = new nn.Conv2d(3, 4, 3, { stride: 2, padding: 1 })
    const up = new nn.ConvTranspose2d(4, 3, 3, { stride: 2, padding: 1, outputPadding: 1 })
    expect(up.forward(down.forward(ones([2, 3, 8, 10]))).shape).toEqual([2, 3, 8, 10])
  })

  it('name themselves', () => {
    const layer = new nn.Conv1d(2, 4, 3)
    expect(() => layer.forward(ones([1, 2, 4, 4]))).toThrow(
      'Conv1d(2, 4, 3): expected an input of shape [N, 2, L] (2 input channels), got [1,2,4,4]',
    )
    expect(() => layer.forward(ones([1, 2, 2]))).toThrow(
      /a kernel of 3 \(dilation 1\) does not fit an input of 2/,
    )
    expect(() => new nn.ConvTranspose2d(2, 4, 3).forward(ones([1, 3, 4, 4]))).toThrow(
      'ConvTranspose2d(2, 4, 3): expected an input of shape [N, 2, H, W] (2 input channels), got [1,3,4,4]',
    )
    expect(() => new nn.Conv2d(1, 1, 3, { paddingMode: 'circular' as 'zeros' })).toThrow(ArgumentError)
  })
})

describe('poolings', () => {
  it('of a window that steps over its image are −∞, as in PyTorch', () => {
    const x = tensor([[[5]]], { requiresGrad: true })
    const y = nn.functional.maxPool1d(x, 2, { dilation: 2, padding: 1, stride: 1 })
    expect(y.toArray()).toEqual([[[Number.NEGATIVE_INFINITY]]])
    y.backward(ones([1, 1, 1]))
    expect(x.grad?.toArray()).toEqual([[[0]]])
    const z = nn.functional.maxPool1d(x.detach().relu(), 2, { dilation: 2, padding: 1, stride: 1 })
    expect(z.toArray()).toEqual([[[Number.NEGATIVE_INFINITY]]])
  })

  it('take a last window that sticks out, where there is one', () => {
    const x = arange(5).reshape([1, 1, 5])
    expect(new nn.MaxPool1d(2, { ceilMode: true }).forward(x).toArray()).toEqual([[[1, 3, 4]]])
    expect(new nn.MaxPool1d(2).forward(x).toArray()).toEqual([[[1, 3]]])
    const image = arange(9).reshape([1, 1, 3, 3])
    const both = new nn.Sequential(new nn.ReLU(), new nn.MaxPool2d(2, { ceilMode: true }))
    expect(both.forward(image).toArray()).toEqual([
      [
        [
          [4, 5],
          [7, 8],
        ],
      ],
    ])
  })

  it('share out what does not divide', () => {
    const x = arange(5).reshape([1, 1, 5])
    expect(new nn.AdaptiveAvgPool1d(3).forward(x).toArray()).toEqual([[[0.5, 2, 3.5]]])
    expect(new nn.AdaptiveAvgPool2d([null, 1]).forward(ones([2, 3, 5, 4])).shape).toEqual([2, 3, 5, 1])
  })
})

describe('Upsample', () => {
  it('repeats pixels, those that are not finite too', () => {
    const x = tensor([[[1, Number.NaN, Number.POSITIVE_INFINITY]]])
    const y = new nn.Upsample({ scaleFactor: 2 }).forward(x)
    expect(y.toArray()).toEqual([
      [[1, 1, Number.NaN, Number.NaN, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]],
    ])
  })

  it('refuses what is not for its input', () => {
    expect(() => new nn.Upsample({ size: 2, mode: 'bilinear' }).forward(ones([1, 1, 3]))).toThrow(/'linear'/)
    expect(() => new nn.Upsample({ size: 2 }).forward(ones([3, 3]))).toThrow(ShapeError)
    expect(String(new nn.Upsample({ scaleFactor: 2 }))).toBe("Upsample(scaleFactor=2, mode='nearest')")
  })
})
