import { needWhole } from '../bindings/whole.js'
import { nadamStep } from '../bindings/whole-kernels.generated.js'
import { full, zeros } from '../tensor/create.js'
import type { Tensor } from '../tensor/tensor.js'
import { Optimizer } from './optimizer.js'
import { betas, type Definition, flag, notNegative } from './option.js'
import type { ParamGroup, Params } from './param-group.js'

/** Options of NAdam. */
export interface NAdamOptions {
  /** Learning rate. Default 2e-3. */
  lr?: number
  /** Decay of the running means of the gradient and of its square. Default [0.9, 0.999]. */
  betas?: readonly [number, number]
  /** Added to the denominator. Default 1e-8. */
  eps?: number
  /** Weight of the L2 penalty, or decay of the weights themselves. Default 0. */
  weightDecay?: number
  /** How fast the momentum comes to betas[0]. Default 4e-3. */
  momentumDecay?: number
  /** Whether `weightDecay` decays the weights themselves, as AdamW does. Default false. */
  decoupledWeightDecay?: boolean
  /** Climbs instead of descending. Default false. */
  maximize?: boolean
}

type Options = Required<NAdamOptions>
/** The product of the momenta so far is a float32, as PyTorch's. */
type State = { step: number; mu_product: Tensor; exp_avg: Tensor; exp_avg_sq: Tensor }

const DEFINITION: Definition<Options> = {
  name: 'NAdam',
  options: {
    lr: notNegative(2e-3),
    betas,
    eps: notNegative(1e-8),
    weightDecay: notNegative(0),
    momentumDecay: notNegative(4e-3),
    decoupledWeightDecay: flag(false),
    maximize: flag(false),
  },
  state: { step: 'number', mu_product: 'scalar', exp_avg: 'tensor', exp_avg_sq: 'tensor' },
  needs: () => ['step', 'mu_product', 'exp_avg', 'exp_avg_sq'],
}

/**
 * Adam with Nesterov's momentum (Dozat, 2016).
 * https://pytorch.org/docs/stable/generated/torch.optim.NAdam.html
 */
export class NAdam extends Optimizer<Options, State> {
  /**
   * @param parameters those of a net, `net.parameters()`, or groups, `[{ params, lr }, { params }]`
   * @throws {ArgumentError} for no parameters, or an option that is unknown or out of range
   * @throws {InitError} where `init` loaded the binary without its kernel, see `kernels` there
   */
  constructor(parameters: Params<NAdamOptions>, options: NAdamOptions = {}) {
    needWhole('optim.NAdam')
    super(DEFINITION, parameters, options)
  }

  protected override keep(
    _: ParamGroup<Options>,
    { shape }: Tensor,
    state: State = { step: 0, mu_product: full([], 1), exp_avg: zeros(shape), exp_avg_sq: zeros(shape) },
  ): State {
    return state
  }

  protected override update(
    { lr, betas, eps, weightDecay, momentumDecay, decoupledWeightDecay, maximize }: ParamGroup<Options>,
    parameter: Tensor,
    gradient: Tensor,
    state: State | undefined,
  ): void {
    if (!state) return
    state.step++
    nadamStep({
      p: parameter.storage,
      g: gradient.storage,
      m: state.exp_avg.storage,
      v: state.exp_avg_sq.storage,
      muProduct: state.mu_product.storage,
      lr,
      beta1: betas[0],
      beta2: betas[1],
      eps,
      weightDecay,
      momentumDecay,
      decoupled: decoupledWeightDecay,
      maximize,
      step: state.step,
    })
  }
}
