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
  override readonly keepsNothing = this.forward === ReLU.prototype.forward

  override forward(x: Tensor): Tensor {
    return relu(x)
  }
}

/**
 * The largest value in each window: [N, C, H, W] → [N, C, H', W'].
 * https://pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html
 */
export class MaxPool2d extends Module {
  override readonly keepsNothing = this.forward === MaxPool2d.prototype.forward
  /** Whether the windows are 2 × 2, side by side. */
  readonly halves: boolean

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

  override forward(x: Tensor): Tensor {
    return maxPool2d(x, this.kernelSize, this.options)
  }
}

/**
 * The dimensions from `startDim` to `endDim` joined into one.
 * https://pytorch.org/docs/stable/generated/torch.nn.Flatten.html
 */
export class Flatten extends Module {
  override readonly keepsNothing = this.forward === Flatten.prototype.forward

  constructor(
    readonly startDim = 1,
    readonly endDim = -1,
  ) {
    super()
  }

  override forward(x: Tensor): Tensor {
    return flatten(x, this.startDim, this.endDim)
  }
}

/**
 * In training, elements are 0 with probability `p`, and the others scaled by 1 / (1 − p).
 * https://pytorch.org/docs/stable/generated/torch.nn.Dropout.html
 */
export class Dropout extends Module {
  override readonly keepsNothing = this.forward === Dropout.prototype.forward

  constructor(readonly p = 0.5) {
    super()
    if (!(p >= 0 && p <= 1)) throw new ArgumentError(`Dropout: p is a probability from 0 to 1, got ${p}`)
  }

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

  constructor(readonly options: CrossEntropyOptions = {}) {
    checkOptions('CrossEntropyLoss', options, ['reduction'])
  }

  forward(logits: Tensor, labels: Labels): Tensor {
    return crossEntropy(logits, labels, this.options)
  }
}
