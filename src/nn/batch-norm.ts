import { countedBatchNorm } from '../autograd/ops/batch-norm.js'
import { isRecording } from '../autograd/tape.js'
import type { Tensor } from '../tensor/tensor.js'
import { checkInput } from './layer.js'
import { checkMomentum, RunningNorm } from './running-norm.js'

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
export abstract class BatchNorm extends RunningNorm {
  #momentum: number | null
  readonly #currentMomentum = () => this.#momentum
  /** The most samples that training has normalised together; 0 before. An inspection asks, and puts it back. @internal */
  mostTogether = 0

  /**
   * @param numFeatures channels C of the input, at least 1
   * @throws {ArgumentError} for an option that is unknown or out of range
   */
  constructor(numFeatures: number, options: BatchNormLayerOptions = {}) {
    super(numFeatures, options, true)
    const { momentum = 0.1 } = options
    this.#momentum = momentum
  }

  /**
   * The weight of each new batch in the running statistics, from 0 to 1; null is the average over all. It may
   * be changed at any time.
   */
  override get momentum(): number | null {
    return this.#momentum
  }

  override set momentum(momentum: number | null) {
    checkMomentum(this.constructor.name, momentum)
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
    if (this.training && isRecording()) this.mostTogether = Math.max(this.mostTogether, x.shape[0])
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
