import { type Asks, Figure, type Now, type View } from './figure.js'
import { percent, short } from './plot.js'
import { drawAccuracy, drawStatistic, measured, series } from './running-plots.js'

const HEIGHT = 210
/** Steps that are called early. */
const EARLY = 40

/** One channel's running statistics on their way, and accuracy in both modes. */
export class ModesFigure extends Figure {
  readonly #mean: HTMLCanvasElement
  readonly #variance: HTMLCanvasElement
  readonly #accuracy: HTMLCanvasElement

  constructor(asks: Asks) {
    super(asks)
    const row = this.row()
    const key: [string, string][] = [
      ['faint', 'the batch'],
      ['norm', 'running'],
    ]
    this.#mean = this.panel(row, 'Mean of one channel', HEIGHT, key)
    this.#variance = this.panel(row, 'Its variance', HEIGHT, key)
    const below = this.row()
    below.classList.add('single')
    this.#accuracy = this.panel(below, 'Accuracy', HEIGHT, [
      ['norm', 'evaluation'],
      ['norm dashed', 'training mode'],
      ['plain', 'plain'],
    ])
  }

  protected draw({ points }: View): Now | undefined {
    const some = measured(points)
    const point = points.at(-1)
    if (!point || some.length === 0) return undefined
    this.later(() => drawStatistic(this.#mean, HEIGHT, some, 'Mean', [0, 0]))
    this.later(() => drawStatistic(this.#variance, HEIGHT, some, 'Var', [0, 0]))
    this.later(() => drawAccuracy(this.#accuracy, HEIGHT, points))
    const gaps = points
      .filter(({ step }) => step > 0 && step <= EARLY)
      .map(({ training, accuracy }) => training - accuracy.norm)
    const variances = series(some, 'Var', 0, 0)
    const means = series(some, 'Mean', 0, 0)
    const { accuracy, training } = point
    return {
      values: {
        evaluation: accuracy.norm,
        training,
        plain: accuracy.plain,
        earlyGap: Math.max(0, ...gaps),
        runningVariance: variances.running.at(-1) ?? Number.NaN,
        firstRunningVariance: variances.running[0],
        runningMean: means.running.at(-1) ?? Number.NaN,
        firstRunningMean: means.running[0],
        judged: point.judged,
      },
      words: `The running mean is ${short(means.running.at(-1) ?? 0)}, the running variance ${short(variances.running.at(-1) ?? 0)}. Batch norm reads ${percent(accuracy.norm, 1)} in evaluation mode and ${percent(training, 1)} in training mode${point.judged === 'sorted' ? ', on sorted digits' : ''}; the plain net ${percent(accuracy.plain, 1)}. Within the first ${EARLY} steps evaluation mode was up to ${Math.round(100 * Math.max(0, ...gaps))} points behind.`,
    }
  }
}
