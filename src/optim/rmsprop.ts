import { needWhole } from '../bindings/whole.js'
import { rmspropStep } from '../bindings/whole-kernels.generated.js'
import { zeros } from '../tensor/create.js'
import type { Tensor } from '../tensor/tensor.js'
import { Optimizer } from './optimizer.js'
import { type Definition, flag, notNegative } from './option.js'
import type { ParamGroup, Params } from './param-group.js'

/** Options of RMSprop. */
export interface RMSpropOptions {
  /** Learning rate. Default 1e-2. */
  lr?: number
  /** Decay of the running mean of the squared gradient. Default 0.99. */
  alpha?: number
  /** Added to the denominator. Default 1e-8. */
  eps?: number
  /** Weight of the L2 penalty, added to the gradient. Default 0. */
  weightDecay?: number
  /** Share of the last step that is kept. Default 0. */
  momentum?: number
  /** Whether to divide by the estimated variance of the gradient, not by its mean square. Default false. */
  centered?: boolean
  /** Climbs instead of descending. Default false. */
  maximize?: boolean
}

type Options = Required<RMSpropOptions>
type State = { step: number; square_avg: Tensor; momentum_buffer?: Tensor; grad_avg?: Tensor }

const DEFINITION: Definition<Options> = {
  name: 'RMSprop',
  options: {
    lr: notNegative(1e-2),
    alpha: notNegative(0.99),
    eps: notNegative(1e-8),
    weightDecay: notNegative(0),
    momentum: notNegative(0),
    centered: flag(false),
    maximize: flag(false),
  },
  state: { step: 'number', square_avg: 'tensor', momentum_buffer: 'tensor', grad_avg: 'tensor' },
  needs: ({ momentum, centered }) => [
    ...['step', 'square_avg'],
    ...(momentum > 0 ? ['momentum_buffer'] : []),
    ...(centered ? ['grad_avg'] : []),
  ],
}

/**
 * Divides each gradient by the root of the running mean of its square (Hinton, 2012; centred: Graves, 2013).
 * https://pytorch.org/docs/stable/generated/torch.optim.RMSprop.html
 */
export class RMSprop extends Optimizer<Options, State> {
  /**
   * @param parameters those of a net, `net.parameters()`, or groups, `[{ params, lr }, { params }]`
   * @throws {ArgumentError} for no parameters, or an option that is unknown or out of range
   * @throws {InitError} where `init` loaded the binary without its kernel, see `kernels` there
   */
  constructor(parameters: Params<RMSpropOptions>, options: RMSpropOptions = {}) {
    needWhole('optim.RMSprop')
    super(DEFINITION, parameters, options)
  }

  protected override keep(
    { momentum, centered }: ParamGroup<Options>,
    { shape }: Tensor,
    state: State = { step: 0, square_avg: zeros(shape) },
  ): State {
    if (momentum > 0) state.momentum_buffer ??= zeros(shape)
    if (centered) state.grad_avg ??= zeros(shape)
    return state
  }

  protected override update(
    { lr, alpha, eps, weightDecay, momentum, centered, maximize }: ParamGroup<Options>,
    parameter: Tensor,
    gradient: Tensor,
    state: State | undefined,
  ): void {
    if (!state) return
    state.step++
    rmspropStep({
      p: parameter.storage,
      g: gradient.storage,
      v: state.square_avg.storage,
      mean: centered ? state.grad_avg?.storage : undefined,
      momentumBuffer: momentum > 0 ? state.momentum_buffer?.storage : undefined,
      lr,
      alpha,
      eps,
      weightDecay,
      momentum,
      maximize,
    })
  }
}
