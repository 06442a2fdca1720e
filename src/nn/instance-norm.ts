import { namedInstanceNorm } from '../autograd/ops/group-norm.js'
import { checkBoolean, checkNumber, checkOptions } from '../check.js'
import { ones, zeros } from '../tensor/create.js'
import type { Tensor } from '../tensor/tensor.js'
import { checkInput, numberText } from './layer.js'
import { Module, Parameter } from './module.js'

/** Options of InstanceNorm1d and InstanceNorm2d. */
export interface InstanceNormLayerOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number
  /** The weight of each new batch in the running statistics; null, as PyTorch's None, is 0. Default 0.1. */
  momentum?: number | null
  /** Whether weight and bias are trained. Default false. */
  affine?: boolean
  /** Whether to keep running statistics, with which evaluation normalises. Default false. */
  trackRunningStats?: boolean
}

/** What InstanceNorm1d and InstanceNorm2d share: all but the shapes that they take. (Their published types name it.) */
export abstract class InstanceNorm extends Module {
  /** [numFeatures], γ; null without `affine`. */
  readonly weight: Parameter | null
  /** [numFeatures], β; null without `affine`. */
  readonly bias: Parameter | null
  /** [numFeatures], of means, 0 at first; undefined without `trackRunningStats`. */
  declare readonly runningMean: Tensor | undefined
  /** [numFeatures], of unbiased variances, 1 at first; undefined without `trackRunningStats`. */
  declare readonly runningVar: Tensor | undefined
  /** Of shape [], in the state dict as in PyTorch, which does not count here either; undefined without `trackRunningStats`. */
  declare readonly numBatchesTracked: Tensor | undefined
  /** Added to the variance. */
  readonly eps: number
  /** The weight of each new batch in the running statistics; null is 0. */
  readonly momentum: number | null

  protected abstract readonly ranks: readonly number[]

  /**
   * @param numFeatures channels C of the input, at least 1
   * @throws {ArgumentError} for an option that is unknown or out of range
   */
  constructor(
    readonly numFeatures: number,
    options: InstanceNormLayerOptions = {},
  ) {
    super()
    const name = this.constructor.name
    checkNumber(name, 'numFeatures', numFeatures, { least: 1, whole: true })
    checkOptions(name, options, ['eps', 'momentum', 'affine', 'trackRunningStats'])
    const { eps = 1e-5, momentum = 0.1, affine = false, trackRunningStats = false } = options
    checkNumber(name, 'eps', eps, { least: 0 })
    if (momentum !== null) checkNumber(name, 'momentum', momentum, { least: 0, most: 1 })
    checkBoolean(name, 'affine', affine)
    checkBoolean(name, 'trackRunningStats', trackRunningStats)
    this.eps = eps
    this.momentum = momentum
    this.weight = affine ? new Parameter(ones([numFeatures])) : null
    this.bias = affine ? new Parameter(zeros([numFeatures])) : null
    if (trackRunningStats) {
      this.registerBuffer('runningMean', zeros([numFeatures]))
      this.registerBuffer('runningVar', ones([numFeatures]))
      this.registerBuffer('numBatchesTracked', zeros([]))
    }
  }

  /**
   * Each channel of each sample, normalised, and in training the running statistics moved, where they are kept.
   *
   * @param x of the class's shapes, C being `numFeatures`
   * @returns the shape of `x`
   * @throws {ShapeError} for another shape, or for one value per channel where it is normalised with its own statistics
   */
  override forward(x: Tensor): Tensor {
    const name = `${this.constructor.name}(${this.numFeatures})`
    checkInput(name, x, this.ranks, this.numFeatures, `${this.numFeatures} features`)
    const { runningMean = null, runningVar = null, weight, bias, eps } = this
    const useInputStats = this.training || !runningMean
    const momentum = this.momentum ?? 0
    return namedInstanceNorm(name, x, { runningMean, runningVar, weight, bias, useInputStats, momentum, eps })
  }

  /** @internal */
  override get libraryForward(): unknown {
    return InstanceNorm.prototype.forward
  }

  override extraRepr(): string {
    const { numFeatures, eps, momentum, weight, runningMean } = this
    const more = `affine=${weight !== null}, trackRunningStats=${runningMean !== undefined}`
    return `${numFeatures}, eps=${numberText(eps)}, momentum=${momentum}, ${more}`
  }
}

/**
 * Instance normalisation of (N, C, L): `(x − mean) / √(var + eps) · weight + bias` for each channel of each sample
 * (Ulyanov, Vedaldi and Lempitsky, 2016).
 * https://pytorch.org/docs/stable/generated/torch.nn.InstanceNorm1d.html
 */
export class InstanceNorm1d extends InstanceNorm {
  protected override readonly ranks = [3]
}

/**
 * Instance normalisation of (N, C, H, W): `(x − mean) / √(var + eps) · weight + bias` for each channel of each sample
 * (Ulyanov, Vedaldi and Lempitsky, 2016).
 * https://pytorch.org/docs/stable/generated/torch.nn.InstanceNorm2d.html
 */
export class InstanceNorm2d extends InstanceNorm {
  protected override readonly ranks = [4]
}
