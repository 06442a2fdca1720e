import { sgdStep } from '../bindings/kernels.generated.js'
import { checkBoolean, checkNumber, checkOptions } from '../check.js'
import { ArgumentError } from '../errors.js'
import { empty, type Tensor } from '../tensor/tensor.js'
import { Optimizer, touch } from './optimizer.js'

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
}

/** What is kept of a parameter: its momentum, and whether that has been written yet. */
interface State {
  buffer: Tensor
  used: boolean
}

/**
 * Stochastic gradient descent: `g = gradient + weightDecay · p; b = momentum · b + (1 − dampening) · g` (the first
 * time `b = g`); `p = p − lr · b`, or with `nesterov` `p − lr · (g + momentum · b)`.
 * https://pytorch.org/docs/stable/generated/torch.optim.SGD.html
 */
export class SGD extends Optimizer {
  /** Share of the last step that is kept. */
  readonly momentum: number
  /** How much of the gradient does not enter the momentum. */
  readonly dampening: number
  /** Weight of the L2 penalty. */
  readonly weightDecay: number
  /** Whether the momentum is Nesterov's. */
  readonly nesterov: boolean
  readonly #state = new Map<Tensor, State>()

  /**
   * @param parameters those of a net: `net.parameters()`
   * @throws {ArgumentError} for no parameters, or an option that is unknown or out of range
   */
  constructor(parameters: Iterable<Tensor>, options: SGDOptions = {}) {
    checkOptions('SGD', options, ['lr', 'momentum', 'dampening', 'weightDecay', 'nesterov'])
    super('SGD', parameters, options.lr ?? 1e-3)
    this.momentum = options.momentum ?? 0
    this.dampening = options.dampening ?? 0
    this.weightDecay = options.weightDecay ?? 0
    this.nesterov = options.nesterov ?? false
    const { momentum, dampening, weightDecay } = this
    for (const [what, value] of Object.entries({ momentum, dampening, weightDecay })) {
      checkNumber('SGD', what, value, { least: 0 })
    }
    checkBoolean('SGD', 'nesterov', this.nesterov)
    if (this.nesterov && (this.momentum === 0 || this.dampening !== 0)) {
      throw new ArgumentError('SGD: nesterov needs a momentum above 0 and no dampening')
    }
  }

  protected override prepare(parameter: Tensor, gradient: Tensor): void {
    touch(parameter)
    touch(gradient)
    if (this.momentum === 0) return
    let state = this.#state.get(parameter)
    if (!state) {
      state = { buffer: empty(parameter.shape, 'rows', 'leaf'), used: false }
      this.#state.set(parameter, state)
    }
    touch(state.buffer)
  }

  protected override update(parameter: Tensor, gradient: Tensor): void {
    const state = this.momentum === 0 ? undefined : this.#state.get(parameter)
    sgdStep({
      p: parameter.storage,
      g: gradient.storage,
      momentumBuffer: state?.buffer.storage,
      lr: this.lr,
      momentum: this.momentum,
      dampening: this.dampening,
      weightDecay: this.weightDecay,
      nesterov: this.nesterov,
      firstStep: !state?.used,
    })
    if (state) state.used = true
  }
}
