import { namedInstanceNorm } from '../autograd/ops/group-norm.js'
import type { Tensor } from '../tensor/tensor.js'
import { checkInput } from './layer.js'
import { RunningNorm } from './running-norm.js'

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
export abstract class InstanceNorm extends RunningNorm {
  /** The weight of each new batch in the running statistics; null is 0. */
  override readonly momentum: number | null

  /**
   * @param numFeatures channels C of the input, at least 1
   * @throws {ArgumentError} for an option that is unknown or out of range
   */
  constructor(numFeatures: number, options: InstanceNormLayerOptions = {}) {
    super(numFeatures, options, false)
    const { momentum = 0.1 } = options
    this.momentum = momentum
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
