/** Pooling layers of sequences. */
import { MAX_POOL_OPTIONS } from '../autograd/ops/max-pool2d.js'
import {
  AVG_POOL1D_OPTIONS,
  type AvgPool1dOptions,
  avgPool1d,
  type MaxPool1dOptions,
  maxPool1d,
  pool1dOptions,
} from '../autograd/ops/pool1d.js'
import { checkOptions } from '../check.js'
import type { Tensor } from '../tensor/tensor.js'
import { Module } from './module.js'

/**
 * The largest value in each window: [N, C, L] → [N, C, L'].
 * https://pytorch.org/docs/stable/generated/torch.nn.MaxPool1d.html
 */
export class MaxPool1d extends Module {
  /**
   * @param kernelSize the window
   * @param options stride, padding, dilation and ceilMode
   * @throws {ArgumentError} for an unknown option, a size below 1, or a padding of more than half the window
   */
  constructor(
    readonly kernelSize: number,
    readonly options: MaxPool1dOptions = {},
  ) {
    super()
    checkOptions('MaxPool1d', options, MAX_POOL_OPTIONS)
    pool1dOptions('MaxPool1d', kernelSize, options)
  }

  /** `maxPool1d(x, kernelSize, options)`. @throws {ShapeError} for an input that is not 3-D, or a window that does not fit */
  override forward(x: Tensor): Tensor {
    return maxPool1d(x, this.kernelSize, this.options)
  }

  /** @internal */
  override get libraryForward(): unknown {
    return MaxPool1d.prototype.forward
  }

  override extraRepr(): string {
    const { stride = this.kernelSize, padding = 0, dilation = 1, ceilMode = false } = this.options
    return `kernelSize=${this.kernelSize}, stride=${stride}, padding=${padding}, dilation=${dilation}, ceilMode=${ceilMode}`
  }
}

/**
 * The mean of each window: [N, C, L] → [N, C, L'].
 * https://pytorch.org/docs/stable/generated/torch.nn.AvgPool1d.html
 */
export class AvgPool1d extends Module {
  /**
   * @param kernelSize the window
   * @param options stride, padding and how the border counts
   * @throws {ArgumentError} for an unknown option, a size below 1, or a padding of more than half the window
   */
  constructor(
    readonly kernelSize: number,
    readonly options: AvgPool1dOptions = {},
  ) {
    super()
    checkOptions('AvgPool1d', options, AVG_POOL1D_OPTIONS)
    pool1dOptions('AvgPool1d', kernelSize, options)
  }

  /** `avgPool1d(x, kernelSize, options)`. @throws {ShapeError} for an input that is not 3-D, or a window that does not fit */
  override forward(x: Tensor): Tensor {
    return avgPool1d(x, this.kernelSize, this.options)
  }

  /** @internal */
  override get libraryForward(): unknown {
    return AvgPool1d.prototype.forward
  }

  override extraRepr(): string {
    const { stride = this.kernelSize, padding = 0 } = this.options
    return `kernelSize=[${this.kernelSize}], stride=[${stride}], padding=[${padding}]`
  }
}
