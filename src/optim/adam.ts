import { adamStep } from '../bindings/kernels.generated.js'
import { zeros } from '../tensor/create.js'
import type { Tensor } from '../tensor/tensor.js'
import { Optimizer } from './optimizer.js'
import { betas, type Definition, flag, notNegative } from './option.js'
import type { ParamGroup, Params } from './param-group.js'

/** Options of AdamW. */
export interface AdamWOptions {
  /** Learning rate. Default 1e-3. */
  lr?: number
  /** Decay of the running means of the gradient and of its square. Default [0.9, 0.999]. */
  betas?: readonly [number, number]
  /** Added to the denominator. Default 1e-8. */
  eps?: number
  /** Adam: weight of the L2 penalty, default 0. AdamW: decay of the weights themselves, default 0.01. */
  weightDecay?: number
  /** Whether the largest mean of the squares so far is what is divided by (Reddi et al., 2018). Default false. */
  amsgrad?: boolean
  /** Climbs instead of descending. Default false. */
  maximize?: boolean
}

/** Options of Adam. */
export interface AdamOptions extends AdamWOptions {
  /** Whether `weightDecay` decays the weights themselves, as AdamW does. Default false. */
  decoupledWeightDecay?: boolean
}

type WOptions = Required<AdamWOptions>
type State = { step: number; exp_avg: Tensor; exp_avg_sq: Tensor; max_exp_avg_sq?: Tensor }

const STATE = {
  state: { step: 'number', exp_avg: 'tensor', exp_avg_sq: 'tensor', max_exp_avg_sq: 'tensor' },
  needs: ({ amsgrad }: WOptions) => [
    ...['step', 'exp_avg', 'exp_avg_sq'],
    ...(amsgrad ? ['max_exp_avg_sq'] : []),
  ],
} as const

const OPTIONS = {
  lr: notNegative(1e-3),
  betas,
  eps: notNegative(1e-8),
  amsgrad: flag(false),
  maximize: flag(false),
}

const ADAM: Definition<Required<AdamOptions>> = {
  name: 'Adam',
  options: { ...OPTIONS, weightDecay: notNegative(0), decoupledWeightDecay: flag(false) },
  ...STATE,
}

const ADAMW: Definition<WOptions> = {
  name: 'AdamW',
  options: { ...OPTIONS, weightDecay: notNegative(0.01) },
  constants: { decoupled_weight_decay: true },
  ...STATE,
}

abstract class AdamFamily<O extends WOptions> extends Optimizer<O, State> {
  /** Decay of the running means of the gradient and of its square, in the first group. */
  get betas(): readonly [number, number] {
    return this.paramGroups[0].betas
  }

  /** Added to the denominator, in the first group. */
  get eps(): number {
    return this.paramGroups[0].eps
  }

  /** The L2 penalty's weight (Adam), or the decay of the weights (AdamW), in the first group. */
  get weightDecay(): number {
    return this.paramGroups[0].weightDecay
  }

  /** Whether a group's decay is that of the weights themselves. */
  protected abstract decoupled(group: O): boolean

  protected override keep(
    { amsgrad }: ParamGroup<O>,
    { shape }: Tensor,
    state: State = { step: 0, exp_avg: zeros(shape), exp_avg_sq: zeros(shape) },
  ): State {
    if (amsgrad) state.max_exp_avg_sq ??= zeros(shape)
    return state
  }

  protected override update(
    group: ParamGroup<O>,
    parameter: Tensor,
    gradient: Tensor,
    state: State | undefined,
  ): void {
    if (!state) return
    state.step++
    const { lr, betas, eps, weightDecay, amsgrad, maximize } = group
    adamStep({
      p: parameter.storage,
      g: gradient.storage,
      m: state.exp_avg.storage,
      v: state.exp_avg_sq.storage,
      largest: amsgrad ? state.max_exp_avg_sq?.storage : undefined,
      lr,
      beta1: betas[0],
      beta2: betas[1],
      eps,
      weightDecay,
      decoupled: this.decoupled(group),
      maximize,
      step: state.step,
    })
  }
}

/** Adam (Kingma and Ba, 2014). https://pytorch.org/docs/stable/generated/torch.optim.Adam.html */
export class Adam extends AdamFamily<Required<AdamOptions>> {
  /**
   * @param parameters those of a net, `net.parameters()`, or groups, `[{ params, lr }, { params }]`
   * @throws {ArgumentError} for no parameters, or an option that is unknown or out of range
   */
  constructor(parameters: Params<AdamOptions>, options: AdamOptions = {}) {
    super(ADAM, parameters, options)
  }

  protected override decoupled({ decoupledWeightDecay }: Required<AdamOptions>): boolean {
    return decoupledWeightDecay
  }
}

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter, 2017).
 * https://pytorch.org/docs/stable/generated/torch.optim.AdamW.html
 */
export class AdamW extends AdamFamily<WOptions> {
  /**
   * @param parameters those of a net, `net.parameters()`, or groups, `[{ params, weightDecay: 0 }, { params }]`
   * @throws {ArgumentError} for no parameters, or an option that is unknown or out of range
   */
  constructor(parameters: Params<AdamWOptions>, options: AdamWOptions = {}) {
    super(ADAMW, parameters, options)
  }

  protected override decoupled(): boolean {
    return true
  }
}
