/** A channel's statistics over the steps, batches as dots and the running ones as a line; and accuracy in both modes. */
import { CHANNELS, type Point } from '../../protocol.js'
import { mean } from './figure.js'
import { Plot, SHARE_AXIS, span, stepAxis } from './plot.js'

export type Statistic = 'Mean' | 'Var'

/** Points with statistics, from the first step. */
export const measured = (points: readonly Point[]) =>
  points.filter(({ step, running }) => step > 0 && running)

/** Of one channel: steps, the batches' statistic and the running one. */
export function series(points: readonly Point[], statistic: Statistic, layer: number, channel: number) {
  const at = layer * CHANNELS + channel
  const read = (which: 'batch' | 'running') =>
    points.map(({ running }) => running?.[`${which}${statistic}`][at] ?? Number.NaN)
  return { steps: points.map(({ step }) => step), batch: read('batch'), running: read('running') }
}

export function drawStatistic(
  canvas: HTMLCanvasElement,
  height: number,
  points: readonly Point[],
  statistic: Statistic,
  [layer, channel]: readonly [number, number],
): void {
  const { steps, batch, running } = series(points, statistic, layer, channel)
  // The largest few batches would press all else together: they lie at the edge.
  const sorted = batch.filter(Number.isFinite).sort((a, b) => a - b)
  const most = sorted[Math.floor(0.97 * sorted.length)] ?? 1
  const [low, high] = span([
    ...running,
    ...batch.filter((value) => value <= most),
    statistic === 'Mean' ? 0 : 1,
  ])
  const plot = new Plot(canvas, height, stepAxis(steps.at(-1) ?? 1), {
    label: statistic === 'Mean' ? 'mean' : 'variance',
    min: statistic === 'Mean' ? low : Math.max(0, low),
    max: high,
  })
  plot.dots(steps, batch, 'faint', 2.5)
  plot.line(steps, running, 'norm')
}

/** Accuracy over the steps: evaluation mode, training mode dashed, the plain net. */
export function drawAccuracy(canvas: HTMLCanvasElement, height: number, points: readonly Point[]): void {
  const shown = points.filter(({ step }) => step > 0)
  const steps = shown.map(({ step }) => step)
  const plot = new Plot(canvas, height, stepAxis(steps.at(-1) ?? 1), SHARE_AXIS)
  plot.line(
    steps,
    shown.map(({ accuracy }) => accuracy.plain),
    'plain',
  )
  plot.line(
    steps,
    shown.map(({ training }) => training),
    'norm',
    [5, 4],
  )
  plot.line(
    steps,
    shown.map(({ accuracy }) => accuracy.norm),
    'norm',
  )
}

/** The channels of the first layer: later ones get what a norm has made of the batch already. */
const first = (values: Float32Array) => [...values.subarray(0, CHANNELS)]

/** How far a batch's mean lies from the running one, in standard deviations: over the first layer's channels, of the last points. */
export function distance(points: readonly Point[], last: number): number {
  return mean(
    points.slice(-last).flatMap(({ running }) => {
      if (!running) return []
      const { batchMean, runningMean, runningVar } = running
      return first(batchMean)
        .map((value, i) => Math.abs(value - runningMean[i]) / Math.sqrt(runningVar[i]))
        .filter(Number.isFinite)
    }),
  )
}

/** How far the running mean goes from point to point, in standard deviations. */
export function jumpiness(points: readonly Point[], last: number): number {
  const some = points.slice(-last)
  return mean(
    some.slice(1).flatMap(({ running }, i) => {
      const before = some[i].running
      if (!running || !before) return []
      return first(running.runningMean)
        .map((value, c) => Math.abs(value - before.runningMean[c]) / Math.sqrt(running.runningVar[c]))
        .filter(Number.isFinite)
    }),
  )
}

/** The running variance against the batches' unbiased one: over the first layer's channels, of the last points. */
export function varianceRatio(points: readonly Point[], last: number): number {
  const some = points.slice(-last)
  const total = (which: 'batchVar' | 'runningVar') =>
    mean(some.flatMap(({ running }) => (running ? first(running[which]).filter(Number.isFinite) : [])))
  return total('runningVar') / total('batchVar')
}
