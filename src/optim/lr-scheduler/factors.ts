/** Schedules that multiply the learning rate: by steps, by milestones, exponentially, linearly, by a function. */
import { checkNumber, checkOptions, kindOf } from '../../check.js'
import { ArgumentError } from '../../errors.js'
import type { Optimizer } from '../optimizer.js'
import { EpochScheduler } from './epoch-scheduler.js'
import type { SchedulerStateDict } from './scheduler.js'

/** Options of StepLR and MultiStepLR. */
export interface GammaOptions {
  /** What the learning rate is multiplied by. Default 0.1. */
  gamma?: number
}

/**
 * Multiplies the learning rates by `gamma` every `stepSize` epochs.
 * https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.StepLR.html
 */
export class StepLR extends EpochScheduler<{ stepSize: number; gamma: number }> {
  /**
   * @param optimizer whose groups it changes
   * @param stepSize after how many epochs
   * @throws {ArgumentError} for what is no optimiser, and an option that is unknown or out of range
   */
  constructor(optimizer: Optimizer, stepSize: number, options: GammaOptions = {}) {
    checkOptions('StepLR', options, ['gamma'])
    super('StepLR', optimizer, { stepSize, gamma: options.gamma ?? 0.1 })
  }

  protected override check({ stepSize, gamma }: { stepSize: number; gamma: number }): void {
    checkNumber('StepLR', 'stepSize', stepSize, { least: 1, whole: true })
    checkNumber('StepLR', 'gamma', gamma, { least: 0 })
  }

  protected override rates(): number[] {
    const { stepSize, gamma } = this.fields
    if (this.lastEpoch === 0 || this.lastEpoch % stepSize !== 0) return this.present
    return this.present.map((lr) => lr * gamma)
  }

  protected override firstRates(): number[] {
    return [...this.baseLrs]
  }
}

interface Milestones {
  /** How often each epoch was given. */
  milestones: Record<string, number>
  gamma: number
}

/**
 * Multiplies the learning rates by `gamma` at each of the milestones.
 * https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.MultiStepLR.html
 */
export class MultiStepLR extends EpochScheduler<Milestones> {
  /**
   * @param optimizer whose groups it changes
   * @param milestones epochs; one that is there twice counts twice
   * @throws {ArgumentError} for what is no optimiser, and an option that is unknown or out of range
   */
  constructor(optimizer: Optimizer, milestones: readonly number[], options: GammaOptions = {}) {
    checkOptions('MultiStepLR', options, ['gamma'])
    super('MultiStepLR', optimizer, { milestones: counted(milestones), gamma: options.gamma ?? 0.1 })
  }

  protected override check({ milestones, gamma }: Milestones): void {
    for (const [epoch, count] of Object.entries(milestones)) {
      checkNumber('MultiStepLR', 'milestones: each', Number(epoch), { least: 0, whole: true })
      checkNumber('MultiStepLR', `the count of milestone ${epoch}`, count, { least: 1, whole: true })
    }
    checkNumber('MultiStepLR', 'gamma', gamma, { least: 0 })
  }

  protected override rates(): number[] {
    const count = this.fields.milestones[this.lastEpoch]
    if (count === undefined) return this.present
    const factor = power(this.fields.gamma, count)
    return this.present.map((lr) => lr * factor)
  }

  protected override firstRates(): number[] {
    const factor = power(this.fields.gamma, this.fields.milestones[0] ?? 0)
    return this.baseLrs.map((lr) => lr * factor)
  }

  protected override load(state: SchedulerStateDict): () => void {
    const { milestones } = state
    return super.load({ ...state, milestones: Array.isArray(milestones) ? counted(milestones) : milestones })
  }
}

/** baseⁿ, by products alone, which every runtime rounds alike. */
function power(base: number, count: number): number {
  let product = 1
  for (let i = 0; i < count; i++) product *= base
  return product
}

/** As Python's Counter. @throws {ArgumentError} */
function counted(milestones: readonly number[]): Record<string, number> {
  if (!Array.isArray(milestones)) {
    throw new ArgumentError(
      `MultiStepLR: milestones is a list of epochs, such as [30, 80], got ${kindOf(milestones)}`,
    )
  }
  const counts: Record<string, number> = {}
  for (const epoch of milestones) {
    checkNumber('MultiStepLR', 'milestones: each', epoch, { least: 0, whole: true })
    counts[epoch] = (counts[epoch] ?? 0) + 1
  }
  return counts
}

/**
 * Multiplies the learning rates by `gamma` every epoch.
 * https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ExponentialLR.html
 */
export class ExponentialLR extends EpochScheduler<{ gamma: number }> {
  /**
   * @param optimizer whose groups it changes
   * @param gamma what the learning rate is multiplied by
   * @throws {ArgumentError} for what is no optimiser, and a gamma below 0
   */
  constructor(optimizer: Optimizer, gamma: number) {
    super('ExponentialLR', optimizer, { gamma })
  }

  protected override check({ gamma }: { gamma: number }): void {
    checkNumber('ExponentialLR', 'gamma', gamma, { least: 0 })
  }

  protected override rates(initial: boolean): number[] {
    return initial ? this.present : this.present.map((lr) => lr * this.fields.gamma)
  }

  protected override firstRates(): number[] {
    return [...this.baseLrs]
  }
}

/** Options of LinearLR. */
export interface LinearLROptions {
  /** What the learning rate is multiplied by at first. Default 1/3. */
  startFactor?: number
  /** What it is multiplied by at last. Default 1. */
  endFactor?: number
  /** After how many epochs. Default 5. */
  totalIters?: number
}

/**
 * Multiplies the learning rates by a factor that goes linearly from one value to another: a warm-up.
 * https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LinearLR.html
 */
export class LinearLR extends EpochScheduler<Required<LinearLROptions>> {
  /**
   * @param optimizer whose groups it changes
   * @throws {ArgumentError} for what is no optimiser, and an option that is unknown or out of range
   */
  constructor(optimizer: Optimizer, options: LinearLROptions = {}) {
    checkOptions('LinearLR', options, ['startFactor', 'endFactor', 'totalIters'])
    const { startFactor = 1 / 3, endFactor = 1, totalIters = 5 } = options
    super('LinearLR', optimizer, { startFactor, endFactor, totalIters })
  }

  protected override check({ startFactor, endFactor, totalIters }: Required<LinearLROptions>): void {
    checkNumber('LinearLR', 'startFactor', startFactor, { least: Number.MIN_VALUE, most: 1 })
    checkNumber('LinearLR', 'endFactor', endFactor, { least: 0, most: 1 })
    checkNumber('LinearLR', 'totalIters', totalIters, { least: 1, whole: true })
  }

  protected override rates(initial: boolean): number[] {
    const { startFactor, endFactor, totalIters } = this.fields
    if (this.lastEpoch === 0) return this.present.map((lr) => lr * startFactor)
    if (initial || this.lastEpoch > totalIters) return this.present
    const rise = endFactor - startFactor
    const factor = 1 + rise / (totalIters * startFactor + (this.lastEpoch - 1) * rise)
    return this.present.map((lr) => lr * factor)
  }

  protected override firstRates(): number[] {
    return this.baseLrs.map((lr) => lr * this.fields.startFactor)
  }
}

type Lambda = (epoch: number) => number

/**
 * Multiplies the first learning rates by what a function gives for the epoch.
 * https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LambdaLR.html
 */
export class LambdaLR extends EpochScheduler<{ lrLambdas: readonly Lambda[] }> {
  /**
   * @param optimizer whose groups it changes
   * @param lrLambda from the epoch (from 0) to the factor; one function, or a list with one for each group
   * @throws {ArgumentError} for what is no optimiser, another number of functions than of groups, or a function that
   *   gives no number
   */
  constructor(optimizer: Optimizer, lrLambda: Lambda | readonly Lambda[]) {
    const groups: readonly unknown[] = optimizer?.paramGroups ?? []
    const lrLambdas: readonly Lambda[] = Array.isArray(lrLambda) ? [...lrLambda] : groups.map(() => lrLambda)
    super('LambdaLR', optimizer, { lrLambdas })
  }

  protected override check({ lrLambdas }: { lrLambdas: readonly Lambda[] }): void {
    const { length } = this.optimizer.paramGroups
    if (lrLambdas.length !== length) {
      throw new ArgumentError(
        `LambdaLR: lrLambda is a function, or a list of ${length}, one for each group, got ${lrLambdas.length}`,
      )
    }
    for (const lrLambda of lrLambdas) {
      if (typeof lrLambda === 'function') continue
      throw new ArgumentError(
        `LambdaLR: lrLambda is a function from the epoch to a factor, got ${kindOf(lrLambda)}`,
      )
    }
  }

  protected override rates(): number[] {
    return this.ratesAt(this.lastEpoch)
  }

  protected override firstRates(): number[] {
    return this.ratesAt(0)
  }

  protected ratesAt(epoch: number): number[] {
    return this.baseLrs.map((lr, i) => {
      const factor: unknown = this.fields.lrLambdas[i](epoch)
      if (typeof factor === 'number') return lr * factor
      throw new ArgumentError(`LambdaLR: lrLambda gives a factor, a number, got ${kindOf(factor)}`)
    })
  }

  /** Functions are not saved, as in PyTorch. */
  protected override save(): SchedulerStateDict {
    return { ...super.save(), lr_lambdas: this.fields.lrLambdas.map(() => null) }
  }

  protected override load(state: SchedulerStateDict): () => void {
    return super.load({ ...state, lr_lambdas: this.fields.lrLambdas })
  }
}
