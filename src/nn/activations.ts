/** The activations: each a line here, and a line of the table in crates/bnkernels/src/tables.rs. */
import { checkGelu, type GeluOptions, gelu } from '../autograd/ops/gelu.js'
import {
  type EluOptions,
  elu,
  hardswish,
  type LeakyReluOptions,
  leakyRelu,
  mish,
  relu,
  relu6,
  type SoftplusOptions,
  sigmoid,
  silu,
  softplus,
  tanh,
} from '../autograd/ops/unary.generated.js'
import { checkNumbers, type UnaryWith } from '../autograd/ops/unary.js'
import type { Tensor } from '../tensor/tensor.js'
import { numberText } from './layer.js'
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

/** A layer whose function takes numbers: they are its fields, as they are its options. */
type ActivationWith<O> = new (options?: O) => Activation & Readonly<Required<O>>

function activationWith<O extends object>(name: string, apply: UnaryWith<O>): ActivationWith<O> {
  class Elementwise extends Module {
    /** No #field: a net is copied by its fields. */
    readonly options: Readonly<Record<string, number>>

    constructor(options: O = {} as O) {
      super()
      checkNumbers(name, options, apply.defaults)
      const given = Object.entries(options).filter(([, value]) => value !== undefined)
      this.options = { ...apply.defaults, ...Object.fromEntries(given) }
      Object.assign(this, this.options)
    }

    override forward(x: Tensor): Tensor {
      return apply(x, this.options as O)
    }

    /** @internal */
    override get libraryForward(): unknown {
      return Elementwise.prototype.forward
    }

    override extraRepr(): string {
      const entries = Object.entries(this.options)
      return entries.map(([option, value]) => `${option}=${numberText(value)}`).join(', ')
    }
  }
  return Elementwise as unknown as ActivationWith<O>
}

/** `max(x, 0)`. https://pytorch.org/docs/stable/generated/torch.nn.ReLU.html */
export class ReLU extends activation(relu) {}
/** `min(max(x, 0), 6)`. https://pytorch.org/docs/stable/generated/torch.nn.ReLU6.html */
export class ReLU6 extends activation(relu6) {}
/** `1 / (1 + e⁻ˣ)`. https://pytorch.org/docs/stable/generated/torch.nn.Sigmoid.html */
export class Sigmoid extends activation(sigmoid) {}
/** The hyperbolic tangent. https://pytorch.org/docs/stable/generated/torch.nn.Tanh.html */
export class Tanh extends activation(tanh) {}
/** `x / (1 + e⁻ˣ)`, also called swish. https://pytorch.org/docs/stable/generated/torch.nn.SiLU.html */
export class SiLU extends activation(silu) {}
/** `x min(max(x + 3, 0), 6) / 6`. https://pytorch.org/docs/stable/generated/torch.nn.Hardswish.html */
export class Hardswish extends activation(hardswish) {}
/** `x tanh(ln(1 + eˣ))`. https://pytorch.org/docs/stable/generated/torch.nn.Mish.html */
export class Mish extends activation(mish) {}

/**
 * `x` above 0, `negativeSlope x` below; by default 0.01.
 * https://pytorch.org/docs/stable/generated/torch.nn.LeakyReLU.html
 */
export class LeakyReLU extends activationWith<LeakyReluOptions>('LeakyReLU', leakyRelu) {}
/** `x` above 0, `alpha (eˣ − 1)` below; by default 1. https://pytorch.org/docs/stable/generated/torch.nn.ELU.html */
export class ELU extends activationWith<EluOptions>('ELU', elu) {}
/**
 * `ln(1 + e^(beta x)) / beta`, and `x` where `beta x` is above `threshold`; by default 1 and 20.
 * https://pytorch.org/docs/stable/generated/torch.nn.Softplus.html
 */
export class Softplus extends activationWith<SoftplusOptions>('Softplus', softplus) {}

/** `x · Φ(x)`, Φ being the normal distribution's. https://pytorch.org/docs/stable/generated/torch.nn.GELU.html */
export class GELU extends Module {
  /** 'none' for the error function, 'tanh' for the formula that is near to it. */
  readonly approximate: 'none' | 'tanh'

  /**
   * @param options how Φ is computed
   * @throws {ArgumentError} for an option that is unknown, or none of its values
   */
  constructor(options: GeluOptions = {}) {
    super()
    checkGelu('GELU', options)
    this.approximate = options.approximate ?? 'none'
  }

  /** `gelu(x, { approximate })`, of any shape. @throws {ArgumentError} for what is no tensor */
  override forward(x: Tensor): Tensor {
    return gelu(x, { approximate: this.approximate })
  }

  /** @internal */
  override get libraryForward(): unknown {
    return GELU.prototype.forward
  }

  override extraRepr(): string {
    return `approximate='${this.approximate}'`
  }
}
