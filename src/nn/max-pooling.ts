/** Max pooling of images. */
import { setFuse } from '../autograd/fuse.js'
import { fuseByTable } from '../autograd/fusions.js'
import { MAX_POOL_OPTIONS, type MaxPool2dOptions, maxPool2d } from '../autograd/ops/max-pool2d.js'
import { checkBoolean, checkOptions, type Pair, pair } from '../check.js'
import type { Tensor } from '../tensor/tensor.js'
import { checkWindow, maxText, type Pooled, Pooling, windowText } from './pooling.js'

/**
 * The largest value in each window: [N, C, H, W] → [N, C, H', W'], with `returnIndices` a pair of it and the places, as
 * `MaxUnpool2d` takes them.
 * https://pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html
 */
export class MaxPool2d<Indices extends boolean = false> extends Pooling<
  Pair,
  MaxPool2dOptions,
  Pooled<Indices>
> {
  /**
   * @param kernelSize the window: a number, or [height, width]
   * @param options stride, padding, dilation, ceilMode and returnIndices
   * @throws {ArgumentError} for an unknown option, or a size below 1
   */
  constructor(kernelSize: Pair, options: MaxPool2dOptions & { returnIndices?: Indices } = {}) {
    super(kernelSize, options)
    checkOptions('MaxPool2d', options, MAX_POOL_OPTIONS)
    checkWindow('MaxPool2d', kernelSize, options)
    const { dilation = 1, ceilMode = false, returnIndices = false } = options
    pair('MaxPool2d', 'dilation', dilation, 1)
    checkBoolean('MaxPool2d', 'ceilMode', ceilMode)
    checkBoolean('MaxPool2d', 'returnIndices', returnIndices)
    setFuse(fuseByTable)
  }

  protected override pool(x: Tensor): unknown {
    return maxPool2d(x, this.kernelSize, this.options)
  }

  override extraRepr(): string {
    return windowText(this) + maxText(this.options)
  }
}
