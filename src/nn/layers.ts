/** Further layers without parameters. */
import { dropout } from '../autograd/ops/dropout.js'
import { flatten } from '../autograd/ops/rearrange.js'
import { checkNumber, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import type { Tensor } from '../tensor/tensor.js'
import { Module } from './module.js'

/**
 * The dimensions from `startDim` to `endDim` joined into one.
 * https://pytorch.org/docs/stable/generated/torch.nn.Flatten.html
 */
export class Flatten extends Module {
  /**
   * @param startDim the first, default 1
   * @param endDim the last, default −1
   * @throws {ArgumentError} for what is no whole number
   */
  constructor(
    readonly startDim = 1,
    readonly endDim = -1,
  ) {
    super()
    checkNumber('Flatten', 'startDim', startDim, { whole: true })
    checkNumber('Flatten', 'endDim', endDim, { whole: true })
  }

  /** `flatten(x, startDim, endDim)`. @throws {ArgumentError} for a dimension that is not there */
  override forward(x: Tensor): Tensor {
    return flatten(x, this.startDim, this.endDim)
  }

  /** @internal */
  override get libraryForward(): unknown {
    return Flatten.prototype.forward
  }

  override extraRepr(): string {
    return `startDim=${this.startDim}, endDim=${this.endDim}`
  }
}

/**
 * In training, elements are 0 with probability `p`, and the others scaled by 1 / (1 − p).
 * https://pytorch.org/docs/stable/generated/torch.nn.Dropout.html
 */
export class Dropout extends Module {
  /**
   * @param p a probability from 0 to 1, default 0.5
   * @throws {ArgumentError} for another one
   */
  constructor(readonly p = 0.5) {
    super()
    if (!(typeof p === 'number' && p >= 0 && p <= 1)) {
      throw new ArgumentError(`Dropout: p is a probability from 0 to 1, got ${kindOf(p)}`)
    }
  }

  /** `dropout(x, p, training)`: in evaluation `x` itself. */
  override forward(x: Tensor): Tensor {
    return dropout(x, this.p, this.training)
  }

  /** @internal */
  override get libraryForward(): unknown {
    return Dropout.prototype.forward
  }

  override extraRepr(): string {
    return `p=${this.p}`
  }
}
