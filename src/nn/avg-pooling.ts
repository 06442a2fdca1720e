/** Average pooling of images. */
import { AVG_POOL_OPTIONS, type AvgPool2dOptions, avgPool2d } from '../autograd/ops/avg-pool2d.js'
import { checkOptions, type Pair } from '../check.js'
import type { Tensor } from '../tensor/tensor.js'
import { checkWindow, Pooling, windowText } from './pooling.js'

/**
 * The mean of each window: [N, C, H, W] → [N, C, H', W'].
 * https://pytorch.org/docs/stable/generated/torch.nn.AvgPool2d.html
 */
export class AvgPool2d extends Pooling<Pair, AvgPool2dOptions> {
  /**
   * @param kernelSize the window: a number, or [height, width]
   * @param options stride, padding and how the border counts
   * @throws {ArgumentError} for an unknown option, or a size below 1
   */
  constructor(kernelSize: Pair, options: AvgPool2dOptions = {}) {
    super(kernelSize, options)
    checkOptions('AvgPool2d', options, AVG_POOL_OPTIONS)
    checkWindow('AvgPool2d', kernelSize, options)
  }

  protected override pool(x: Tensor): unknown {
    return avgPool2d(x, this.kernelSize, this.options)
  }

  override extraRepr(): string {
    return windowText(this)
  }
}
