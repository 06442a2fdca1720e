/** Max pooling of images. */
import { setFuse } from '../autograd/fuse.js'
import { fuseByTable } from '../autograd/fusions.js'
import { MAX_POOL_OPTIONS, type MaxPool2dOptions, maxPool2d } from '../autograd/ops/max-pool2d.js'
import { checkBoolean, checkOptions, type Pair, pair } from '../check.js'
import type { Tensor } from '../tensor/tensor.js'
import { pairText } from './layer.js'
import { Module } from './module.js'
import { checkWindow, windowText } from './window.js'

/**
 * The largest value in each window: [N, C, H, W] → [N, C, H', W'].
 * https://pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html
 */
export class MaxPool2d extends Module {
  /**
   * @param kernelSize the window: a number, or [height, width]
   * @param options stride, padding, dilation and ceilMode
   * @throws {ArgumentError} for an unknown option, or a size below 1
   */
  constructor(
    readonly kernelSize: Pair,
    readonly options: MaxPool2dOptions = {},
  ) {
    super()
    checkOptions('MaxPool2d', options, MAX_POOL_OPTIONS)
    checkWindow('MaxPool2d', kernelSize, options)
    const { dilation = 1, ceilMode = false } = options
    pair('MaxPool2d', 'dilation', dilation, 1)
    checkBoolean('MaxPool2d', 'ceilMode', ceilMode)
    setFuse(fuseByTable)
  }

  /**
   * `maxPool2d(x, kernelSize, options)`.
   * @throws {ShapeError} for an input that is not 4-D, or a window that does not fit
   * @throws {ArgumentError} for a padding of more than half the window
   */
  override forward(x: Tensor): Tensor {
    return maxPool2d(x, this.kernelSize, this.options)
  }

  /** @internal */
  override get libraryForward(): unknown {
    return MaxPool2d.prototype.forward
  }

  override extraRepr(): string {
    const { dilation = 1, ceilMode = false } = this.options
    const more = `dilation=${pairText(dilation)}, ceilMode=${ceilMode}`
    return `${windowText(this.kernelSize, this.options)}, ${more}`
  }
}
