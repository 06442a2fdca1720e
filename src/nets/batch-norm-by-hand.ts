import { nn, noGrad, ones, randn, ShapeError, type Tensor, zeros } from '../public.js'

/**
 * Batch normalisation of [N, features] written by hand with tensor operations, as the notebook has it: gamma and
 * beta start as normal random numbers, and evaluation uses moving statistics. Two of the notebook's traps are
 * mended: the moving statistics are kept outside of the graph, and their variance is unbiased. (nn.BatchNorm1d is
 * faster, and has PyTorch's momentum.)
 */
export class BatchNormByHand extends nn.Module {
  /** [features]. */
  readonly gamma: nn.Parameter
  /** [features]. */
  readonly beta: nn.Parameter
  /** [1, features], 0 at first. A buffer: saved with the net, and never trained. */
  declare movingMean: Tensor
  /** [1, features], 1 at first. A buffer. */
  declare movingVar: Tensor

  /**
   * @param features of the input
   * @param movingMomentum the weight of the OLD value, as in the notebook (which had 0.1): 1 − PyTorch's
   *   momentum
   * @param eps added to the variance
   */
  constructor(
    readonly features: number,
    readonly movingMomentum = 0.9,
    readonly eps = 1e-5,
  ) {
    super()
    this.gamma = new nn.Parameter(randn([features]))
    this.beta = new nn.Parameter(randn([features]))
    this.registerBuffer('movingMean', zeros([1, features]))
    this.registerBuffer('movingVar', ones([1, features]))
  }

  /**
   * `x` normalised, with its own statistics in training and the moving ones in evaluation.
   *
   * @param x [N, features]
   * @throws {ShapeError} in training, for a single sample
   */
  forward(x: Tensor): Tensor {
    if (!this.training) return this.#scale(x.sub(this.movingMean), this.movingVar)
    const samples = x.shape[0]
    if (samples < 2) {
      throw new ShapeError(
        `BatchNormByHand(${this.features}): expected more than one sample in training, got an input of shape [${x.shape}]`,
      )
    }
    const mean = x.mean({ dim: 0, keepdim: true })
    const centred = x.sub(mean)
    const variance = centred.pow(2).mean({ dim: 0, keepdim: true })
    this.move(mean, variance, samples)
    return this.#scale(centred, variance)
  }

  /**
   * Moves the statistics towards a batch's, outside of the graph (trap 2), with the unbiased variance (trap 4).
   * The examples' traps are classes that do it otherwise.
   *
   * @param mean [1, features], of the batch
   * @param variance [1, features], biased
   * @param samples of the batch
   */
  move(mean: Tensor, variance: Tensor, samples: number): void {
    const old = this.movingMomentum
    const unbiased = samples / (samples - 1)
    noGrad(() => {
      this.movingMean.copy_(this.movingMean.mul(old).add(mean.mul(1 - old)))
      this.movingVar.copy_(this.movingVar.mul(old).add(variance.mul((1 - old) * unbiased)))
    })
  }

  #scale(centred: Tensor, variance: Tensor): Tensor {
    return centred.div(variance.add(this.eps).sqrt()).mul(this.gamma).add(this.beta)
  }
}
