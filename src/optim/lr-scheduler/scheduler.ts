/** What all learning-rate schedulers share: the optimiser, the last rates, and a state dict under PyTorch's names. */
import { checkFits, kindOf } from '../../check.js'
import { ArgumentError, StateDictError } from '../../errors.js'
import { snakeCase } from '../../snake-case.js'
import type { Tensor } from '../../tensor/tensor.js'
import { Optimizer } from '../optimizer.js'

/** A scheduler's state under PyTorch's names: plain numbers, strings and lists, as JSON has them. */
export type SchedulerStateDict = Record<string, unknown>

/** What PyTorch's state dicts have besides, and says nothing. */
const PASSED_OVER = ['verbose', '_get_lr_called_within_step', '_is_initial']

/**
 * What changes the learning rates of an optimiser's groups. `F` is what a kind keeps: its options, and where it is.
 * https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate
 */
export abstract class LRScheduler<F extends object = object> {
  /** Whose learning rates it sets. */
  readonly optimizer: Optimizer
  /** Whether a step takes a metric. @internal */
  readonly goesByMetric: boolean = false
  /** How many steps it has made. */
  lastEpoch = -1
  /** What errors call it. */
  protected readonly name: string
  protected fields: F
  protected lastLr: number[] = []

  /**
   * @param name of the kind, for errors
   * @param optimizer whose groups it changes
   * @param fields the kind's options
   * @throws {ArgumentError} for what is no optimiser, and options out of range
   */
  constructor(name: string, optimizer: Optimizer, fields: F) {
    if (!(optimizer instanceof Optimizer)) {
      throw new ArgumentError(
        `${name}: expected an optimiser, such as new optim.SGD(net.parameters()), got ${kindOf(optimizer)}`,
      )
    }
    this.name = name
    this.optimizer = optimizer
    this.check(fields)
    this.fields = fields
  }

  /** The learning rate of each group that was set last. */
  getLastLr(): number[] {
    return [...this.lastLr]
  }

  /**
   * Sets the learning rates of the next epoch, or of the next step where it is called after each.
   *
   * @param metrics what ReduceLROnPlateau goes by; the others take none
   */
  abstract step(metrics?: number | Tensor): void

  /** @throws {ArgumentError} where it is of no use to a `fit` with that optimiser. @internal */
  checkFit(optimizer: Optimizer, validates: boolean): void {
    if (this.optimizer !== optimizer) {
      throw new ArgumentError(
        'fit: the scheduler is of another optimizer; make it with the one that fit gets',
      )
    }
    if (this.goesByMetric && !validates) {
      throw new ArgumentError(`fit: the scheduler ${this.name} goes by the validation loss; give valid`)
    }
  }

  /** @throws {ArgumentError} for what the fields can't be */
  protected abstract check(fields: F): void

  /** Sets each group's learning rate. @throws {ArgumentError} where there are other groups, or a rate is no number */
  protected setRates(rates: readonly number[]): void {
    const { paramGroups } = this.optimizer
    if (rates.length !== paramGroups.length) {
      throw new ArgumentError(
        `${this.name}: the optimiser has ${paramGroups.length} groups, and had ${rates.length}; make the scheduler after addParamGroup`,
      )
    }
    for (const [i, rate] of rates.entries()) {
      if (typeof rate === 'number' && Number.isFinite(rate)) continue
      throw new ArgumentError(`${this.name}: the learning rate of group ${i} becomes ${kindOf(rate)}`)
    }
    for (const [i, group] of paramGroups.entries()) group.lr = rates[i]
    this.lastLr = [...rates]
  }

  /**
   * Where the schedule is, under PyTorch's names; JSON holds it. The groups' learning rates are the optimiser's, and
   * in its state dict.
   */
  stateDict(): SchedulerStateDict {
    return structuredClone({ ...this.save(), last_epoch: this.lastEpoch, _last_lr: this.lastLr })
  }

  /**
   * Goes on from a state dict. Nothing is changed unless all of it fits. The optimiser's own state dict brings the
   * learning rates: load both.
   *
   * @param state as `stateDict()` gives it
   * @throws {StateDictError} for names that are missing or unexpected, and values out of range
   * @throws {ArgumentError} for what is no state dict
   */
  loadStateDict(state: SchedulerStateDict): void {
    if (typeof state !== 'object' || state === null || Array.isArray(state)) {
      throw new ArgumentError(`loadStateDict: expected a scheduler's state dict, got ${kindOf(state)}`)
    }
    const own = Object.keys(this.stateDict())
    const problems: string[] = []
    const missing = own.filter((name) => state[name] === undefined)
    const unexpected = Object.keys(state).filter((name) => !own.includes(name) && !PASSED_OVER.includes(name))
    if (missing.length > 0) problems.push(`missing: ${missing.join(', ')}`)
    if (unexpected.length > 0) problems.push(`unexpected: ${unexpected.join(', ')}`)
    if (!Number.isInteger(state.last_epoch)) problems.push(`last_epoch is ${kindOf(state.last_epoch)}`)
    for (const name of ['_last_lr', ...(own.includes('base_lrs') ? ['base_lrs'] : [])]) {
      const rates = state[name]
      const count = this.optimizer.paramGroups.length
      if (Array.isArray(rates) && rates.length === count && rates.every(Number.isFinite)) continue
      problems.push(`${name} is a list of ${count} numbers, one a group, got ${JSON.stringify(rates)}`)
    }
    let commit = () => {}
    if (problems.length === 0) {
      try {
        commit = this.load(structuredClone(state))
      } catch (error) {
        if (!(error instanceof ArgumentError || error instanceof StateDictError)) throw error
        problems.push(error.message)
      }
    }
    checkFits(this.name, problems)
    commit()
    this.lastEpoch = Number(state.last_epoch)
    this.lastLr = [...(state._last_lr as number[])]
  }

  /** What the kind keeps, under PyTorch's names. */
  protected save(): SchedulerStateDict {
    return Object.fromEntries(Object.entries(this.fields).map(([name, value]) => [pythonName(name), value]))
  }

  /** Looks through what `save` gave; gives what puts it in its place. @throws {ArgumentError} */
  protected load(state: SchedulerStateDict): () => void {
    const names = Object.keys(this.fields)
    const fields = Object.fromEntries(names.map((name) => [name, state[pythonName(name)]])) as F
    this.check(fields)
    return () => {
      this.fields = fields
    }
  }
}

/** `stepSize` → `step_size`, and `tMax` → `T_max`. */
function pythonName(name: string): string {
  return /^t[A-Z0-9]/.test(name) ? `T_${name.slice(1).toLowerCase()}` : snakeCase(name)
}
