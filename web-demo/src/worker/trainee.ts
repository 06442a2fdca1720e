import { nn, type optim } from 'simdgrad'
import type { Norm, Settings } from '../settings.js'
import type { Batch } from './digits.js'
import { buildNet, buildOptimizer, isBatchNorm } from './nets.js'

const loss = new nn.CrossEntropyLoss()

/** A net in training. */
export class Trainee {
  readonly net: nn.Sequential
  optimizer: optim.Optimizer
  /** The step at which its loss was no number any more: it trains no further. */
  divergedAt: number | undefined
  imagesPerSecond = 0
  /** Milliseconds of the last step. */
  took = 0
  /** Sum and number of losses since the last point. */
  #sum = 0
  #losses = 0
  /** Images and milliseconds since the last report of speed. */
  #images = 0
  #milliseconds = 0

  constructor(
    settings: Settings,
    readonly norm: Norm | undefined,
  ) {
    this.net = buildNet(settings, norm)
    this.optimizer = buildOptimizer(settings, this.net)
  }

  /** Takes settings that build no net. */
  change(settings: Settings, otherOptimizer: boolean): void {
    if (otherOptimizer) this.optimizer = buildOptimizer(settings, this.net)
    this.optimizer.lr = settings.lr
    for (const module of this.net.modules) if (isBatchNorm(module)) module.momentum = settings.momentum
  }

  step({ x, y }: Batch, step: number): void {
    if (this.divergedAt !== undefined) return
    const start = performance.now()
    const value = loss.forward(this.net.forward(x), y)
    const number = value.item()
    if (!Number.isFinite(number)) {
      this.divergedAt = step
      return
    }
    this.optimizer.zeroGrad()
    value.backward()
    this.optimizer.step()
    this.#sum += number
    this.#losses++
    this.took = performance.now() - start
    this.#images += y.shape[0]
    this.#milliseconds += this.took
  }

  /** The mean loss since this was asked last; NaN where there was none. */
  takeLoss(): number {
    const mean = this.#losses > 0 ? this.#sum / this.#losses : Number.NaN
    this.#sum = 0
    this.#losses = 0
    return mean
  }

  /** Images a second: over long enough to be steady, short enough to follow a change of the batch size. */
  speed(): number {
    if (this.#milliseconds > 200) {
      this.imagesPerSecond = (this.#images / this.#milliseconds) * 1000
      this.#images = 0
      this.#milliseconds = 0
    }
    return this.imagesPerSecond
  }
}
