/** What batch and instance norm share: parameters and running statistics of each channel. */
import { checkBoolean, checkNumber, checkOptions, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { ones, zeros } from '../tensor/create.js'
import type { Tensor } from '../tensor/tensor.js'
import { numberText } from './layer.js'
import { Module, Parameter } from './module.js'

interface Options {
  eps?: number
  momentum?: number | null
  affine?: boolean
  trackRunningStats?: boolean
}

/** (The layers' published types name it.) */
export abstract class RunningNorm extends Module {
  /** [numFeatures], γ; null without `affine`. */
  readonly weight: Parameter | null
  /** [numFeatures], β; null without `affine`. */
  readonly bias: Parameter | null
  /** [numFeatures], of means, 0 at first; undefined without `trackRunningStats`. */
  declare readonly runningMean: Tensor | undefined
  /** [numFeatures], of unbiased variances, 1 at first; undefined without `trackRunningStats`. */
  declare readonly runningVar: Tensor | undefined
  /** Batches seen in training, of shape []; undefined without `trackRunningStats`. Only batch norm counts, as in PyTorch. */
  declare readonly numBatchesTracked: Tensor | undefined
  /** Added to the variance. */
  readonly eps: number
  /** The weight of each new batch in the running statistics, or null. */
  abstract readonly momentum: number | null

  protected abstract readonly ranks: readonly number[]

  /**
   * @param numFeatures channels C of the input, at least 1
   * @param options those of the layer
   * @param defaults whether weight and bias are trained, and running statistics kept, unless the options say so
   * @throws {ArgumentError} for an option that is unknown or out of range
   */
  constructor(
    readonly numFeatures: number,
    options: Options,
    defaults: boolean,
  ) {
    super()
    const { name } = this.constructor
    checkOptions(name, options, ['eps', 'momentum', 'affine', 'trackRunningStats'])
    const { eps = 1e-5, momentum = 0.1, affine = defaults, trackRunningStats = defaults } = options
    checkNumber(name, 'numFeatures', numFeatures, { least: 1, whole: true })
    checkNumber(name, 'eps', eps, { least: 0 })
    checkMomentum(name, momentum)
    checkBoolean(name, 'affine', affine)
    checkBoolean(name, 'trackRunningStats', trackRunningStats)
    this.eps = eps
    this.weight = affine ? new Parameter(ones([numFeatures])) : null
    this.bias = affine ? new Parameter(zeros([numFeatures])) : null
    if (trackRunningStats) {
      this.registerBuffer('runningMean', zeros([numFeatures]))
      this.registerBuffer('runningVar', ones([numFeatures]))
      this.registerBuffer('numBatchesTracked', zeros([]))
    }
  }

  override extraRepr(): string {
    const { numFeatures, eps, momentum, weight, runningMean } = this
    const more = `affine=${weight !== null}, trackRunningStats=${runningMean !== undefined}`
    return `${numFeatures}, eps=${numberText(eps)}, momentum=${momentum}, ${more}`
  }
}

/** @throws {ArgumentError} unless it is a weight, or null */
export function checkMomentum(name: string, momentum: unknown): void {
  if (momentum === null || (typeof momentum === 'number' && momentum >= 0 && momentum <= 1)) return
  throw new ArgumentError(`${name}: momentum is a number from 0 to 1 or null, got ${kindOf(momentum)}`)
}
