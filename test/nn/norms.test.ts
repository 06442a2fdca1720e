/** The normalising layers beside BatchNorm1d, BatchNorm2d and LayerNorm: names, shapes, modes, errors. */
import { ArgumentError, manualSeed, nn, noGrad, ones, randn, ShapeError, tensor } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectClose } from '../support/all-close.js'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

const RUNNING = ['running_mean', 'running_var', 'num_batches_tracked']

it.each<[string, () => nn.Module, string, string[]]>([
  [
    'BatchNorm3d',
    () => new nn.BatchNorm3d(4),
    'BatchNorm3d(4, eps=1e-5, momentum=0.1, affine=true, trackRunningStats=true)',
    ['weight', 'bias', ...RUNNING],
  ],
  ['GroupNorm', () => new nn.GroupNorm(2, 4), 'GroupNorm(2, 4, eps=1e-5, affine=true)', ['weight', 'bias']],
  [
    'GroupNorm bare',
    () => new nn.GroupNorm(2, 4, { eps: 0.5, affine: false }),
    'GroupNorm(2, 4, eps=0.5, affine=false)',
    [],
  ],
  [
    'InstanceNorm1d',
    () => new nn.InstanceNorm1d(4),
    'InstanceNorm1d(4, eps=1e-5, momentum=0.1, affine=false, trackRunningStats=false)',
    [],
  ],
  [
    'InstanceNorm2d with all',
    () => new nn.InstanceNorm2d(4, { affine: true, trackRunningStats: true, momentum: null }),
    'InstanceNorm2d(4, eps=1e-5, momentum=null, affine=true, trackRunningStats=true)',
    ['weight', 'bias', ...RUNNING],
  ],
  ['RMSNorm', () => new nn.RMSNorm([3, 5]), 'RMSNorm([3, 5], eps=null, elementwiseAffine=true)', ['weight']],
  [
    'RMSNorm bare',
    () => new nn.RMSNorm(5, { eps: 1e-6, elementwiseAffine: false }),
    'RMSNorm([5], eps=1e-6, elementwiseAffine=false)',
    [],
  ],
])("%s is printed as PyTorch's, and has its names in the state dict", (_, make, text, keys) => {
  const layer = make()
  expect(layer.toString()).toBe(text)
  expect(Object.keys(layer.stateDict())).toEqual(keys)
})

it('BatchNorm3d is BatchNorm1d of the same values', () => {
  manualSeed(1)
  const x = randn([3, 4, 2, 3, 5])
  const [layer, flat] = [new nn.BatchNorm3d(4), new nn.BatchNorm1d(4)]
  const [y, expected] = [layer.forward(x), flat.forward(x.reshape([3, 4, 30]))]
  expect(y.shape).toEqual(x.shape)
  expectClose(y, expected.toFloat32Array(), { tolerance: 1e-6, what: 'output' })
  expect(layer.runningVar?.toFloat32Array()).toEqual(flat.runningVar?.toFloat32Array())
  expect(() => layer.forward(ones([3, 4, 5, 5]))).toThrow(
    'BatchNorm3d(4): expected an input of shape [N, 4, D, H, W] (4 features), got [3,4,5,5]',
  )
})

it('GroupNorm of one group is a layer norm, and of as many as channels an instance norm', () => {
  manualSeed(2)
  const x = randn([3, 4, 5, 2])
  const bare = { affine: false }
  const one = new nn.GroupNorm(1, 4, bare).forward(x)
  expectClose(one, new nn.LayerNorm([4, 5, 2]).forward(x).toFloat32Array(), { tolerance: 1e-6, what: 'one' })
  const each = new nn.GroupNorm(4, 4, bare).forward(x)
  expectClose(each, new nn.InstanceNorm2d(4).forward(x).toFloat32Array(), { tolerance: 1e-6, what: 'each' })
})

describe('InstanceNorm', () => {
  it('moves its running statistics in training, and evaluates with them', () => {
    const layer = new nn.InstanceNorm1d(1, { trackRunningStats: true, momentum: 0.5 })
    layer.forward(tensor([[[1, 3]], [[5, 9]]]))
    // Means 2 and 7, unbiased variances 2 and 8.
    expect(layer.runningMean?.toArray()).toEqual([2.25])
    expect(layer.runningVar?.toArray()).toEqual([3])
    expect(layer.numBatchesTracked?.item()).toBe(0)
    layer.eval()
    const y = noGrad(() => layer.forward(tensor([[[2.25, 5.25]]])))
    expectClose(y, new Float32Array([0, 3 / Math.sqrt(3 + 1e-5)]), { tolerance: 1e-6, what: 'evaluation' })
    expect(layer.runningMean?.toArray()).toEqual([2.25])
  })

  it('normalises with its own statistics in evaluation, where it keeps none', () => {
    const layer = new nn.InstanceNorm1d(1)
    layer.eval()
    const y = layer.forward(tensor([[[1, 3]]]))
    expectClose(y, new Float32Array([-1, 1]), { tolerance: 1e-4, what: 'evaluation' })
  })

  it('names itself', () => {
    const layer = new nn.InstanceNorm2d(3)
    expect(() => layer.forward(ones([2, 3, 1, 1]))).toThrow(
      'InstanceNorm2d(3): expected more than one value per channel of a sample, got an input of shape [2,3,1,1]',
    )
    expect(() => layer.forward(ones([2, 4, 3, 3]))).toThrow(ShapeError)
  })
})

it('functions give nothing of no channels', () => {
  expect(nn.functional.instanceNorm(ones([1, 0, 2])).shape).toEqual([1, 0, 2])
  expect(nn.functional.groupNorm(ones([2, 0, 3]), 2).shape).toEqual([2, 0, 3])
})

it('GroupNorm names itself', () => {
  const layer = new nn.GroupNorm(2, 4)
  expect(() => layer.forward(ones([2, 6, 3]))).toThrow(
    'GroupNorm(2, 4): expected an input of shape [N, 4, ...], got [2,6,3]',
  )
  expect(() => new nn.GroupNorm(3, 4)).toThrow(ArgumentError)
})

it('a running statistic that does not fit is refused before anything moves', () => {
  const [runningMean, runningVar] = [tensor([1, 2]), tensor([1, 2, 3])]
  expect(() => nn.functional.instanceNorm(ones([2, 2, 3]), { runningMean, runningVar })).toThrow(ShapeError)
  expect(runningMean.toArray()).toEqual([1, 2])
})
