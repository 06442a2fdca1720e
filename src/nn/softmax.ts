/** Softmax and its logarithm as layers. */
import { logSoftmax, softmax } from '../autograd/ops/softmax.js'
import { checkNumber } from '../check.js'
import type { Tensor } from '../tensor/tensor.js'
import { Module } from './module.js'

/** `eˣ / Σ eˣ` over a dimension. https://pytorch.org/docs/stable/generated/torch.nn.Softmax.html */
export class Softmax extends Module {
  /**
   * @param dim the dimension, −1 being the last; unlike PyTorch's it has to be given
   * @throws {ArgumentError} for what is no whole number
   */
  constructor(readonly dim: number) {
    super()
    checkNumber('Softmax', 'dim', dim, { whole: true })
  }

  /** `softmax(x, dim)`. @throws {ArgumentError} for a dimension that is not there */
  override forward(x: Tensor): Tensor {
    return softmax(x, this.dim)
  }

  /** @internal */
  override get libraryForward(): unknown {
    return Softmax.prototype.forward
  }

  override extraRepr(): string {
    return `dim=${this.dim}`
  }
}

/** `x − ln Σ eˣ` over a dimension. https://pytorch.org/docs/stable/generated/torch.nn.LogSoftmax.html */
export class LogSoftmax extends Module {
  /**
   * @param dim the dimension, −1 being the last; unlike PyTorch's it has to be given
   * @throws {ArgumentError} for what is no whole number
   */
  constructor(readonly dim: number) {
    super()
    checkNumber('LogSoftmax', 'dim', dim, { whole: true })
  }

  /** `logSoftmax(x, dim)`. @throws {ArgumentError} for a dimension that is not there */
  override forward(x: Tensor): Tensor {
    return logSoftmax(x, this.dim)
  }

  /** @internal */
  override get libraryForward(): unknown {
    return LogSoftmax.prototype.forward
  }

  override extraRepr(): string {
    return `dim=${this.dim}`
  }
}
