import uPlot from 'uplot'
import { percent } from '../headline.js'
import type { Event, Point } from '../protocol.js'
import { CURVES, type Curve, type Line } from './curve-words.js'
import { onResize } from './sight.js'
import { colour, onThemeChange } from './theme.js'

/** Above this a loss is cut off: a net that knows nothing has ln 10 = 2.3. */
const MOST_LOSS = 4

/** One chart with its lines over the steps, on a logarithmic axis, and the events that they should be read with. */
export class CurveChart {
  #plot: uPlot
  #points: readonly Point[] = []
  #events: readonly Event[] = []
  readonly #curve: Curve

  constructor(
    readonly place: HTMLElement,
    which: keyof typeof CURVES,
  ) {
    this.#curve = CURVES[which]
    this.#plot = this.#make()
    onResize(place, () => {
      if (this.#plot.width !== place.clientWidth) this.#plot.setSize(this.#size())
    })
    onThemeChange(() => {
      this.#plot.destroy()
      this.#plot = this.#make()
    })
  }

  show(points: readonly Point[], events: readonly Event[]): void {
    this.#points = points
    this.#events = events
    this.#plot.setData(this.#data())
  }

  /** Upright lines where something happened, with its words at the top, as far as there is room. */
  #mark(plot: uPlot): void {
    const { ctx, bbox } = plot
    const ratio = uPlot.pxRatio
    ctx.save()
    ctx.strokeStyle = colour('muted')
    ctx.fillStyle = colour('muted')
    ctx.font = `${11 * ratio}px system-ui, sans-serif`
    ctx.textBaseline = 'top'
    ctx.lineWidth = ratio
    ctx.setLineDash([3 * ratio, 3 * ratio])
    for (const [i, { step, text }] of this.#events.entries()) {
      const x = Math.round(plot.valToPos(Math.max(1, step), 'x', true))
      ctx.beginPath()
      ctx.moveTo(x, bbox.top)
      ctx.lineTo(x, bbox.top + bbox.height)
      ctx.stroke()
      const width = ctx.measureText(text).width
      const fits = x + width + 6 * ratio < bbox.left + bbox.width
      ctx.textAlign = fits ? 'left' : 'right'
      ctx.fillText(text, x + (fits ? 4 : -4) * ratio, bbox.top + (4 + (i % 4) * 14) * ratio)
    }
    ctx.restore()
  }

  #size() {
    return { width: this.place.clientWidth, height: this.place.clientWidth < 420 ? 200 : 250 }
  }

  #data(): uPlot.AlignedData {
    // A logarithmic axis has no 0: the point before the first step is left to the histograms.
    const points = this.#points.filter(({ step }) => step > 0)
    const line = ({ value }: Line) =>
      points.map((point) => {
        const number = value(point)
        return Number.isFinite(number) ? Math.min(number, MOST_LOSS) : null
      })
    return [points.map(({ step }) => step), ...this.#curve.lines.map(line)]
  }

  #range(max: number | null): [number, number] {
    if (this.#curve.percent) return [0, 1]
    return [0, Math.min(MOST_LOSS, Math.max(0.5, (max ?? 2.4) * 1.08))]
  }

  #make(): uPlot {
    const { percent: share, title, lines } = this.#curve
    const font = '12px system-ui, sans-serif'
    const axis = {
      stroke: colour('muted'),
      font,
      grid: { stroke: colour('grid'), width: 1 },
      ticks: { show: false },
    }
    const show = (value: number | null) => {
      if (value === null || value === undefined) return '–'
      return share ? percent(value) : value.toFixed(3)
    }
    return new uPlot(
      {
        ...this.#size(),
        padding: [10, 12, 0, 0],
        legend: { show: false },
        hooks: { draw: [(plot) => this.#mark(plot)] },
        cursor: { drag: { x: false, y: false }, sync: { key: 'curves' } },
        scales: {
          x: {
            time: false,
            distr: 3,
            range: (_, __, max) => [1, Math.max(100, max ?? 100)],
          },
          y: { range: (_, __, max) => this.#range(max) },
        },
        axes: [
          {
            ...axis,
            size: 44,
            label: 'training step',
            labelSize: 16,
            labelFont: font,
            values: (_, splits) => splits.map(stepLabel),
          },
          {
            ...axis,
            size: 46,
            values: (_, splits) => splits.map((v) => (share ? `${Math.round(v * 100)} %` : v.toFixed(1))),
          },
        ],
        series: [
          { label: 'Step' },
          ...lines.map(({ colour: stroke, name, dash }) => ({
            label: `${title}, ${name}`,
            stroke: colour(stroke),
            width: 2.25,
            ...(dash ? { dash: [...dash] } : {}),
            points: { show: false },
            value: (_: uPlot, value: number | null) => show(value),
          })),
        ],
      },
      this.#data(),
      this.place,
    )
  }
}

/** Powers of ten only: 1, 10, 100, 1k. */
function stepLabel(step: number | null): string {
  if (step === null || !Number.isInteger(Math.log10(step))) return ''
  return step < 1000 ? String(step) : `${step / 1000}k`
}
