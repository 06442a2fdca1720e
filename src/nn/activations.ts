/** The activations: each a line here, and a line of the table in crates/bnkernels/src/tables.rs. */
import { gelu, relu } from '../autograd/ops/unary.generated.js'
import type { Tensor } from '../tensor/tensor.js'
import { Module } from './module.js'

/** A layer that applies an elementwise function. */
interface Activation extends Module {
  /** The function of each element of `x`, of any shape. @throws {ArgumentError} for what is no tensor */
  forward(x: Tensor): Tensor
}

function activation(apply: (x: Tensor) => Tensor): new () => Activation {
  return class Elementwise extends Module {
    override forward(x: Tensor): Tensor {
      return apply(x)
    }

    /** @internal */
    override get libraryForward(): unknown {
      return Elementwise.prototype.forward
    }
  }
}

/** `max(x, 0)`. https://pytorch.org/docs/stable/generated/torch.nn.ReLU.html */
export class ReLU extends activation(relu) {}
/** `x · Φ(x)`, Φ being the normal distribution's. https://pytorch.org/docs/stable/generated/torch.nn.GELU.html */
export class GELU extends activation(gelu) {}
