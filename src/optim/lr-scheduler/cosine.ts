/** Schedules that follow a cosine. */
import { checkNumber, checkOptions } from '../../check.js'
import type { Optimizer } from '../optimizer.js'
import { EpochScheduler } from './epoch-scheduler.js'

/** What each term of cosine's series has to the one before it, without the square: −1 / ((2k − 1) 2k). */
const SERIES = Array.from({ length: 10 }, (_, i) => -1 / ((2 * i + 1) * (2 * i + 2)))

/**
 * cos(πx), by sums and products alone: these every runtime rounds alike, where Math.cos may differ in its last bit, and
 * then training would not be reproducible.
 */
export function cosPi(x: number): number {
  let turn = Math.abs(x) % 2
  if (turn > 1) turn = 2 - turn
  // Now 0 … 1; from ½ on the complement, which is exact.
  const [sign, part] = turn > 0.5 ? [-1, 1 - turn] : [1, turn]
  // Below ¼ the series of cosine; above it that of sine, of the other angle.
  if (part > 0.25) return sign * sinOf(Math.PI * (0.5 - part))
  return sign * series(Math.PI * part, 0)
}

function sinOf(angle: number): number {
  return angle * series(angle, 1)
}

/** Σ (−1)ᵏ angle²ᵏ / (2k + shift)!: cosine, and with `shift` 1 sine by its angle. From the smallest term on. */
function series(angle: number, shift: 0 | 1): number {
  const square = angle * angle
  let sum = 0
  for (let k = SERIES.length - 1; k >= 0; k--) {
    const ratio = shift === 0 ? SERIES[k] : -1 / ((2 * k + 2) * (2 * k + 3))
    sum = square * ratio * (1 + sum)
  }
  return 1 + sum
}

/** Options of the cosine schedules. */
export interface CosineOptions {
  /** The least learning rate. Default 0. */
  etaMin?: number
}

interface Annealing {
  tMax: number
  etaMin: number
}

/**
 * The learning rates fall from their first value to `etaMin` along half a cosine, in `tMax` epochs, and then rise
 * again.
 * https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CosineAnnealingLR.html
 */
export class CosineAnnealingLR extends EpochScheduler<Annealing> {
  /**
   * @param optimizer whose groups it changes
   * @param tMax after how many epochs the rate is least
   * @throws {ArgumentError} for what is no optimiser, and an option that is unknown or out of range
   */
  constructor(optimizer: Optimizer, tMax: number, options: CosineOptions = {}) {
    checkOptions('CosineAnnealingLR', options, ['etaMin'])
    super('CosineAnnealingLR', optimizer, { tMax, etaMin: options.etaMin ?? 0 })
  }

  protected override check({ tMax, etaMin }: Annealing): void {
    checkNumber('CosineAnnealingLR', 'tMax', tMax, { least: 1, whole: true })
    checkNumber('CosineAnnealingLR', 'etaMin', etaMin, { least: 0 })
  }

  protected override rates(initial: boolean): number[] {
    const { tMax, etaMin } = this.fields
    const { lastEpoch, present } = this
    if (initial) return present
    if ((lastEpoch - 1 - tMax) % (2 * tMax) === 0) {
      return this.baseLrs.map((lr, i) => present[i] + ((lr - etaMin) * (1 - cosPi(1 / tMax))) / 2)
    }
    const factor = (1 + cosPi(lastEpoch / tMax)) / (1 + cosPi((lastEpoch - 1) / tMax))
    return present.map((lr) => factor * (lr - etaMin) + etaMin)
  }

  protected override firstRates(): number[] {
    return [...this.baseLrs]
  }
}

/** Options of CosineAnnealingWarmRestarts. */
export interface WarmRestartsOptions extends CosineOptions {
  /** How many times as long each period is as the one before it. Default 1. */
  tMult?: number
}

interface Restarts {
  t0: number
  /** Length of the present period. */
  tI: number
  tMult: number
  etaMin: number
  /** Epochs since the last restart. */
  tCur: number
}

/**
 * The learning rates fall to `etaMin` along half a cosine, and begin again with their first value.
 * https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CosineAnnealingWarmRestarts.html
 */
export class CosineAnnealingWarmRestarts extends EpochScheduler<Restarts> {
  /**
   * @param optimizer whose groups it changes
   * @param t0 epochs of the first period
   * @throws {ArgumentError} for what is no optimiser, and an option that is unknown or out of range
   */
  constructor(optimizer: Optimizer, t0: number, options: WarmRestartsOptions = {}) {
    checkOptions('CosineAnnealingWarmRestarts', options, ['tMult', 'etaMin'])
    const { tMult = 1, etaMin = 0 } = options
    super('CosineAnnealingWarmRestarts', optimizer, { t0, tI: t0, tMult, etaMin, tCur: 0 })
  }

  protected override check({ t0, tI, tMult, etaMin, tCur }: Restarts): void {
    const name = 'CosineAnnealingWarmRestarts'
    checkNumber(name, 't0', t0, { least: 1, whole: true })
    checkNumber(name, 'tMult', tMult, { least: 1, whole: true })
    checkNumber(name, 'etaMin', etaMin, { least: 0 })
    checkNumber(name, 'T_i', tI, { least: 1, whole: true })
    checkNumber(name, 'T_cur', tCur, { least: 0, below: tI })
  }

  protected override rates(initial: boolean): number[] {
    const { fields } = this
    fields.tCur++
    if (initial) {
      fields.tCur = 0
      fields.tI = fields.t0
    } else if (fields.tCur >= fields.tI) {
      fields.tCur %= fields.tI
      fields.tI *= fields.tMult
    }
    return this.firstRates()
  }

  protected override firstRates(): number[] {
    const { tCur, tI, etaMin } = this.fields
    return this.baseLrs.map((lr) => etaMin + ((lr - etaMin) * (1 + cosPi(tCur / tI))) / 2)
  }
}
