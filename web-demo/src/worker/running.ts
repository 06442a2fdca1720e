/** Batch norm's running statistics as a step moves them. */
import { nn, noGrad, tensor } from 'simdgrad'
import { CHANNELS, type Running } from '../protocol.js'
import { isBatchNorm } from './nets.js'

interface Pair {
  mean: Float32Array
  variance: Float32Array
}

const read = (net: nn.Sequential): Pair[] =>
  net.modules.filter(isBatchNorm).map(({ runningMean, runningVar }) => ({
    mean: runningMean?.toFloat32Array() ?? new Float32Array(0),
    variance: runningVar?.toFloat32Array() ?? new Float32Array(0),
  }))

/**
 * The statistics around a step. The batch's own need no second look at the data: of
 * running' = (1 − momentum) · running + momentum · batch all but the batch is known.
 */
export class StepStatistics {
  readonly #before: Pair[]
  /** Running variances as the step has left them, before they were biased. */
  readonly #unbiased: Float32Array[] = []

  /** Before the step. */
  constructor(readonly net: nn.Sequential) {
    this.#before = read(net)
  }

  /**
   * Puts the biased variance in the place of the unbiased one that the step has taken in: the notebook's trap.
   * With m values a channel it is (m − 1) / m times as large.
   *
   * @param batch digits in the step
   */
  bias(batch: number, pixels: readonly number[]): void {
    const norms = this.net.modules.filter(isBatchNorm)
    for (const [i, norm] of norms.entries()) {
      const { runningVar, momentum } = norm
      if (!runningVar) continue
      const kept = 1 - (momentum ?? 0)
      const m = batch * pixels[i]
      const now = runningVar.toFloat32Array()
      const old = this.#before[i].variance
      this.#unbiased[i] = now
      const biased = now.map((value, c) => kept * old[c] + (value - kept * old[c]) * ((m - 1) / m))
      noGrad(() => runningVar.copy_(tensor(biased)))
    }
  }

  /** After the step: the first channels of each layer. */
  after(): Running | undefined {
    const norms = this.net.modules.filter(isBatchNorm)
    if (norms.length === 0) return undefined
    const after = read(this.net)
    const all = () => new Float32Array(norms.length * CHANNELS).fill(Number.NaN)
    const running: Running = { batchMean: all(), batchVar: all(), runningMean: all(), runningVar: all() }
    for (const [i, { mean, variance }] of after.entries()) {
      const momentum = norms[i].momentum ?? 0
      const before = this.#before[i]
      const taken = this.#unbiased[i] ?? variance
      for (let c = 0; c < Math.min(CHANNELS, mean.length); c++) {
        const at = i * CHANNELS + c
        running.runningMean[at] = mean[c]
        running.runningVar[at] = variance[c]
        running.batchMean[at] = (mean[c] - (1 - momentum) * before.mean[c]) / momentum
        running.batchVar[at] = (taken[c] - (1 - momentum) * before.variance[c]) / momentum
      }
    }
    return running
  }
}

/** Values of a channel in one digit, for each batch norm: pixels, or 1. */
export function pixelsOf(net: nn.Sequential): number[] {
  let size = 28
  const pixels: number[] = []
  for (const module of net.modules) {
    if (module instanceof nn.BatchNorm1d) pixels.push(1)
    if (module instanceof nn.BatchNorm2d) pixels.push(size * size)
    if (module instanceof nn.MaxPool2d) size = Math.floor(size / 2)
  }
  return pixels
}
