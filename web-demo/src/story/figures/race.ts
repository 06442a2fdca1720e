import { SIDES } from '../../protocol.js'
import { names } from '../../views/names.js'
import { type Asks, Figure, type Now, type View } from './figure.js'
import { Plot, percent, SHARE_AXIS, stepAxis } from './plot.js'

const HEIGHT = 340
const GOAL = 0.8

/** Accuracy of both nets over the steps, and when each passes the goal. */
export class RaceFigure extends Figure {
  readonly #canvas: HTMLCanvasElement

  constructor(asks: Asks) {
    super(asks)
    const row = this.row()
    row.classList.add('single')
    this.#canvas = this.panel(row, 'Accuracy on 2,000 test digits', HEIGHT, [
      ['norm', 'with the norm, evaluation mode'],
      ['norm dashed', 'training mode'],
      ['plain', 'plain'],
    ])
  }

  protected draw({ points, settings }: View): Now | undefined {
    const point = points.at(-1)
    if (!point) return undefined
    const shown = points.filter(({ step }) => step > 0)
    const steps = shown.map(({ step }) => step)
    const plot = new Plot(this.#canvas, HEIGHT, stepAxis(steps.at(-1) ?? 1), SHARE_AXIS)
    plot.line([1, plot.across.max], [GOAL, GOAL], 'muted', [4, 4])
    plot.line(
      steps,
      shown.map(({ training }) => training),
      'norm',
      [5, 4],
    )
    for (const side of SIDES)
      plot.line(
        steps,
        shown.map(({ accuracy }) => accuracy[side]),
        side,
      )
    const reached = (side: 'norm' | 'plain') => shown.find(({ accuracy }) => accuracy[side] >= GOAL)?.step
    const said = (side: 'norm' | 'plain') => {
      const step = reached(side)
      return step === undefined
        ? `${names()[side]} has not passed 80 % yet`
        : `${names()[side]} passed 80 % at step ${step}`
    }
    return {
      values: {
        norm: settings.norm,
        normReached: reached('norm') ?? -1,
        plainReached: reached('plain') ?? -1,
        normAccuracy: point.accuracy.norm,
        plainAccuracy: point.accuracy.plain,
        training: point.training,
      },
      words: `${said('norm')}; ${said('plain').replace('Plain', 'the plain net')}. Now they read ${percent(point.accuracy.norm, 1)} and ${percent(point.accuracy.plain, 1)}.`,
    }
  }
}
