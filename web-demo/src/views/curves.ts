import type { Event, Point } from '../protocol.js'
import { FONT, Plot, SHARE_AXIS, stepAxis } from '../story/figures/plot.js'
import { CURVES, type Curve } from './curve-words.js'
import { onResize } from './sight.js'
import { colour, onThemeChange } from './theme.js'

/** Above this a loss is cut off: a net that knows nothing has ln 10 = 2.3. */
const MOST_LOSS = 4
/** Rows in which the words of events stand, so that neighbours do not cover each other. */
const ROWS = 4
const ROW = 14

/** One chart with its lines over the steps, on a logarithmic axis, and the events that they should be read with. */
export class CurveChart {
  readonly #canvas = document.createElement('canvas')
  readonly #curve: Curve
  #points: readonly Point[] = []
  #events: readonly Event[] = []

  constructor(
    readonly place: HTMLElement,
    which: keyof typeof CURVES,
  ) {
    this.#curve = CURVES[which]
    place.append(this.#canvas)
    onResize(place, () => this.#draw())
    onThemeChange(() => this.#draw())
  }

  show(points: readonly Point[], events: readonly Event[]): void {
    this.#points = points
    this.#events = events
    this.#draw()
  }

  #draw(): void {
    // A logarithmic axis has no 0: the point before the first step is left to the histograms.
    const points = this.#points.filter(({ step }) => step > 0)
    const steps = points.map(({ step }) => step)
    const height = this.place.clientWidth < 420 ? 200 : 250
    this.#canvas.style.height = `${height}px`
    const lines = this.#curve.lines.map((line) => ({ ...line, values: points.map(line.value) }))
    const most = Math.max(0, ...lines.flatMap(({ values }) => values.filter(Number.isFinite)))
    const up = this.#curve.percent
      ? SHARE_AXIS
      : { label: 'loss', min: 0, max: Math.min(MOST_LOSS, Math.max(0.5, (most || 2.4) * 1.08)) }
    const plot = new Plot(this.#canvas, height, stepAxis(steps.at(-1) ?? 1), up)
    for (const { colour: name, dash, values } of lines) plot.line(steps, values, name, dash)
    for (const [i, event] of this.#events.entries()) this.#mark(plot, event, i)
  }

  /** An upright line where something happened, with its words at the top. */
  #mark(plot: Plot, { step, text }: Event, i: number): void {
    const { context, up, across, width } = plot
    const x = Math.round(plot.x(Math.max(across.min, step))) + 0.5
    const top = plot.y(up.max)
    context.strokeStyle = colour('muted')
    context.fillStyle = colour('muted')
    context.lineWidth = 1
    context.setLineDash([3, 3])
    context.beginPath()
    context.moveTo(x, top)
    context.lineTo(x, plot.y(up.min))
    context.stroke()
    context.setLineDash([])
    context.font = FONT
    context.textBaseline = 'top'
    const fits = x + context.measureText(text).width + 8 < width
    context.textAlign = fits ? 'left' : 'right'
    context.fillText(text, x + (fits ? 4 : -4), top + 4 + (i % ROWS) * ROW)
  }
}
