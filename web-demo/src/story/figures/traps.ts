import { whole } from '../../whole.js'
import { type Asks, Figure, type Now, type View } from './figure.js'
import { Plot, percent, short, span, stepAxis } from './plot.js'
import { distance, drawAccuracy, drawStatistic, jumpiness, measured, varianceRatio } from './running-plots.js'

const HEIGHT = 210
/** Points that count as now. */
const LAST = 20

/** The running statistics of a channel under each trap, accuracy in both modes, and what the graph holds on to. */
export class TrapsFigure extends Figure {
  readonly #mean: HTMLCanvasElement
  readonly #variance: HTMLCanvasElement
  readonly #accuracy: HTMLCanvasElement
  readonly #held: HTMLCanvasElement
  readonly #time: HTMLCanvasElement
  readonly #heldRow: HTMLElement

  constructor(asks: Asks) {
    super(asks)
    this.#heldRow = this.row()
    this.#held = this.panel(this.#heldRow, 'Operations behind the running mean', HEIGHT)
    this.#time = this.panel(this.#heldRow, 'Time of a step', HEIGHT)
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

  protected draw({ points, settings }: View): Now | undefined {
    const some = measured(points)
    const point = points.at(-1)
    if (!point || some.length === 0) return undefined
    const graph = settings.graph === 'in'
    this.#heldRow.hidden = !graph
    this.later(() => drawStatistic(this.#mean, HEIGHT, some, 'Mean', [0, 0]))
    this.later(() => drawStatistic(this.#variance, HEIGHT, some, 'Var', [0, 0]))
    this.later(() => drawAccuracy(this.#accuracy, HEIGHT, points))
    const held = graph ? this.#drawHeld(points) : { operations: 0, milliseconds: 0 }
    const values = {
      batch: settings.batch,
      distance: distance(some, LAST),
      jumpiness: jumpiness(some, LAST),
      varianceRatio: varianceRatio(some, LAST),
      evaluation: point.accuracy.norm,
      training: point.training,
      plain: point.accuracy.plain,
      operations: held.operations,
      milliseconds: held.milliseconds,
    }
    const more = graph
      ? ` The running mean in the graph holds on to ${whole(held.operations)} operations; a step takes ${short(held.milliseconds)} ms.`
      : ''
    return {
      values,
      words: `A batch’s mean lies ${short(values.distance)} standard deviations from the running one, which goes ${short(values.jumpiness)} from point to point; the running variance is ${short(values.varianceRatio)} times the batches’. Batch norm reads ${percent(point.accuracy.norm, 1)} in evaluation mode, ${percent(point.training, 1)} in training mode${point.judged === 'sorted' ? ', sorted' : ''}.${more}`,
    }
  }

  #drawHeld(points: View['points']): { operations: number; milliseconds: number } {
    const some = points.filter(({ held, step }) => held && held.operations > 0 && step > 1)
    const steps = some.map(({ step }) => step)
    const operations = some.map(({ held }) => held?.operations ?? Number.NaN)
    const times = some.map(({ held }) => held?.milliseconds || Number.NaN)
    const last = steps.at(-1) ?? 1
    const linear = { ...stepAxis(last), log: false, min: 0, max: last, label: 'training step' }
    const plot = new Plot(this.#held, HEIGHT, linear, {
      label: 'operations held',
      min: 0,
      max: span(operations)[1],
    })
    plot.line(steps, operations, 'norm')
    // The first steps warm the machine up.
    const [, slowest] = span(times.filter((_, i) => steps[i] > 20))
    const time = new Plot(this.#time, HEIGHT, linear, {
      label: 'milliseconds',
      min: 0,
      max: Math.max(1, slowest),
    })
    time.line(steps, times, 'norm')
    return { operations: operations.at(-1) ?? 0, milliseconds: times.filter(Number.isFinite).at(-1) ?? 0 }
  }
}
