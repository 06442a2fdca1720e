/** Average pooling of images. */
import { type AvgPool2dOptions, avgPool2d } from '../autograd/ops/avg-pool2d.js'
import { checkOptions, type Pair } from '../check.js'
import type { Tensor } from '../tensor/tensor.js'
import { Module } from './module.js'
import { checkWindow, windowText } from './window.js'

/**
 * The mean of each window: [N, C, H, W] → [N, C, H', W'].
 * https://pytorch.org/docs/stable/generated/torch.nn.AvgPool2d.html
 */
export class AvgPool2d extends Module {
  /**
   * @param kernelSize the window: a number, or [height, width]
   * @param options stride, padding and how the border counts
   * @throws {ArgumentError} for an unknown option, or a size below 1
   */
  constructor(
    readonly kernelSize: Pair,
    readonly options: AvgPool2dOptions = {},
  ) {
    super()
    checkOptions('AvgPool2d', options, [
      'stride',
      'padding',
      'ceilMode',
      'countIncludePad',
      'divisorOverride',
    ])
    checkWindow('AvgPool2d', kernelSize, options)
  }

  /**
   * `avgPool2d(x, kernelSize, options)`.
   * @throws {ShapeError} for an input that is not 4-D, or a window that does not fit
   * @throws {ArgumentError} for a padding of more than half the window
   */
  override forward(x: Tensor): Tensor {
    return avgPool2d(x, this.kernelSize, this.options)
  }

  /** @internal */
  override get libraryForward(): unknown {
    return AvgPool2d.prototype.forward
  }

  override extraRepr(): string {
    return windowText(this.kernelSize, this.options)
  }
}
