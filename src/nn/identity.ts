import { checkTensor } from '../autograd/arguments.js'
import type { Tensor } from '../tensor/tensor.js'
import { Module } from './module.js'

/** Gives its input: a place that may be filled. https://pytorch.org/docs/stable/generated/torch.nn.Identity.html */
export class Identity extends Module {
  /** @param _ whatever the layer in whose place it stands takes: it is not looked at */
  constructor(..._: unknown[]) {
    super()
  }

  /** `x` itself, of any shape. @throws {ArgumentError} for what is no tensor */
  override forward(x: Tensor): Tensor {
    checkTensor('Identity', 'input', x)
    return x
  }

  /** @internal */
  override get libraryForward(): unknown {
    return Identity.prototype.forward
  }
}
