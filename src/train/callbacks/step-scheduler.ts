import { kindOf } from '../../check.js'
import { ArgumentError, StateDictError } from '../../errors.js'
import { LRScheduler, type SchedulerStateDict } from '../../optim/lr-scheduler/scheduler.js'
import type { Callback, Run } from '../training.js'

/**
 * Steps a scheduler after each update of the weights, as OneCycleLR wants it. (One that is stepped after each epoch is
 * `fit`'s `scheduler`.)
 */
export class StepScheduler implements Callback {
  /**
   * @param scheduler made of the optimiser that `fit` gets
   * @throws {ArgumentError} for what is no scheduler, and ReduceLROnPlateau, which goes by epochs
   */
  constructor(readonly scheduler: LRScheduler) {
    if (!(scheduler instanceof LRScheduler)) {
      throw new ArgumentError(`StepScheduler: expected one of optim.lrScheduler, got ${kindOf(scheduler)}`)
    }
    if (scheduler.goesByMetric) {
      throw new ArgumentError(
        "StepScheduler: ReduceLROnPlateau goes by the validation loss, once an epoch; give it as fit's scheduler",
      )
    }
  }

  /** Looks whether it fits. @throws {ArgumentError} for a scheduler of another optimiser */
  onFitStart({ options }: Run): void {
    this.scheduler.checkFit(options.optimizer, true)
  }

  /** The rates of the next step. */
  onAfterOptimizerStep(): void {
    this.scheduler.step()
  }

  /** Where the schedule is. */
  stateDict(): SchedulerStateDict {
    return this.scheduler.stateDict()
  }

  /**
   * Goes on from there.
   *
   * @param state as `stateDict()` gives it
   * @throws {StateDictError} for anything else
   */
  loadStateDict(state: SchedulerStateDict): void {
    if (typeof state !== 'object' || state === null) {
      throw new StateDictError(`StepScheduler: the state is a scheduler's, got ${kindOf(state)}`)
    }
    this.scheduler.loadStateDict(state)
  }
}
