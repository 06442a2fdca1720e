/** The layers without parameters. */

import type { Pair } from '../autograd/ops/conv2d.js'
import { type CrossEntropyOptions, crossEntropy, type Labels } from '../autograd/ops/cross-entropy.js'
import { dropout } from '../autograd/ops/dropout.js'
import { type MaxPool2dOptions, maxPool2d } from '../autograd/ops/max-pool2d.js'
import { flatten } from '../autograd/ops/rearrange.js'
import { relu } from '../autograd/ops/unary.js'
import { checkOptions } from '../autograd/options.js'
import type { Tensor } from '../autograd/tensor.js'
import { ArgumentError } from '../errors.js'
import { Module } from './module.js'

/** `max(x, 0)`. https://pytorch.org/docs/stable/generated/torch.nn.ReLU.html */
export class ReLU extends Module {
  /** @internal */
  override readonly keepsNothing = this.forward === ReLU.prototype.forward

  /** `relu(x)`, of any shape. */
  override forward(x: Tensor): Tensor {
    return relu(x)
  }
}

/**
 * The largest value in each window: [N, C, H, W] → [N, C, H', W'].
 * https://pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html
 */
export class MaxPool2d extends Module {
  /** @internal */
  override readonly keepsNothing = this.forward === MaxPool2d.prototype.forward
  /** Whether the windows are 2 × 2, side by side. @internal */
  readonly halves: boolean

  /**
   * @param kernelSize the window: a number, or [height, width]
   * @param options stride and padding
   * @throws {ArgumentError} for an unknown option
   */
  constructor(
    readonly kernelSize: Pair,
    readonly options: MaxPool2dOptions = {},
  ) {
    super()
    checkOptions('MaxPool2d', options, ['stride', 'padding'])
    const { stride = kernelSize, padding = 0 } = options
    const is = (value: Pair, size: number) => [value].flat().every((v) => v === size)
    this.halves = is(kernelSize, 2) && is(stride, 2) && is(padding, 0)
  }

  /**
   * `maxPool2d(x, kernelSize, options)`.
   * @throws {ShapeError} for an input that is not 4-D, or a window that does not fit
   * @throws {ArgumentError} for a padding of more than half the window
   */
  override forward(x: Tensor): Tensor {
    return maxPool2d(x, this.kernelSize, this.options)
  }
}

/**
 * The dimensions from `startDim` to `endDim` joined into one.
 * https://pytorch.org/docs/stable/generated/torch.nn.Flatten.html
 */
export class Flatten extends Module {
  /** @internal */
  override readonly keepsNothing = this.forward === Flatten.prototype.forward

  /**
   * @param startDim the first, default 1
   * @param endDim the last, default −1
   */
  constructor(
    readonly startDim = 1,
    readonly endDim = -1,
  ) {
    super()
  }

  /** `flatten(x, startDim, endDim)`. @throws {ArgumentError} for a dimension that is not there */
  override forward(x: Tensor): Tensor {
    return flatten(x, this.startDim, this.endDim)
  }
}

/**
 * In training, elements are 0 with probability `p`, and the others scaled by 1 / (1 − p).
 * https://pytorch.org/docs/stable/generated/torch.nn.Dropout.html
 */
export class Dropout extends Module {
  /** @internal */
  override readonly keepsNothing = this.forward === Dropout.prototype.forward

  /**
   * @param p a probability from 0 to 1, default 0.5
   * @throws {ArgumentError} for another one
   */
  constructor(readonly p = 0.5) {
    super()
    if (!(p >= 0 && p <= 1)) throw new ArgumentError(`Dropout: p is a probability from 0 to 1, got ${p}`)
  }

  /** `dropout(x, p, training)`: in evaluation `x` itself. */
  override forward(x: Tensor): Tensor {
    return dropout(x, this.p, this.training)
  }
}

/**
 * Softmax and negative log-likelihood in one, of logits [N, classes] and N class indices.
 * https://pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html
 */
export class CrossEntropyLoss {
  /** As of a Module: `fit` may free at once what it was given. */
  readonly keepsNothing: boolean = this.forward === CrossEntropyLoss.prototype.forward

  /**
   * @param options the reduction, 'mean' by default
   * @throws {ArgumentError} for an unknown option
   */
  constructor(readonly options: CrossEntropyOptions = {}) {
    checkOptions('CrossEntropyLoss', options, ['reduction'])
  }

  /**
   * `crossEntropy(logits, labels, options)`.
   *
   * @param logits [N, classes]
   * @param labels N class indices
   * @returns the loss: [], or [N] with reduction 'none'
   * @throws {ShapeError} when the sizes do not fit
   * @throws {ArgumentError} for a label that is no class
   */
  forward(logits: Tensor, labels: Labels): Tensor {
    return crossEntropy(logits, labels, this.options)
  }
}
