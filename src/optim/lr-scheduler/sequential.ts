import { eachRun } from '../../bindings/recording.js'
import { checkNumber, kindOf } from '../../check.js'
import { ArgumentError, StateDictError } from '../../errors.js'
import type { Optimizer } from '../optimizer.js'
import { EpochScheduler } from './epoch-scheduler.js'
import { LRScheduler, type SchedulerStateDict } from './scheduler.js'

/** A scheduler of steps alone, as a SequentialLR takes. */
type Part = EpochScheduler<never>

interface Fields {
  schedulers: readonly Part[]
  milestones: readonly number[]
}

const NAME = 'SequentialLR'

/**
 * Schedules one after the other, such as a warm-up and then a cosine.
 * https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.SequentialLR.html
 */
export class SequentialLR extends LRScheduler<Fields> {
  /**
   * @param optimizer that of all the schedulers
   * @param schedulers in order; no ReduceLROnPlateau, which needs a metric, and no other SequentialLR
   * @param milestones at which epochs the next begins: one fewer than there are schedulers
   * @throws {ArgumentError} for what are no such schedulers, those of another optimiser, and other milestones
   */
  constructor(optimizer: Optimizer, schedulers: readonly LRScheduler[], milestones: readonly number[]) {
    super(NAME, optimizer, checked(optimizer, schedulers, milestones))
    this.lastEpoch = 0
    // Each has already set its first rates: back to where all began.
    for (const group of optimizer.paramGroups) group.lr = group.initialLr ?? group.lr
    for (const scheduler of this.fields.schedulers) scheduler.undo()
    const first = this.fields.schedulers[this.#indexAt(0)]
    first.begin()
    this.lastLr = first.getLastLr()
  }

  /** How many milestones have been reached. */
  #indexAt(epoch: number): number {
    return this.fields.milestones.filter((milestone) => milestone <= epoch).length
  }

  protected override check(): void {
    // The constructor has looked, and nothing of it is loaded.
  }

  /** Sets the learning rates of the next epoch. */
  override step(): void {
    eachRun([], () => {
      const { schedulers, milestones } = this.fields
      const epoch = this.lastEpoch + 1
      const index = this.#indexAt(epoch)
      const scheduler = schedulers[index]
      if (index > 0 && milestones[index - 1] === epoch) scheduler.restart()
      else scheduler.step()
      this.lastEpoch = epoch
      this.lastLr = scheduler.getLastLr()
    })
  }

  protected override save(): SchedulerStateDict {
    const { schedulers, milestones } = this.fields
    return { _milestones: milestones, _schedulers: schedulers.map((scheduler) => scheduler.stateDict()) }
  }

  protected override load(state: SchedulerStateDict): () => void {
    const { schedulers, milestones } = this.fields
    if (JSON.stringify(state._milestones) !== JSON.stringify(milestones)) {
      throw new StateDictError(
        `_milestones are ${JSON.stringify(state._milestones)}, expected ${JSON.stringify(milestones)}`,
      )
    }
    const states: unknown = state._schedulers
    if (!Array.isArray(states) || states.length !== schedulers.length) {
      throw new StateDictError(`_schedulers is a list of ${schedulers.length} state dicts`)
    }
    // All are loaded, or none: what the first ones were comes back where a later one throws.
    const before = schedulers.map((scheduler) => scheduler.stateDict())
    try {
      for (const [i, scheduler] of schedulers.entries()) scheduler.loadStateDict(states[i])
    } catch (error) {
      for (const [i, scheduler] of schedulers.entries()) scheduler.loadStateDict(before[i])
      throw error
    }
    return () => {}
  }
}

/** @throws {ArgumentError} */
function checked(
  optimizer: Optimizer,
  schedulers: readonly LRScheduler[],
  milestones: readonly number[],
): Fields {
  if (!Array.isArray(schedulers) || schedulers.length === 0) {
    throw new ArgumentError(`${NAME}: schedulers is a list of schedulers, got ${kindOf(schedulers)}`)
  }
  for (const [i, scheduler] of schedulers.entries()) {
    if (!(scheduler instanceof EpochScheduler)) {
      throw new ArgumentError(
        `${NAME}: scheduler ${i} is ${kindOf(scheduler)}; it takes schedulers whose step needs no metric, and no SequentialLR: put its parts in the list`,
      )
    }
    if (scheduler.optimizer !== optimizer) {
      throw new ArgumentError(`${NAME}: scheduler ${i} is of another optimiser`)
    }
  }
  if (!Array.isArray(milestones) || milestones.length !== schedulers.length - 1) {
    const got = Array.isArray(milestones) ? milestones.length : kindOf(milestones)
    throw new ArgumentError(
      `${NAME}: milestones is a list of ${schedulers.length - 1}, one fewer than schedulers, got ${got}`,
    )
  }
  for (const [i, milestone] of milestones.entries()) {
    checkNumber(NAME, 'milestones: each, in rising order,', milestone, {
      least: i === 0 ? 0 : milestones[i - 1],
      whole: true,
    })
  }
  return { schedulers: [...schedulers], milestones: [...milestones] }
}
