import { countedBatchNorm } from '../autograd/ops/batch-norm.js'
import { checkBoolean, checkNumber, checkOptions, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { ones, zeros } from '../tensor/create.js'
import type { Tensor } from '../tensor/tensor.js'
import { checkInput, numberText } from './layer.js'
import { Module, Parameter } from './module.js'

/** Options of BatchNorm1d, BatchNorm2d and BatchNorm3d. */
export interface BatchNormLayerOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number
  /**
   * The weight of each new batch in the running statistics: `running = (1 − momentum) · running + momentum ·
   * batch`. (Keras, and the notebook's `moving_momentum`, weigh the old value: theirs is 1 − this.) null is
   * the average over all batches since the start. Default 0.1.
   */
  momentum?: number | null
  /** Whether weight and bias are trained. Default true. */
  affine?: boolean
  /** Whether to keep running statistics; without, evaluation too uses the batch's. Default true. */
  trackRunningStats?: boolean
}

/** What BatchNorm1d, BatchNorm2d and BatchNorm3d share: all but the shapes that they take. (Their published types name it.) */
export abstract class BatchNorm extends Module {
  /** [numFeatures], γ; null without `affine`. */
  readonly weight: Parameter | null
  /** [numFeatures], β; null without `affine`. */
  readonly bias: Parameter | null
  /** [numFeatures], of means, 0 at first; undefined without `trackRunningStats`. */
  declare readonly runningMean: Tensor | undefined
  /** [numFeatures], of unbiased variances, 1 at first; undefined without `trackRunningStats`. */
  declare readonly runningVar: Tensor | undefined
  /** Batches seen in training, of shape []; undefined without `trackRunningStats`. */
  declare readonly numBatchesTracked: Tensor | undefined
  /** Added to the variance. */
  readonly eps: number
  #momentum: number | null = null
  readonly #currentMomentum = () => this.#momentum

  protected abstract readonly ranks: readonly number[]

  /**
   * @param numFeatures channels C of the input, at least 1
   * @throws {ArgumentError} for an option that is unknown or out of range
   */
  constructor(
    readonly numFeatures: number,
    options: BatchNormLayerOptions = {},
  ) {
    super()
    checkOptions(this.constructor.name, options, ['eps', 'momentum', 'affine', 'trackRunningStats'])
    const { eps = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true } = options
    const name = this.constructor.name
    if (!Number.isInteger(numFeatures) || numFeatures < 1) {
      throw new ArgumentError(`${name}: expected a whole number of features, got ${kindOf(numFeatures)}`)
    }
    checkNumber(name, 'eps', eps, { least: 0 })
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
   * The weight of each new batch in the running statistics, from 0 to 1; null is the average over all. It may
   * be changed at any time.
   */
  get momentum(): number | null {
    return this.#momentum
  }

  set momentum(momentum: number | null) {
    if (momentum !== null && !(typeof momentum === 'number' && momentum >= 0 && momentum <= 1)) {
      throw new ArgumentError(
        `${this.constructor.name}: momentum is a number from 0 to 1 or null, got ${kindOf(momentum)}`,
      )
    }
    this.#momentum = momentum
  }

  /**
   * The batch, normalised, and in training the running statistics moved.
   *
   * @param x of the class's shapes, C being `numFeatures`
   * @returns the shape of `x`
   * @throws {ShapeError} for another shape, or in training for one value per channel
   */
  override forward(x: Tensor): Tensor {
    const name = `${this.constructor.name}(${this.numFeatures})`
    checkInput(name, x, this.ranks, this.numFeatures, `${this.numFeatures} features`)
    const { runningMean = null, runningVar = null, numBatchesTracked, weight, bias, eps } = this
    const training = this.training || !runningMean
    const counted = this.training ? numBatchesTracked : undefined
    const running = { runningMean, runningVar, numBatchesTracked: counted }
    return countedBatchNorm(x, {
      weight,
      bias,
      training,
      momentum: this.#currentMomentum,
      eps,
      name,
      ...running,
    })
  }

  /** @internal */
  override get libraryForward(): unknown {
    return BatchNorm.prototype.forward
  }

  override extraRepr(): string {
    const { numFeatures, eps, momentum, weight, runningMean } = this
    const more = `affine=${weight !== null}, trackRunningStats=${runningMean !== undefined}`
    return `${numFeatures}, eps=${numberText(eps)}, momentum=${momentum}, ${more}`
  }
}

/**
 * Batch normalisation of (N, C) or (N, C, L): `(x − mean) / √(var + eps) · weight + bias` for each channel, with
 * the batch's mean and biased variance in training and the running ones in evaluation (Ioffe and Szegedy, 2015).
 * https://pytorch.org/docs/stable/generated/torch.nn.BatchNorm1d.html
 */
export class BatchNorm1d extends BatchNorm {
  protected override readonly ranks = [2, 3]
}

/**
 * Batch normalisation of (N, C, H, W): `(x − mean) / √(var + eps) · weight + bias` for each channel, with the
 * batch's mean and biased variance in training and the running ones in evaluation (Ioffe and Szegedy, 2015).
 * https://pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html
 */
export class BatchNorm2d extends BatchNorm {
  protected override readonly ranks = [4]
}

/**
 * Batch normalisation of (N, C, D, H, W): `(x − mean) / √(var + eps) · weight + bias` for each channel, with the
 * batch's mean and biased variance in training and the running ones in evaluation (Ioffe and Szegedy, 2015).
 * https://pytorch.org/docs/stable/generated/torch.nn.BatchNorm3d.html
 */
export class BatchNorm3d extends BatchNorm {
  protected override readonly ranks = [5]
}
