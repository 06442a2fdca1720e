import { nn, noGrad, ones, randn, type Tensor, zeros } from '../index.node.js'
import type { NetName } from './options.js'

/**
 * Batch normalisation of [N, C] written by hand with tensor operations, as the notebook has it: gamma and
 * beta start as normal random numbers, and evaluation uses moving statistics. Two of the notebook's traps
 * are mended: the moving statistics are kept outside of the graph, and their variance is unbiased.
 */
export class BatchNormByHand extends nn.Module {
  readonly gamma: nn.Parameter
  readonly beta: nn.Parameter
  declare readonly movingMean: Tensor
  declare readonly movingVar: Tensor

  /**
   * @param movingMomentum the weight of the OLD value, as in the notebook (which had 0.1): 1 − PyTorch's
   *   momentum
   */
  constructor(
    features: number,
    readonly movingMomentum = 0.9,
    readonly eps = 1e-5,
  ) {
    super()
    this.gamma = new nn.Parameter(randn([features]))
    this.beta = new nn.Parameter(randn([features]))
    this.registerBuffer('movingMean', zeros([1, features]))
    this.registerBuffer('movingVar', ones([1, features]))
  }

  forward(x: Tensor): Tensor {
    const { gamma, beta, eps } = this
    if (!this.training) {
      return x.sub(this.movingMean).div(this.movingVar.add(eps).sqrt()).mul(gamma).add(beta)
    }
    const mean = x.mean({ dim: 0, keepdim: true })
    const centred = x.sub(mean)
    const variance = centred.pow(2).mean({ dim: 0, keepdim: true })
    const n = x.shape[0]
    this.#move(this.movingMean, mean, 1)
    this.#move(this.movingVar, variance, n / (n - 1))
    return centred.div(variance.add(eps).sqrt()).mul(gamma).add(beta)
  }

  #move(moving: Tensor, batch: Tensor, correction: number): void {
    const old = this.movingMomentum
    noGrad(() => moving.copy_(moving.mul(old).add(batch.mul((1 - old) * correction))))
  }
}

const HIDDEN = 100

function mlp(...normalisation: nn.Module[]): nn.Module {
  return new nn.Sequential(
    new nn.Flatten(),
    new nn.Linear(784, HIDDEN),
    ...normalisation,
    new nn.ReLU(),
    new nn.Linear(HIDDEN, 10),
  )
}

function cnn(normalised: boolean): nn.Module {
  const norm = (channels: number) => (normalised ? [new nn.BatchNorm2d(channels)] : [])
  return new nn.Sequential(
    new nn.Conv2d(1, 6, 3, { padding: 1 }),
    ...norm(6),
    new nn.ReLU(),
    new nn.MaxPool2d(2, { stride: 2 }),
    new nn.Conv2d(6, 16, 5),
    ...norm(16),
    new nn.ReLU(),
    new nn.MaxPool2d(2, { stride: 2 }),
    new nn.Flatten(),
    new nn.Linear(400, 10),
  )
}

/** A job of the notebook: a net, its epochs, and what the notebook printed. */
export interface Job {
  make(): nn.Module
  epochs: number
  /** The notebook's validation accuracy after the first and the last epoch. */
  notebook: readonly [first: number, last: number] | undefined
}

export const JOBS: Readonly<Record<NetName, Job>> = {
  'mlp-bn': { make: () => mlp(new BatchNormByHand(HIDDEN)), epochs: 10, notebook: [0.9439, 0.9677] },
  'mlp-bn-layer': { make: () => mlp(new nn.BatchNorm1d(HIDDEN)), epochs: 10, notebook: undefined },
  mlp: { make: () => mlp(), epochs: 10, notebook: [0.9488, 0.9699] },
  'cnn-bn': { make: () => cnn(true), epochs: 5, notebook: [0.9706, 0.9866] },
  cnn: { make: () => cnn(false), epochs: 5, notebook: [0.9777, 0.9823] },
}
