/** What advice is drawn from, and how far off counts as wrong. */
import type { GrowingField } from './graph.js'
import { type Measured, median } from './measure.js'
import type { NormLayer } from './norm-layers.js'
import type { Samples } from './samples.js'
import { percent, short } from './table.js'
import type { AdviceCode, ModeReport, NormReport } from './types.js'

/** A layer with all that was seen of it. */
export interface Witness {
  report: NormReport
  layer: NormLayer
  measured: Measured | undefined
  /** Forwards in training mode, and steps of the optimiser. */
  steps: { forwards: number; steps: number } | undefined
  /** The most samples that training normalised together; 0 where nobody knows, as of a net from a file. */
  together: number
}

/** All that was seen. */
export interface Evidence {
  layers: readonly Witness[]
  /** Whether the net was in training mode. */
  rootTraining: boolean
  modes: ModeReport
  outputError: number
  samples: Samples
  inGraph: readonly GrowingField[]
  /** The class that the net answers most often, with the data's statistics; undefined without classes. */
  answer: { label: number; share: number } | undefined
  /** Of each class: the means of each layer's channels; undefined where no layer is as far off as classes are. */
  classMeans: readonly (readonly Float64Array[])[] | undefined
}

/** A cause: what it says, of which layers, and whether it explains that their statistics are off. */
export interface Cause {
  code: AdviceCode
  witnesses: readonly Witness[]
  text: string
  /** Whether it explains that these layers' statistics are off: then nothing else is looked for in them. */
  explains?: boolean
  /** Whether it explains that those of the others are, too. */
  explainsAll?: boolean
}

/** Looks at the evidence; `left` are the layers whose statistics nothing explains yet. */
export type Look = (evidence: Evidence, left: readonly Witness[]) => Cause[]

/**
 * A mean this many standard deviations off is wrong. Where weights still move, the average lags behind them by 0.05 to
 * 0.3; the healthy nets of test/train/inspect.test.ts stay below.
 */
const OFF_MEAN = 0.5
/** From here on statistics may be those of one class. */
export const CLASS_DRIFT = 0.3
/** And so are variances that are twice or half as large. */
const OFF_VARIANCE = Math.log(2)

/** The root mean square of the logarithms of a layer's ratios of variances. */
export function logRatio({ channels }: NormReport): number {
  const logs = channels.map(({ varianceRatio }) => Math.log(varianceRatio)).filter(Number.isFinite)
  return Math.sqrt(logs.reduce((sum, log) => sum + log * log, 0) / Math.max(1, logs.length))
}

/** Whether a layer's running statistics are not those of the data. */
export function isOff({ report }: Witness): boolean {
  return report.drift > OFF_MEAN || logRatio(report) > OFF_VARIANCE
}

/** Whether evaluation is clearly worse than it would be with the statistics of the data. */
export function hurts({ modes: { evaluation, recalibrated }, samples, outputError }: Evidence): boolean {
  if (evaluation.accuracy !== undefined && recalibrated.accuracy !== undefined) {
    const p = recalibrated.accuracy
    const noise = Math.sqrt(Math.max(p * (1 - p), 0.01) / samples.count)
    if (p - evaluation.accuracy > Math.max(0.03, 4 * noise)) return true
  }
  if (evaluation.loss !== undefined && recalibrated.loss !== undefined) {
    return evaluation.loss > 1.5 * recalibrated.loss + 0.05
  }
  return outputError > 0.5
}

/** 'layer 1' or 'layers 1, 5 and 9'. */
export function named(witnesses: readonly Witness[]): string {
  const paths = witnesses.map(({ report: { path } }) => path || 'the net')
  if (paths.length === 1) return `layer ${paths[0]}`
  const shown = paths.length > 5 ? [...paths.slice(0, 4), `${paths.length - 4} more`] : paths
  return `layers ${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`
}

/** The worst layer's figures: 'running_mean is 3.1 σ off in 5 of 6 channels'. */
export function driftText(witnesses: readonly Witness[]): string {
  const { report } = [...witnesses].sort((a, b) => b.report.drift - a.report.drift)[0]
  const { channels } = report
  const drifts = channels.map(({ drift }) => Math.abs(drift)).filter(Number.isFinite)
  const beyond = drifts.filter((drift) => drift >= report.drift / 2)
  const ratio = report.varianceRatio
  const where = witnesses.length > 1 ? ` (${report.path})` : ''
  const mean = `running_mean is ${short(median(beyond))} σ off in ${beyond.length} of ${channels.length} channels${where}`
  return Math.abs(Math.log(ratio)) > 0.18 ? `${mean}, and running_var ${short(ratio)} times the data's` : mean
}

/** What it costs: evaluation beside what it would be. */
export function costText({ modes: { evaluation, recalibrated } }: Evidence): string {
  if (evaluation.accuracy !== undefined && recalibrated.accuracy !== undefined) {
    if (recalibrated.accuracy - evaluation.accuracy < 0.002) {
      return `Accuracy in evaluation, ${percent(evaluation.accuracy)}, has not suffered from it here (${percent(recalibrated.accuracy)} with the data's statistics).`
    }
    return `Accuracy in evaluation is ${percent(evaluation.accuracy)}; with the data's statistics it is ${percent(recalibrated.accuracy)}.`
  }
  if (evaluation.loss !== undefined) {
    return `The loss in evaluation is ${short(evaluation.loss)}; with the data's statistics it is ${short(recalibrated.loss)}.`
  }
  return ''
}
