import { zeros } from '../autograd/create.js'
import { checkOptions } from '../autograd/options.js'
import type { Tensor } from '../autograd/tensor.js'
import { adamStep } from '../bindings/kernels.js'
import { atLeast, Optimizer } from './optimizer.js'

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
    for (const beta of this.betas) atLeast(name, 'betas', beta, 0, 1)
    atLeast(name, 'eps', this.eps, 0)
    atLeast(name, 'weightDecay', this.weightDecay, 0)
  }

  /** Changes every parameter that has a gradient, in place. */
  override step(): void {
    const { lr, eps, weightDecay } = this
    const decoupled = this.#decoupled
    const [beta1, beta2] = this.betas
    for (const parameter of this.parameters) {
      const gradient = parameter.ownGradient
      if (!gradient) continue
      const fresh = () => ({ mean: zeros(parameter.shape), square: zeros(parameter.shape), step: 0 })
      const state = this.#state.get(parameter) ?? fresh()
      this.#state.set(parameter, state)
      state.step++
      const scalars = { lr, beta1, beta2, eps, weightDecay, decoupled, step: state.step }
      adamStep(parameter.storage, gradient.storage, state.mean.storage, state.square.storage, scalars)
    }
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
