import { checkBoolean, checkNumber, checkOptions, kindOf } from '../../check.js'
import { ArgumentError } from '../../errors.js'
import type { Optimizer } from '../optimizer.js'
import type { ScheduleMarks } from '../param-group.js'
import { cosPi } from './cosine.js'
import { EpochScheduler } from './epoch-scheduler.js'

/** Options of OneCycleLR: `totalSteps`, or `epochs` and `stepsPerEpoch`, must be given. */
export interface OneCycleOptions {
  /** How many steps the cycle has. */
  totalSteps?: number
  /** Together with `stepsPerEpoch` instead of `totalSteps`. */
  epochs?: number
  /** Together with `epochs` instead of `totalSteps`. */
  stepsPerEpoch?: number
  /** Share of the cycle in which the learning rate rises. Default 0.3. */
  pctStart?: number
  /** The form of the curve. Default 'cos'. */
  annealStrategy?: 'cos' | 'linear'
  /** Whether the momentum (SGD, RMSprop), or beta1, goes the other way. Default true. */
  cycleMomentum?: boolean
  /** The least momentum; one, or a list with one for each group. Default 0.85. */
  baseMomentum?: number | readonly number[]
  /** The greatest momentum; one, or a list with one for each group. Default 0.95. */
  maxMomentum?: number | readonly number[]
  /** The first learning rate is maxLr / divFactor. Default 25. */
  divFactor?: number
  /** The last learning rate is the first / finalDivFactor. Default 1e4. */
  finalDivFactor?: number
  /** Whether the rate goes back to its first value before the last phase. Default false. */
  threePhase?: boolean
}

const OPTIONS = [
  ...['totalSteps', 'epochs', 'stepsPerEpoch', 'pctStart', 'annealStrategy', 'cycleMomentum', 'baseMomentum'],
  ...['maxMomentum', 'divFactor', 'finalDivFactor', 'threePhase'],
]

/** Where a group has what PyTorch's phases name. */
const MARKS = {
  initial_lr: 'initialLr',
  max_lr: 'maxLr',
  min_lr: 'minLr',
  max_momentum: 'maxMomentum',
  base_momentum: 'baseMomentum',
} as const
type Mark = keyof typeof MARKS

/** A phase, as PyTorch's state dict has it. */
interface Phase {
  end_step: number
  start_lr: Mark
  end_lr: Mark
  start_momentum: Mark
  end_momentum: Mark
}

interface Fields {
  totalSteps: number
  _schedulePhases: Phase[]
  _annealFuncType: 'cos' | 'linear'
  cycleMomentum: boolean
  useBeta1: boolean
}

/** What a group may have for a momentum. */
type Momenta = { momentum?: number; betas?: readonly [number, number] }

/**
 * One cycle (Smith and Topin, 2017): the learning rates rise to `maxLr` and fall far below where they began, and the
 * momentum goes the other way. `step()` is called after each batch.
 * https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.OneCycleLR.html
 */
export class OneCycleLR extends EpochScheduler<Fields> {
  /**
   * @param optimizer whose groups it changes
   * @param maxLr the greatest learning rate; one, or a list with one for each group
   * @throws {ArgumentError} for what is no optimiser, an option that is unknown, missing or out of range, and with
   *   `cycleMomentum` an optimiser without momentum
   */
  constructor(optimizer: Optimizer, maxLr: number | readonly number[], options: OneCycleOptions = {}) {
    checkOptions('OneCycleLR', options, OPTIONS)
    const fields: Fields = {
      totalSteps: totalSteps(options),
      _schedulePhases: phases(options),
      _annealFuncType: options.annealStrategy ?? 'cos',
      cycleMomentum: options.cycleMomentum ?? true,
      useBeta1: optimizer?.defaults !== undefined && 'betas' in optimizer.defaults,
    }
    const { divFactor = 25, finalDivFactor = 1e4, baseMomentum = 0.85, maxMomentum = 0.95 } = options
    checkNumber('OneCycleLR', 'divFactor', divFactor, { least: Number.MIN_VALUE })
    checkNumber('OneCycleLR', 'finalDivFactor', finalDivFactor, { least: Number.MIN_VALUE })
    const marks = (optimizer?.paramGroups ?? []).map((_, i, { length }): Required<ScheduleMarks> => {
      const highest = ofGroup('maxLr', maxLr, i, length)
      const initial = highest / divFactor
      return {
        initialLr: initial,
        maxLr: highest,
        minLr: initial / finalDivFactor,
        maxMomentum: ofGroup('maxMomentum', maxMomentum, i, length),
        baseMomentum: ofGroup('baseMomentum', baseMomentum, i, length),
      }
    })
    super('OneCycleLR', optimizer, fields, (group, i) => {
      const { initialLr, maxLr, minLr, maxMomentum, baseMomentum } = marks[i]
      Object.assign(group, { initialLr, maxLr, minLr })
      if (fields.cycleMomentum) Object.assign(group, { maxMomentum, baseMomentum })
    })
  }

  protected override check(fields: Fields): void {
    const { totalSteps, _schedulePhases, _annealFuncType, cycleMomentum, useBeta1 } = fields
    checkNumber('OneCycleLR', 'totalSteps', totalSteps, { least: 1, whole: true })
    if (_annealFuncType !== 'cos' && _annealFuncType !== 'linear') {
      throw new ArgumentError(
        `OneCycleLR: annealStrategy is 'cos' or 'linear', got ${kindOf(_annealFuncType)}`,
      )
    }
    checkBoolean('OneCycleLR', 'cycleMomentum', cycleMomentum)
    checkBoolean('OneCycleLR', 'use_beta1', useBeta1)
    for (const phase of Array.isArray(_schedulePhases) ? _schedulePhases : [undefined]) {
      const { end_step, ...names } = phase ?? {}
      if (typeof end_step === 'number' && Object.values(names).every((name) => name in MARKS)) continue
      throw new ArgumentError('OneCycleLR: _schedule_phases are not those of a OneCycleLR')
    }
    if (_schedulePhases[0].end_step === 0) {
      throw new ArgumentError(
        `OneCycleLR: the first phase has no step; pctStart · totalSteps (${totalSteps}) must not be 1`,
      )
    }
    const { defaults } = this.optimizer
    if (cycleMomentum && !('momentum' in defaults || 'betas' in defaults)) {
      throw new ArgumentError(
        `OneCycleLR: ${kindOf(this.optimizer)} has no momentum and no betas; pass cycleMomentum: false`,
      )
    }
  }

  protected override rates(): number[] {
    const { totalSteps, _schedulePhases, cycleMomentum, useBeta1 } = this.fields
    const step = this.lastEpoch
    if (step > totalSteps) {
      throw new ArgumentError(`OneCycleLR: step ${step} of a cycle of ${totalSteps}; totalSteps ends it`)
    }
    const at = Math.max(
      0,
      _schedulePhases.findIndex(({ end_step }) => step <= end_step),
    )
    const last = _schedulePhases.length - 1
    const index = step > _schedulePhases[last].end_step ? last : at
    const phase = _schedulePhases[index]
    const start = index === 0 ? 0 : _schedulePhases[index - 1].end_step
    const share = (step - start) / (phase.end_step - start)
    const { optimizer } = this
    const value = (group: ScheduleMarks, from: Mark, to: Mark) =>
      anneal(this.fields._annealFuncType, group[MARKS[from]] ?? 0, group[MARKS[to]] ?? 0, share)
    if (cycleMomentum) {
      for (const group of optimizer.paramGroups) {
        const momentum = value(group, phase.start_momentum, phase.end_momentum)
        const has = group as Momenta
        if (!useBeta1) has.momentum = momentum
        else if (has.betas) has.betas = [momentum, has.betas[1]]
      }
    }
    return optimizer.paramGroups.map((group) => value(group, phase.start_lr, phase.end_lr))
  }

  protected override firstRates(): number[] {
    const before = this.lastEpoch
    this.lastEpoch = 0
    try {
      return this.rates()
    } finally {
      this.lastEpoch = before
    }
  }
}

function anneal(kind: 'cos' | 'linear', start: number, end: number, share: number): number {
  if (kind === 'linear') return (end - start) * share + start
  return end + ((start - end) / 2) * (cosPi(share) + 1)
}

/** @throws {ArgumentError} unless it is a number, or a list with one for each group */
function ofGroup(what: string, value: number | readonly number[], i: number, count: number): number {
  if (Array.isArray(value) && value.length !== count) {
    throw new ArgumentError(
      `OneCycleLR: ${what} is a number, or a list of ${count}, one for each group, got ${value.length}`,
    )
  }
  const one: unknown = Array.isArray(value) ? value[i] : value
  checkNumber('OneCycleLR', what, one, { least: 0 })
  return Number(one)
}

/** @throws {ArgumentError} */
function totalSteps({ totalSteps, epochs, stepsPerEpoch }: OneCycleOptions): number {
  if (totalSteps !== undefined) {
    checkNumber('OneCycleLR', 'totalSteps', totalSteps, { least: 1, whole: true })
    return totalSteps
  }
  if (epochs === undefined || stepsPerEpoch === undefined) {
    throw new ArgumentError('OneCycleLR: give totalSteps, or epochs and stepsPerEpoch')
  }
  checkNumber('OneCycleLR', 'epochs', epochs, { least: 1, whole: true })
  checkNumber('OneCycleLR', 'stepsPerEpoch', stepsPerEpoch, { least: 1, whole: true })
  return epochs * stepsPerEpoch
}

/** @throws {ArgumentError} */
function phases(options: OneCycleOptions): Phase[] {
  const { pctStart = 0.3, threePhase = false } = options
  checkNumber('OneCycleLR', 'pctStart', pctStart, { least: 0, most: 1 })
  checkBoolean('OneCycleLR', 'threePhase', threePhase)
  const total = totalSteps(options)
  const rise: Phase = {
    end_step: pctStart * total - 1,
    start_lr: 'initial_lr',
    end_lr: 'max_lr',
    start_momentum: 'max_momentum',
    end_momentum: 'base_momentum',
  }
  const fall = { start_momentum: 'base_momentum', end_momentum: 'max_momentum' } as const
  if (!threePhase) return [rise, { end_step: total - 1, start_lr: 'max_lr', end_lr: 'min_lr', ...fall }]
  return [
    rise,
    { end_step: 2 * pctStart * total - 2, start_lr: 'max_lr', end_lr: 'initial_lr', ...fall },
    {
      end_step: total - 1,
      start_lr: 'initial_lr',
      end_lr: 'min_lr',
      start_momentum: 'max_momentum',
      end_momentum: 'max_momentum',
    },
  ]
}
