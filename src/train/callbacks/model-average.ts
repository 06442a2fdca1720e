import { checkBoolean, checkOptions, kindOf } from '../../check.js'
import { ArgumentError } from '../../errors.js'
import { AveragedModel } from '../../optim/averaged-model.js'
import type { Tensor } from '../../tensor/tensor.js'
import type { Callback } from '../training.js'

/** Options of ModelAverage. */
export interface ModelAverageOptions {
  /** Whether it is the averages that are validated. Default true. */
  validate?: boolean
}

/**
 * Takes the weights into an average after each update: an exponential moving one, or a plain one (SWA), as its
 * AveragedModel says. The net goes on with its own weights; the averages are had from the AveragedModel (`applied`,
 * `averages`).
 */
export class ModelAverage implements Callback {
  /** Whether it is the averages that are validated. */
  readonly validates: boolean
  #giveBack: (() => void) | undefined
  #applied: Promise<void> | undefined

  /**
   * @param model the average, made of the net that is trained: `new optim.swaUtils.AveragedModel(net, { decay: 0.999 })`
   * @param options may be left out
   * @throws {ArgumentError} for what is no AveragedModel, and an option that is unknown
   */
  constructor(
    readonly model: AveragedModel,
    options: ModelAverageOptions = {},
  ) {
    if (!(model instanceof AveragedModel)) {
      throw new ArgumentError(`ModelAverage: expected an optim.swaUtils.AveragedModel, got ${kindOf(model)}`)
    }
    checkOptions('ModelAverage', options, ['validate'])
    checkBoolean('ModelAverage', 'validate', options.validate ?? true)
    this.validates = options.validate ?? true
  }

  /** Takes the weights in. */
  onAfterOptimizerStep(): void {
    this.model.update()
  }

  /** Puts the averages into the net. */
  onValidationStart(): void {
    // Before its first update an average has the weights that it began with, which is right as well.
    if (!this.validates) return
    this.#applied = this.model.applied(
      () =>
        new Promise<void>((resolve) => {
          this.#giveBack = resolve
        }),
    )
  }

  /** Puts the net's own weights back. */
  async onValidationEnd(): Promise<void> {
    this.#giveBack?.()
    await this.#applied
    this.#giveBack = this.#applied = undefined
  }

  /** The averages, and how many there were. */
  stateDict(): Record<string, Tensor> {
    return this.model.stateDict()
  }

  /**
   * Goes on from there.
   *
   * @param state as `stateDict()` gives it
   * @throws {StateDictError} for anything else
   */
  loadStateDict(state: Record<string, Tensor>): void {
    this.model.loadStateDict(state)
  }
}
