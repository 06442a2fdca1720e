import { checkNumber, checkOptions, kindOf } from '../../check.js'
import { ArgumentError } from '../../errors.js'
import { Tensor } from '../../tensor/tensor.js'
import type { Optimizer } from '../optimizer.js'
import { LRScheduler, type SchedulerStateDict } from './scheduler.js'

/** Options of ReduceLROnPlateau. */
export interface PlateauOptions {
  /** Whether the metric is to fall ('min') or to rise ('max'). Default 'min'. */
  mode?: 'min' | 'max'
  /** What the learning rates are multiplied by; below 1. Default 0.1. */
  factor?: number
  /** How many epochs without improvement are borne. Default 10. */
  patience?: number
  /** How much better counts as better. Default 1e-4. */
  threshold?: number
  /** Whether the threshold is a share of the best ('rel') or a difference ('abs'). Default 'rel'. */
  thresholdMode?: 'rel' | 'abs'
  /** How many epochs after a reduction are not counted. Default 0. */
  cooldown?: number
  /** The least learning rate; one, or a list with one for each group. Default 0. */
  minLr?: number | readonly number[]
  /** A reduction by no more than this is not made. Default 1e-8. */
  eps?: number
}

const NAME = 'ReduceLROnPlateau'
const OPTIONS = ['mode', 'factor', 'patience', 'threshold', 'thresholdMode', 'cooldown', 'minLr', 'eps']

interface Fields {
  mode: 'min' | 'max'
  factor: number
  patience: number
  threshold: number
  thresholdMode: 'rel' | 'abs'
  cooldown: number
  /** What a group that is added later has; null where a list was given. */
  defaultMinLr: number | null
  minLrs: number[]
  eps: number
  /** The best metric so far; null before the first. */
  best: number | null
  cooldownCounter: number
  numBadEpochs: number
}

/**
 * Multiplies the learning rates by `factor` when a metric has not become better for `patience` epochs.
 * https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ReduceLROnPlateau.html
 */
export class ReduceLROnPlateau extends LRScheduler<Fields> {
  /** @internal */
  override readonly goesByMetric = true

  /**
   * @param optimizer whose groups it changes
   * @throws {ArgumentError} for what is no optimiser, and an option that is unknown or out of range
   */
  constructor(optimizer: Optimizer, options: PlateauOptions = {}) {
    checkOptions(NAME, options, OPTIONS)
    const { mode = 'min', factor = 0.1, patience = 10, threshold = 1e-4, thresholdMode = 'rel' } = options
    const { cooldown = 0, minLr = 0, eps = 1e-8 } = options
    const counts = { best: null, cooldownCounter: 0, numBadEpochs: 0 }
    const groups: readonly unknown[] = optimizer?.paramGroups ?? []
    const minLrs = Array.isArray(minLr) ? [...minLr] : groups.map(() => minLr as number)
    const defaultMinLr = Array.isArray(minLr) ? null : (minLr as number)
    super(NAME, optimizer, {
      ...{ mode, factor, patience, threshold, thresholdMode, cooldown, defaultMinLr, minLrs, eps },
      ...counts,
    })
    this.lastEpoch = 0
    this.lastLr = this.optimizer.paramGroups.map(({ lr }) => lr)
  }

  protected override check(fields: Fields): void {
    const { mode, thresholdMode, factor, minLrs } = fields
    if (mode !== 'min' && mode !== 'max') {
      throw new ArgumentError(`${NAME}: mode is 'min' or 'max', got ${kindOf(mode)}`)
    }
    if (thresholdMode !== 'rel' && thresholdMode !== 'abs') {
      throw new ArgumentError(`${NAME}: thresholdMode is 'rel' or 'abs', got ${kindOf(thresholdMode)}`)
    }
    checkNumber(NAME, 'factor', factor, { least: 0, below: 1 })
    for (const name of ['patience', 'cooldown', 'cooldownCounter', 'numBadEpochs'] as const) {
      checkNumber(NAME, name, fields[name], { least: 0, whole: true })
    }
    checkNumber(NAME, 'threshold', fields.threshold, { least: 0 })
    checkNumber(NAME, 'eps', fields.eps, { least: 0 })
    if (fields.best !== null) checkNumber(NAME, 'best', fields.best)
    const { length } = this.optimizer.paramGroups
    if (!Array.isArray(minLrs) || minLrs.length !== length) {
      throw new ArgumentError(`${NAME}: minLr is a number, or a list of ${length}, one for each group`)
    }
    for (const minLr of minLrs) checkNumber(NAME, 'minLr', minLr, { least: 0 })
  }

  /**
   * Looks at the metric of an epoch, and sets the learning rates.
   *
   * @param metrics such as the validation loss; a number, or a tensor with one element. NaN is no improvement
   * @throws {ArgumentError} for what is no number; where groups were added, and `minLr` was a list
   */
  override step(metrics: number | Tensor): void {
    const value: unknown = metrics instanceof Tensor ? metrics.item() : metrics
    if (typeof value !== 'number') {
      throw new ArgumentError(
        `${NAME}: step takes the metric, such as the validation loss, as a number, got ${kindOf(value)}`,
      )
    }
    const { paramGroups } = this.optimizer
    const next = { ...this.fields }
    if (next.minLrs.length !== paramGroups.length) {
      const { defaultMinLr } = next
      if (defaultMinLr === null) {
        throw new ArgumentError(
          `${NAME}: the optimiser has ${paramGroups.length} groups, and minLr is a list of ${next.minLrs.length}; make the scheduler after addParamGroup`,
        )
      }
      next.minLrs = paramGroups.map(() => defaultMinLr)
    }
    this.lastEpoch++
    if (isBetter(value, next)) {
      next.best = value
      next.numBadEpochs = 0
    } else {
      next.numBadEpochs++
    }
    if (next.cooldownCounter > 0) {
      next.cooldownCounter--
      next.numBadEpochs = 0
    }
    if (next.numBadEpochs > next.patience) {
      next.cooldownCounter = next.cooldown
      next.numBadEpochs = 0
      for (const [i, group] of paramGroups.entries()) {
        const reduced = Math.max(group.lr * next.factor, next.minLrs[i])
        if (group.lr - reduced > next.eps) group.lr = reduced
      }
    }
    this.fields = next
    this.lastLr = paramGroups.map(({ lr }) => lr)
  }

  /** The worst metric there is, and the best before the first, are infinite: JSON has null for these. */
  protected override save(): SchedulerStateDict {
    const { best, mode } = this.fields
    const worst = mode === 'min' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
    return { ...super.save(), best: best ?? worst, mode_worse: worst }
  }

  protected override load(state: SchedulerStateDict): () => void {
    const { best } = state
    return super.load({ ...state, best: Number.isFinite(best) ? best : null })
  }
}

function isBetter(value: number, { best, mode, threshold, thresholdMode }: Fields): boolean {
  const [sign, worst] = mode === 'min' ? [-1, Number.POSITIVE_INFINITY] : [1, Number.NEGATIVE_INFINITY]
  const before = best ?? worst
  const bound = thresholdMode === 'rel' ? before * (1 + sign * threshold) : before + sign * threshold
  return mode === 'min' ? value < bound : value > bound
}
