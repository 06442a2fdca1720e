import { needWhole } from '../bindings/whole.js'
import { adagradStep } from '../bindings/whole-kernels.generated.js'
import { full } from '../tensor/create.js'
import type { Tensor } from '../tensor/tensor.js'
import { Optimizer } from './optimizer.js'
import { type Definition, flag, notNegative } from './option.js'
import type { ParamGroup, Params } from './param-group.js'

/** Options of Adagrad. */
export interface AdagradOptions {
  /** Learning rate. Default 1e-2. */
  lr?: number
  /** By how much the learning rate falls: step t has lr / (1 + (t − 1) · lrDecay). Default 0. */
  lrDecay?: number
  /** Weight of the L2 penalty, added to the gradient. Default 0. */
  weightDecay?: number
  /** What the sums of the squared gradients begin with. Default 0. */
  initialAccumulatorValue?: number
  /** Added to the denominator. Default 1e-10. */
  eps?: number
  /** Climbs instead of descending. Default false. */
  maximize?: boolean
}

type Options = Required<AdagradOptions>
type State = { step: number; sum: Tensor }

const DEFINITION: Definition<Options> = {
  name: 'Adagrad',
  options: {
    lr: notNegative(1e-2),
    lrDecay: notNegative(0),
    eps: notNegative(1e-10),
    weightDecay: notNegative(0),
    initialAccumulatorValue: notNegative(0),
    maximize: flag(false),
  },
  state: { step: 'number', sum: 'tensor' },
  needs: () => ['step', 'sum'],
}

/**
 * Divides each gradient by the root of the sum of all its squares so far (Duchi et al., 2011).
 * https://pytorch.org/docs/stable/generated/torch.optim.Adagrad.html
 */
export class Adagrad extends Optimizer<Options, State> {
  /**
   * @param parameters those of a net, `net.parameters()`, or groups, `[{ params, lr }, { params }]`
   * @throws {ArgumentError} for no parameters, or an option that is unknown or out of range
   * @throws {InitError} where `init` loaded the binary without its kernel, see `kernels` there
   */
  constructor(parameters: Params<AdagradOptions>, options: AdagradOptions = {}) {
    needWhole('optim.Adagrad')
    super(DEFINITION, parameters, options)
  }

  protected override keep(
    { initialAccumulatorValue }: ParamGroup<Options>,
    { shape }: Tensor,
    state: State = { step: 0, sum: full(shape, initialAccumulatorValue) },
  ): State {
    return state
  }

  protected override update(
    { lr, lrDecay, eps, weightDecay, maximize }: ParamGroup<Options>,
    parameter: Tensor,
    gradient: Tensor,
    state: State | undefined,
  ): void {
    if (!state) return
    state.step++
    adagradStep({
      p: parameter.storage,
      g: gradient.storage,
      sum: state.sum.storage,
      lr,
      lrDecay,
      eps,
      weightDecay,
      maximize,
      step: state.step,
    })
  }
}
