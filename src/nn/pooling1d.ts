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
import { maxText, type Pooled, Pooling, windowText } from './pooling.js'

/**
 * The largest value in each window: [N, C, L] → [N, C, L'], with `returnIndices` a pair of it and the places.
 * https://pytorch.org/docs/stable/generated/torch.nn.MaxPool1d.html
 */
export class MaxPool1d<Indices extends boolean = false> extends Pooling<
  number,
  MaxPool1dOptions,
  Pooled<Indices>
> {
  /**
   * @param kernelSize the window
   * @param options stride, padding, dilation, ceilMode and returnIndices
   * @throws {ArgumentError} for an unknown option, a size below 1, or a padding of more than half the window
   */
  constructor(kernelSize: number, options: MaxPool1dOptions & { returnIndices?: Indices } = {}) {
    super(kernelSize, options)
    checkOptions('MaxPool1d', options, MAX_POOL_OPTIONS)
    pool1dOptions('MaxPool1d', kernelSize, options)
  }

  protected override pool(x: Tensor): unknown {
    return maxPool1d(x, this.kernelSize, this.options)
  }

  override extraRepr(): string {
    return windowText(this) + maxText(this.options)
  }
}

/**
 * The mean of each window: [N, C, L] → [N, C, L'].
 * https://pytorch.org/docs/stable/generated/torch.nn.AvgPool1d.html
 */
export class AvgPool1d extends Pooling<number, AvgPool1dOptions> {
  /**
   * @param kernelSize the window
   * @param options stride, padding and how the border counts
   * @throws {ArgumentError} for an unknown option, a size below 1, or a padding of more than half the window
   */
  constructor(kernelSize: number, options: AvgPool1dOptions = {}) {
    super(kernelSize, options)
    checkOptions('AvgPool1d', options, AVG_POOL1D_OPTIONS)
    pool1dOptions('AvgPool1d', kernelSize, options)
  }

  protected override pool(x: Tensor): unknown {
    return avgPool1d(x, this.kernelSize, this.options)
  }

  override extraRepr(): string {
    const { stride = this.kernelSize, padding = 0 } = this.options
    return `kernelSize=[${this.kernelSize}], stride=[${stride}], padding=[${padding}]`
  }
}
