import type { Point } from '../../protocol.js'
import { NORM_NAMES } from '../../settings.js'
import { names, OTHERS } from '../../views/names.js'
import { whole } from '../../whole.js'
import { type Asks, Figure, keyOf, mean, type Now, type View } from './figure.js'
import { Plot, percent, SHARE_AXIS, stepAxis } from './plot.js'

const HEIGHT = 340
const GOAL = 0.8
/** Points of a curve that count as now. */
const LATELY = 10

/** One of the nets in the race. */
interface Runner {
  readonly name: string
  readonly colour: string
  readonly dash?: readonly number[]
  accuracy(point: Point): number
}

/** Accuracy of all nets over the steps, and when each passes the goal. */
export class RaceFigure extends Figure {
  readonly #canvas: HTMLCanvasElement
  #key: HTMLElement

  constructor(asks: Asks) {
    super(asks)
    const row = this.row()
    row.classList.add('single')
    this.#canvas = this.panel(row, 'Accuracy on 2,000 test digits, evaluation mode', HEIGHT)
    this.#key = keyOf([])
    this.#canvas.before(this.#key)
  }

  protected draw({ points, settings }: View): Now | undefined {
    const point = points.at(-1)
    if (!point) return undefined
    const runners = runnersOf(point)
    this.#names(runners)
    const shown = points.filter(({ step }) => step > 0)
    const steps = shown.map(({ step }) => step)
    this.later(() => {
      const plot = new Plot(this.#canvas, HEIGHT, stepAxis(steps.at(-1) ?? 1), SHARE_AXIS)
      plot.line([1, plot.across.max], [GOAL, GOAL], 'muted', [4, 4])
      for (const { colour, dash, accuracy } of [...runners].reverse()) {
        plot.line(steps, shown.map(accuracy), colour, dash)
      }
    })
    const reached = runners.map(({ accuracy }) => shown.find((at) => accuracy(at) >= GOAL)?.step ?? -1)
    const said = runners.map(({ name, accuracy }, i) => {
      const passed = reached[i] < 0 ? '80 % not yet' : `80 % at step ${whole(reached[i])}`
      return `${name} reads ${percent(accuracy(point), 1)} (${passed})`
    })
    const values = {
      batch: settings.batch,
      norm: settings.norm,
      training: point.training,
      ...Object.fromEntries(
        runners.map(({ name, accuracy }) => [`${wordOf(name)}Accuracy`, accuracy(point)]),
      ),
      ...Object.fromEntries(
        runners.map(({ name, accuracy }) => [
          `${wordOf(name)}Lately`,
          mean(shown.slice(-LATELY).map(accuracy)),
        ]),
      ),
      ...Object.fromEntries(runners.map(({ name }, i) => [`${wordOf(name)}Reached`, reached[i]])),
    }
    return { values, words: `${said.join('; ')}. The dashed line across is 80 %.` }
  }

  /** The key has the nets that are trained. */
  #names(runners: readonly Runner[]): void {
    const wanted = keyOf(runners.map(({ colour, name }) => [colour, name]))
    if (wanted.textContent === this.#key.textContent) return
    this.#key.replaceWith(wanted)
    this.#key = wanted
  }
}

/** “Batch norm” is `batch` among the figure's values. */
const wordOf = (name: string) => name.split(' ')[0].toLowerCase()

function runnersOf({ others }: Point): Runner[] {
  return [
    { name: names().norm, colour: 'norm', accuracy: ({ accuracy }) => accuracy.norm },
    ...others.map(({ norm }, i) => ({
      ...OTHERS[i],
      name: NORM_NAMES[norm],
      accuracy: (point: Point) => point.others[i]?.accuracy ?? Number.NaN,
    })),
    { name: names().plain, colour: 'plain', accuracy: ({ accuracy }) => accuracy.plain },
  ]
}
