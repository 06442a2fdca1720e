/** The numbers of one layer. */
import type { Tensor } from '../../tensor/tensor.js'
import { type Measured, median } from './measure.js'
import type { NormLayer } from './norm-layers.js'
import type { ChannelReport, Histogram, NormReport } from './types.js'

/** What is known of a layer. */
interface Known {
  mode: NormReport['mode']
  measured: Measured | undefined
  running: { mean: ArrayLike<number>; variance: ArrayLike<number> }
  errorShare: number
  /** The largest output of each channel, where only ReLUs read them. */
  largest: ArrayLike<number> | undefined
  before?: Histogram
  after?: Histogram
}

/** Weights below this share of the layer's usual one are as good as 0. */
const ABOUT_NOTHING = 1e-3

export function reportOfLayer(layer: NormLayer, known: Known): NormReport {
  const { measured, running } = known
  const gammas = layer.gamma?.toFloat32Array()
  const betas = layer.beta?.toFloat32Array()
  const usualGamma = gammas ? median(Array.from(gammas, Math.abs)) || 1 : 1
  const usualVar = measured ? median([...measured.all.variance]) || 1 : 1
  const n = measured?.all.n ?? 0
  const channels = Array.from({ length: layer.channels }, (_, channel): ChannelReport => {
    const trueMean = measured?.all.mean[channel] ?? Number.NaN
    const trueVar = ((measured?.all.variance[channel] ?? Number.NaN) * n) / (n - 1)
    const [runningMean, runningVar] = [running.mean[channel], running.variance[channel]]
    const gamma = gammas?.[channel] ?? 1
    let dead: ChannelReport['dead']
    if (Math.abs(gamma) < ABOUT_NOTHING * usualGamma) dead = 'gamma'
    else if (trueVar < 1e-6 * usualVar || trueVar < 1e-3 * layer.eps) dead = 'variance'
    else if (known.largest && known.largest[channel] <= 0) dead = 'relu'
    return {
      channel,
      runningMean,
      runningVar,
      trueMean,
      trueVar,
      // eps belongs to the spread, as in the layer: a channel of no variance has no drift to speak of.
      drift: (runningMean - trueMean) / Math.sqrt(trueVar + layer.eps),
      varianceRatio: (runningVar + layer.eps) / (trueVar + layer.eps),
      gamma,
      beta: betas?.[channel] ?? 0,
      dead,
    }
  })
  const spread = (c: number) => Math.sqrt((measured?.samples.variance[c] ?? Number.NaN) + layer.eps)
  const rule = measured?.rule
  const biasedShare = rule ? (rule.n - 1) / rule.n : 1
  return {
    path: layer.path,
    type: layer.module.constructor.name,
    mode: known.mode,
    momentum: layer.ours ? layer.momentum : rule?.momentum,
    batchesTracked: layer.tracked(),
    drift: rootMeanSquare(channels.map(({ drift }) => drift)),
    driftOfSamples: rootMeanSquare(
      channels.map(({ runningMean, trueMean }, c) => (runningMean - trueMean) / spread(c)),
    ),
    varianceRatio: median(channels.map(({ varianceRatio }) => varianceRatio)),
    biased:
      !layer.ours && rule !== undefined && Math.abs(rule.ofUnbiased - biasedShare) < (1 - biasedShare) / 4,
    errorShare: known.errorShare,
    channels,
    before: known.before,
    after: known.after,
  }
}

export function rootMeanSquare(values: readonly number[]): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length)
}

const BINS = 40

/** Of at most some thousand values, without the outermost thousandth. */
export function histogramOf(x: Tensor): Histogram {
  const all = x.toFloat32Array()
  const step = Math.max(1, Math.floor(all.length / 4099))
  const values = all.filter((_, i) => i % step === 0).sort()
  const cut = Math.floor(values.length / 1000)
  const [from, to] = [values[cut] ?? 0, values[values.length - 1 - cut] ?? 0]
  const counts = Array.from({ length: BINS }, () => 0)
  const width = (to - from) / BINS || 1
  for (const value of values) {
    if (value < from || value > to) continue
    counts[Math.min(BINS - 1, Math.floor((value - from) / width))]++
  }
  return { from, to, counts }
}
