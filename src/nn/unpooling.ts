/** The opposites of max pooling layers with `returnIndices`. */
import {
  type MaxUnpool1dOptions,
  type MaxUnpool2dOptions,
  maxUnpool1d,
  maxUnpool2d,
  unpoolSizes,
} from '../autograd/ops/max-pool-indices.js'
import { checkOptions, type Pair } from '../check.js'
import type { Tensor } from '../tensor/tensor.js'
import { pairText } from './layer.js'
import { Module } from './module.js'

type Inputs = [x: Tensor, indices: Tensor, outputSize?: readonly number[]]

abstract class Unpooling<Kernel extends Pair, Options extends MaxUnpool2dOptions> extends Module<
  Inputs,
  Tensor
> {
  constructor(
    name: string,
    /** The window. */
    readonly kernelSize: Kernel,
    /** As given. */
    readonly options: Omit<Options, 'outputSize'>,
  ) {
    super()
    checkOptions(name, options, ['stride', 'padding'])
    unpoolSizes(name, kernelSize, options)
  }

  /** @internal */
  protected abstract unpool(x: Tensor, indices: Tensor, more: object): Tensor

  /**
   * The function of the same name in `nn.functional`, with the window and the options.
   *
   * @param x what the pooling gave, or something of its shape
   * @param indices of the pooling
   * @param outputSize the pooling's input, [H, W] or all of its shape, where it has left a border out
   * @throws {ShapeError} for other shapes, or an `outputSize` that the pooling does not come from
   * @throws {ArgumentError} for an index that is no place of the plane
   */
  override forward(x: Tensor, indices: Tensor, outputSize?: readonly number[]): Tensor {
    return this.unpool(x, indices, { ...this.options, ...(outputSize && { outputSize }) })
  }

  /** @internal */
  override get libraryForward(): unknown {
    return Unpooling.prototype.forward
  }

  override extraRepr(): string {
    const { stride = this.kernelSize, padding = 0 } = this.options as MaxUnpool2dOptions
    return `kernelSize=${pairText(this.kernelSize)}, stride=${pairText(stride)}, padding=${pairText(padding)}`
  }
}

/**
 * Each value at its place in an image of zeros: [N, C, H, W] → [N, C, H', W'].
 * https://pytorch.org/docs/stable/generated/torch.nn.MaxUnpool2d.html
 */
export class MaxUnpool2d extends Unpooling<Pair, MaxUnpool2dOptions> {
  /**
   * @param kernelSize the pooling's window: a number, or [height, width]
   * @param options stride and padding
   * @throws {ArgumentError} for an unknown option, or a size below 1
   */
  constructor(kernelSize: Pair, options: Omit<MaxUnpool2dOptions, 'outputSize'> = {}) {
    super('MaxUnpool2d', kernelSize, options)
  }

  protected override unpool(x: Tensor, indices: Tensor, more: object): Tensor {
    return maxUnpool2d(x, indices, this.kernelSize, more)
  }
}

/**
 * Each value at its place in a sequence of zeros: [N, C, L] → [N, C, L'].
 * https://pytorch.org/docs/stable/generated/torch.nn.MaxUnpool1d.html
 */
export class MaxUnpool1d extends Unpooling<number, MaxUnpool1dOptions> {
  /**
   * @param kernelSize the pooling's window
   * @param options stride and padding
   * @throws {ArgumentError} for an unknown option, or a size below 1
   */
  constructor(kernelSize: number, options: Omit<MaxUnpool1dOptions, 'outputSize'> = {}) {
    super('MaxUnpool1d', kernelSize, options)
  }

  protected override unpool(x: Tensor, indices: Tensor, more: object): Tensor {
    return maxUnpool1d(x, indices, this.kernelSize, more)
  }
}
