import uPlot from 'uplot'
import { type Point, SIDES } from '../protocol.js'
import { colour, onThemeChange } from './theme.js'

interface Curve {
  readonly title: string
  readonly percent: boolean
  value(point: Point, side: 'norm' | 'plain'): number
}

const CURVES: Record<'accuracy' | 'loss', Curve> = {
  accuracy: { title: 'Accuracy', percent: true, value: ({ accuracy }, side) => accuracy[side] },
  loss: { title: 'Loss', percent: false, value: ({ loss }, side) => loss[side] },
}

/** Above this a loss is cut off: a net that knows nothing has ln 10 = 2.3. */
const MOST_LOSS = 4

/** One chart with a line for each net, over the steps on a logarithmic axis. */
export class CurveChart {
  #plot: uPlot
  #points: readonly Point[] = []
  readonly #curve: Curve

  constructor(
    readonly place: HTMLElement,
    which: keyof typeof CURVES,
  ) {
    this.#curve = CURVES[which]
    this.#plot = this.#make()
    new ResizeObserver(() => {
      if (this.#plot.width !== place.clientWidth) this.#plot.setSize(this.#size())
    }).observe(place)
    onThemeChange(() => {
      this.#plot.destroy()
      this.#plot = this.#make()
    })
  }

  show(points: readonly Point[]): void {
    this.#points = points
    this.#plot.setData(this.#data())
  }

  #size() {
    return { width: this.place.clientWidth, height: this.place.clientWidth < 420 ? 200 : 250 }
  }

  #data(): uPlot.AlignedData {
    // A logarithmic axis has no 0: the point before the first step is left to the histograms.
    const points = this.#points.filter(({ step }) => step > 0)
    const line = (side: 'norm' | 'plain') =>
      points.map((point) => {
        const value = this.#curve.value(point, side)
        return Number.isFinite(value) ? Math.min(value, MOST_LOSS) : null
      })
    return [points.map(({ step }) => step), line('norm'), line('plain')]
  }

  #range(max: number | null): [number, number] {
    if (this.#curve.percent) return [0, 1]
    return [0, Math.min(MOST_LOSS, Math.max(0.5, (max ?? 2.4) * 1.08))]
  }

  #make(): uPlot {
    const { percent, title } = this.#curve
    const font = '12px system-ui, sans-serif'
    const axis = {
      stroke: colour('muted'),
      font,
      grid: { stroke: colour('grid'), width: 1 },
      ticks: { show: false },
    }
    const show = (value: number | null) => {
      if (value === null || value === undefined) return '–'
      return percent ? `${(100 * value).toFixed(1)} %` : value.toFixed(3)
    }
    return new uPlot(
      {
        ...this.#size(),
        padding: [10, 12, 0, 0],
        legend: { show: false },
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
          { ...axis, size: 30, values: (_, splits) => splits.map(stepLabel) },
          {
            ...axis,
            size: 46,
            values: (_, splits) => splits.map((v) => (percent ? `${Math.round(v * 100)} %` : v.toFixed(1))),
          },
        ],
        series: [
          { label: 'Step' },
          ...SIDES.map((side) => ({
            label: `${title}, ${side === 'norm' ? 'batch norm' : 'plain'}`,
            stroke: colour(side),
            width: 2.25,
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
