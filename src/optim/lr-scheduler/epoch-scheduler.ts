import { eachRun } from '../../bindings/recording.js'
import type { Optimizer } from '../optimizer.js'
import type { ParamGroup } from '../param-group.js'
import { LRScheduler, type SchedulerStateDict } from './scheduler.js'

/**
 * A schedule of steps alone. As PyTorch's, most go on from the groups' present rates, so that schedulers of one
 * optimiser multiply.
 */
export abstract class EpochScheduler<F extends object> extends LRScheduler<F> {
  /** The learning rate of each group that the schedule began with. */
  baseLrs: number[]
  #count = 0

  /** As of LRScheduler; `mark` writes into each group what the schedule goes by. The first rates are set at once. */
  constructor(
    name: string,
    optimizer: Optimizer,
    fields: F,
    mark: (group: ParamGroup<{ lr: number }>, i: number) => void = (group) => {
      group.initialLr ??= group.lr
    },
  ) {
    super(name, optimizer, fields)
    optimizer.paramGroups.forEach(mark)
    this.baseLrs = optimizer.paramGroups.map(({ initialLr, lr }) => initialLr ?? lr)
    this.begin()
  }

  /** Sets the first rates. @internal */
  begin(): void {
    this.#count = 0
    this.#advance(true)
  }

  /** Sets the learning rates of the next epoch, or of the next step where it is called after each. */
  override step(): void {
    eachRun([], () => this.#advance(false))
  }

  #advance(initial: boolean): void {
    const fields = { ...this.fields }
    this.lastEpoch++
    try {
      this.setRates(this.rates(initial))
    } catch (error) {
      this.lastEpoch--
      this.fields = fields
      throw error
    }
    this.#count++
  }

  /** Begins anew in the midst of a SequentialLR: with the rates of epoch 0. @internal */
  restart(): void {
    this.setRates(this.firstRates())
    this.lastEpoch = 0
  }

  /** One step back, for SequentialLR, which begins anew. @internal */
  undo(): void {
    this.lastEpoch--
  }

  /** The rates of epoch `lastEpoch`; `initial` where the schedule begins. */
  protected abstract rates(initial: boolean): number[]

  /** The rates of epoch 0, from the base rates. */
  protected abstract firstRates(): number[]

  /** The groups' present rates. */
  protected get present(): number[] {
    return this.optimizer.paramGroups.map(({ lr }) => lr)
  }

  protected override save(): SchedulerStateDict {
    return { ...super.save(), base_lrs: this.baseLrs, _step_count: this.#count }
  }

  protected override load(state: SchedulerStateDict): () => void {
    const commit = super.load(state)
    return () => {
      commit()
      this.baseLrs = state.base_lrs as number[]
      this.#count = Number(state._step_count)
    }
  }
}
