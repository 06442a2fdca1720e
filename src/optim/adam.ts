import { adamStep } from '../bindings/kernels.generated.js'
import { checkNumber, checkOptions, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { zeros } from '../tensor/create.js'
import type { Tensor } from '../tensor/tensor.js'
import { Optimizer, touch } from './optimizer.js'

/** Options of Adam and AdamW. */
export interface AdamOptions {
  /** Learning rate. Default 1e-3. */
  lr?: number
  /** Decay of the running means of the gradient and of its square. Default [0.9, 0.999]. */
  betas?: readonly [number, number]
  /** Added to the denominator. Default 1e-8. */
  eps?: number
  /** Adam: weight of the L2 penalty, default 0. AdamW: decay of the weights themselves, default 0.01. */
  weightDecay?: number
}

interface State {
  mean: Tensor
  square: Tensor
  step: number
}

class AdamFamily extends Optimizer {
  /** Decay of the running means of the gradient and of its square. */
  readonly betas: readonly [number, number]
  /** Added to the denominator. */
  readonly eps: number
  /** The L2 penalty's weight (Adam), or the decay of the weights (AdamW). */
  readonly weightDecay: number
  readonly #decoupled: boolean
  readonly #state = new Map<Tensor, State>()

  constructor(name: string, parameters: Iterable<Tensor>, options: AdamOptions, decoupled: boolean) {
    checkOptions(name, options, ['lr', 'betas', 'eps', 'weightDecay'])
    super(name, parameters, options.lr ?? 1e-3)
    this.#decoupled = decoupled
    this.betas = options.betas ?? [0.9, 0.999]
    this.eps = options.eps ?? 1e-8
    this.weightDecay = options.weightDecay ?? (decoupled ? 0.01 : 0)
    if (!Array.isArray(this.betas) || this.betas.length !== 2) {
      throw new ArgumentError(
        `${name}: betas are two numbers, such as [0.9, 0.999], got ${kindOf(this.betas)}`,
      )
    }
    for (const beta of this.betas) checkNumber(name, 'betas: each', beta, { least: 0, below: 1 })
    checkNumber(name, 'eps', this.eps, { least: 0 })
    checkNumber(name, 'weightDecay', this.weightDecay, { least: 0 })
  }

  protected override prepare(parameter: Tensor, gradient: Tensor): void {
    touch(parameter)
    touch(gradient)
    let state = this.#state.get(parameter)
    if (!state) {
      state = { mean: zeros(parameter.shape), square: zeros(parameter.shape), step: 0 }
      this.#state.set(parameter, state)
    }
    touch(state.mean)
    touch(state.square)
  }

  protected override update(parameter: Tensor, gradient: Tensor): void {
    const state = this.#state.get(parameter)
    if (!state) return
    state.step++
    adamStep({
      p: parameter.storage,
      g: gradient.storage,
      m: state.mean.storage,
      v: state.square.storage,
      lr: this.lr,
      beta1: this.betas[0],
      beta2: this.betas[1],
      eps: this.eps,
      weightDecay: this.weightDecay,
      decoupled: this.#decoupled,
      step: state.step,
    })
  }
}

/** Adam (Kingma and Ba, 2014). https://pytorch.org/docs/stable/generated/torch.optim.Adam.html */
export class Adam extends AdamFamily {
  /**
   * @param parameters those of a net: `net.parameters()`
   * @throws {ArgumentError} for no parameters, or an option that is unknown or out of range
   */
  constructor(parameters: Iterable<Tensor>, options: AdamOptions = {}) {
    super('Adam', parameters, options, false)
  }
}

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter, 2017).
 * https://pytorch.org/docs/stable/generated/torch.optim.AdamW.html
 */
export class AdamW extends AdamFamily {
  /**
   * @param parameters those of a net: `net.parameters()`
   * @throws {ArgumentError} for no parameters, or an option that is unknown or out of range
   */
  constructor(parameters: Iterable<Tensor>, options: AdamOptions = {}) {
    super('AdamW', parameters, options, true)
  }
}
