import { sgdStep } from '../bindings/kernels.generated.js'
import { ArgumentError } from '../errors.js'
import { empty, type Tensor } from '../tensor/tensor.js'
import { Optimizer } from './optimizer.js'
import { type Definition, flag, notNegative } from './option.js'
import type { ParamGroup, Params } from './param-group.js'

/** Options of SGD. */
export interface SGDOptions {
  /** Learning rate. Default 1e-3. */
  lr?: number
  /** Share of the last step that is kept. Default 0. */
  momentum?: number
  /** How much of the gradient does not enter the momentum. Default 0. */
  dampening?: number
  /** Weight of the L2 penalty, added to the gradient. Default 0. */
  weightDecay?: number
  /** Nesterov's momentum; needs momentum > 0 and no dampening. Default false. */
  nesterov?: boolean
  /** Climbs instead of descending. Default false. */
  maximize?: boolean
}

type Options = Required<SGDOptions>
type State = { momentum_buffer: Tensor }

const DEFINITION: Definition<Options> = {
  name: 'SGD',
  options: {
    lr: notNegative(1e-3),
    momentum: notNegative(0),
    dampening: notNegative(0),
    weightDecay: notNegative(0),
    nesterov: flag(false),
    maximize: flag(false),
  },
  check(who, { nesterov, momentum, dampening }) {
    if (nesterov && (momentum === 0 || dampening !== 0)) {
      throw new ArgumentError(`${who}: nesterov needs a momentum above 0 and no dampening`)
    }
  },
  state: { momentum_buffer: 'tensor' },
  // PyTorch begins one where there is none.
  needs: () => [],
}

/**
 * Stochastic gradient descent: `g = gradient + weightDecay · p; b = momentum · b + (1 − dampening) · g` (the first
 * time `b = g`); `p = p − lr · b`, or with `nesterov` `p − lr · (g + momentum · b)`.
 * https://pytorch.org/docs/stable/generated/torch.optim.SGD.html
 */
export class SGD extends Optimizer<Options, State> {
  /** Buffers that no step has written yet. */
  readonly #unwritten = new WeakSet<Tensor>()

  /**
   * @param parameters those of a net, `net.parameters()`, or groups, `[{ params, lr }, { params }]`
   * @throws {ArgumentError} for no parameters, or an option that is unknown or out of range
   */
  constructor(parameters: Params<SGDOptions>, options: SGDOptions = {}) {
    super(DEFINITION, parameters, options)
  }

  /** Share of the last step that is kept, in the first group. */
  get momentum(): number {
    return this.paramGroups[0].momentum
  }

  /** How much of the gradient does not enter the momentum, in the first group. */
  get dampening(): number {
    return this.paramGroups[0].dampening
  }

  /** Weight of the L2 penalty, in the first group. */
  get weightDecay(): number {
    return this.paramGroups[0].weightDecay
  }

  /** Whether the momentum is Nesterov's, in the first group. */
  get nesterov(): boolean {
    return this.paramGroups[0].nesterov
  }

  protected override keep(
    { momentum }: ParamGroup<Options>,
    { shape }: Tensor,
    state: State | undefined,
  ): State | undefined {
    if (momentum === 0) return undefined
    if (state) return state
    const buffer = empty(shape, 'rows', 'leaf')
    this.#unwritten.add(buffer)
    return { momentum_buffer: buffer }
  }

  protected override update(
    { lr, momentum, dampening, weightDecay, nesterov, maximize }: ParamGroup<Options>,
    parameter: Tensor,
    gradient: Tensor,
    state: State | undefined,
  ): void {
    // One of a momentum that was switched off since stays as it is.
    const buffer = momentum === 0 ? undefined : state?.momentum_buffer
    const firstStep = buffer ? this.#unwritten.delete(buffer) : true
    sgdStep({
      p: parameter.storage,
      g: gradient.storage,
      momentumBuffer: buffer?.storage,
      lr,
      momentum,
      dampening,
      weightDecay,
      nesterov,
      maximize,
      firstStep,
    })
  }
}
