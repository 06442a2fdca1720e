/** Pooling layers to a size of the output's. */
import {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  checkOutputSize1d,
  type OutputSize,
  outputSizes,
} from '../autograd/ops/adaptive-pool.js'
import type { Tensor } from '../tensor/tensor.js'
import { Module } from './module.js'

const sizeText = (size: OutputSize) =>
  Array.isArray(size) ? `[${size.map(String).join(', ')}]` : String(size)

/**
 * The mean of windows that share out the image: [N, C, H, W] → [N, C, H', W'].
 * https://pytorch.org/docs/stable/generated/torch.nn.AdaptiveAvgPool2d.html
 */
export class AdaptiveAvgPool2d extends Module {
  /**
   * @param outputSize H' and W', or one number for both; null keeps the input's size
   * @throws {ArgumentError} for what is no size
   */
  constructor(readonly outputSize: OutputSize) {
    super()
    outputSizes('AdaptiveAvgPool2d', outputSize)
  }

  /** `adaptiveAvgPool2d(x, outputSize)`. @throws {ShapeError} for an input that is not 4-D, or has no pixels */
  override forward(x: Tensor): Tensor {
    return adaptiveAvgPool2d(x, this.outputSize)
  }

  /** @internal */
  override get libraryForward(): unknown {
    return AdaptiveAvgPool2d.prototype.forward
  }

  override extraRepr(): string {
    return `outputSize=${sizeText(this.outputSize)}`
  }
}

/**
 * The mean of windows that share out the sequence: [N, C, L] → [N, C, L'].
 * https://pytorch.org/docs/stable/generated/torch.nn.AdaptiveAvgPool1d.html
 */
export class AdaptiveAvgPool1d extends Module {
  /**
   * @param outputSize L'; null keeps the input's size
   * @throws {ArgumentError} for what is no size
   */
  constructor(readonly outputSize: number | null) {
    super()
    checkOutputSize1d('AdaptiveAvgPool1d', outputSize)
  }

  /** `adaptiveAvgPool1d(x, outputSize)`. @throws {ShapeError} for an input that is not 3-D, or has no elements */
  override forward(x: Tensor): Tensor {
    return adaptiveAvgPool1d(x, this.outputSize)
  }

  /** @internal */
  override get libraryForward(): unknown {
    return AdaptiveAvgPool1d.prototype.forward
  }

  override extraRepr(): string {
    return `outputSize=${this.outputSize}`
  }
}
