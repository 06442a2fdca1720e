import { RATES, SIDES } from '../../protocol.js'
import { names } from '../../views/names.js'
import { type Asks, Figure, type Now, type View } from './figure.js'
import { Plot, percent, short, span } from './plot.js'

const HEIGHT = 330
/** Stands for a step of 0 on the logarithmic axis. */
const NONE = 0.001
/** A loss above this is drawn at the edge. */
const MOST = 1000

/** The gradient of each layer, and the loss along the step's direction, of both nets on the last batch. */
export class SlopeFigure extends Figure {
  override readonly wants = { slope: true } as const
  readonly #gradients: HTMLCanvasElement
  readonly #losses: HTMLCanvasElement

  constructor(asks: Asks) {
    super(asks)
    const row = this.row()
    const key = [
      ['norm', 'batch norm'],
      ['plain', 'plain'],
    ] as const
    this.#gradients = this.panel(row, 'Size of the gradient, layer by layer', HEIGHT, [
      ...key.map(([a, b]): [string, string] => [a, b]),
    ])
    this.#losses = this.panel(row, 'Loss of this batch after one step', HEIGHT, [
      ...key.map(([a, b]): [string, string] => [a, b]),
    ])
  }

  protected draw({ slope, points, settings }: View): Now | undefined {
    const point = points.at(-1)
    if (!slope || !point) return undefined
    const { gradients, losses } = slope
    this.later(() => this.#bars(gradients))
    this.later(() => this.#curves(losses))
    const ratio = (side: 'norm' | 'plain') => losses[side][RATES.length - 1] / losses[side][0]
    const told = (side: 'norm' | 'plain') =>
      `${short(losses[side][0])} becomes ${short(losses[side][RATES.length - 1])}`
    return {
      values: {
        lr: settings.lr,
        normGradients: [...gradients.norm],
        plainGradients: [...gradients.plain],
        normLosses: [...losses.norm],
        plainLosses: [...losses.plain],
        normRatio: ratio('norm'),
        plainRatio: ratio('plain'),
        normAccuracy: point.accuracy.norm,
        plainAccuracy: point.accuracy.plain,
        plainLoss: String(point.loss.plain),
      },
      words: `A step of ${RATES.at(-1)} along the gradient: ${names().norm} ${told('norm')}, plain ${told('plain')}. First layer’s gradient: ${short(gradients.norm[0])} and ${short(gradients.plain[0])}. At a learning rate of ${settings.lr} they read ${percent(point.accuracy.norm)} and ${percent(point.accuracy.plain)} of the test digits.`,
    }
  }

  #bars(gradients: NonNullable<View['slope']>['gradients']): void {
    const all = [...gradients.norm, ...gradients.plain].filter((value) => value > 0 && Number.isFinite(value))
    const top = Math.max(10, ...all)
    const low = Math.min(0.1, ...all)
    const layers = gradients.norm.length
    const plot = new Plot(
      this.#gradients,
      HEIGHT,
      {
        label: `layer with weights, 1 to ${layers}`,
        min: 0.4,
        max: layers + 0.6,
        ticks: Array.from({ length: layers }, (_, i) => i + 1),
      },
      {
        label: 'gradient (logarithmic)',
        min: 10 ** Math.floor(Math.log10(low)),
        max: 10 ** Math.ceil(Math.log10(top)),
        log: true,
      },
    )
    const width = Math.min(22, plot.width / layers / 3.4)
    for (const [i, side] of SIDES.entries()) {
      for (const [layer, value] of gradients[side].entries()) {
        plot.bar(layer + 1, value, width, (i - 1) * width, side)
      }
    }
  }

  #curves(losses: NonNullable<View['slope']>['losses']): void {
    const finite = [...losses.norm, ...losses.plain].map((loss) => Math.min(MOST, loss))
    const [, high] = span(finite.filter((loss) => loss > 0))
    const least = Math.min(0.1, ...finite.filter((loss) => loss > 0))
    const plot = new Plot(
      this.#losses,
      HEIGHT,
      {
        label: 'size of the step (logarithmic)',
        min: NONE,
        max: RATES[RATES.length - 1],
        log: true,
        ticks: [NONE, ...RATES.slice(1)],
        text: (value) => (value === NONE ? 'none' : String(value)),
      },
      {
        label: 'loss (logarithmic)',
        min: 10 ** Math.floor(Math.log10(least)),
        max: 10 ** Math.ceil(Math.log10(Math.max(10, high))),
        log: true,
      },
    )
    const xs = RATES.map((rate) => rate || NONE)
    for (const side of SIDES) {
      plot.line(xs, losses[side], side)
      plot.dots(xs, losses[side], side)
    }
  }
}
