// The notebook's batch normalisation with moving statistics, written by hand with tensor operations.
import { nn, noGrad, ones, randn, zeros } from 'simdgrad'

/** @typedef {import('simdgrad').Tensor} Tensor */

/** Batch normalisation of [N, features]. */
export class MovingBatchNorm extends nn.Module {
  /**
   * @param {number} features
   * @param {number} movingMomentum the weight of the OLD value, as in the notebook; 1 − this is PyTorch's momentum
   */
  constructor(features, movingMomentum) {
    super()
    this.movingMomentum = movingMomentum
    this.eps = 1e-5
    this.gamma = new nn.Parameter(randn([features]))
    this.beta = new nn.Parameter(randn([features]))
    // Buffers are saved with the net and are never trained.
    this.movingMean = zeros([1, features])
    this.movingVar = ones([1, features])
    this.registerBuffer('movingMean', this.movingMean)
    this.registerBuffer('movingVar', this.movingVar)
  }

  /** @param {Tensor} x */
  forward(x) {
    return this.training ? this.normalizeByBatch(x) : this.normalize(x.sub(this.movingMean), this.movingVar)
  }

  /** @param {Tensor} x */
  normalizeByBatch(x) {
    const mean = x.mean({ dim: 0, keepdim: true })
    const centred = x.sub(mean)
    const variance = centred.pow(2).mean({ dim: 0, keepdim: true })
    this.move(mean, variance, x.shape[0])
    return this.normalize(centred, variance)
  }

  /**
   * @param {Tensor} centred
   * @param {Tensor} variance
   */
  normalize(centred, variance) {
    return centred.div(variance.add(this.eps).sqrt()).mul(this.gamma).add(this.beta)
  }

  /**
   * Moves the statistics towards the batch's, outside of the graph (trap 2), with the unbiased variance (trap 4).
   *
   * @param {Tensor} mean
   * @param {Tensor} variance
   * @param {number} n samples of the batch
   */
  move(mean, variance, n) {
    const old = this.movingMomentum
    noGrad(() => {
      this.movingMean.copy_(this.movingMean.mul(old).add(mean.mul(1 - old)))
      this.movingVar.copy_(this.movingVar.mul(old).add(variance.mul(((1 - old) * n) / (n - 1))))
    })
  }
}
