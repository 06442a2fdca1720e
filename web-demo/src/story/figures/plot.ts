/** Small charts on a canvas: axes with their names and ticks, lines, dots and bars. */
import { colour, sharp } from '../../views/theme.js'
import { whole } from '../../whole.js'

export interface Axis {
  readonly label: string
  readonly min: number
  readonly max: number
  readonly log?: boolean
  readonly ticks?: readonly number[]
  text?(value: number): string
}

export const FONT = '12px system-ui, sans-serif'
const LEFT = 52
const RIGHT = 10
const TOP = 8
const BOTTOM = 36

/** The chart's ground: what is drawn on it is given in the axes' own numbers. */
export class Plot {
  readonly context: CanvasRenderingContext2D
  readonly width: number

  constructor(
    canvas: HTMLCanvasElement,
    readonly height: number,
    readonly across: Axis,
    readonly up: Axis,
  ) {
    this.width = Math.max(80, canvas.clientWidth)
    this.context = sharp(canvas, this.width, height)
    this.#axes()
  }

  x(value: number): number {
    return LEFT + share(this.across, value) * (this.width - LEFT - RIGHT)
  }

  y(value: number): number {
    return this.height - BOTTOM - share(this.up, value) * (this.height - TOP - BOTTOM)
  }

  #axes(): void {
    const { context, across, up, width, height } = this
    context.font = FONT
    context.lineWidth = 1
    context.strokeStyle = colour('grid')
    context.fillStyle = colour('muted')
    context.textAlign = 'center'
    context.textBaseline = 'top'
    for (const tick of across.ticks ?? ticksOf(across)) {
      const x = Math.round(this.x(tick)) + 0.5
      this.#stroke(x, TOP, x, height - BOTTOM)
      // Whole, even at the very right.
      const most = width - context.measureText(text(across, tick)).width / 2
      context.fillText(text(across, tick), Math.min(x, most), height - BOTTOM + 4)
    }
    context.textAlign = 'right'
    context.textBaseline = 'middle'
    for (const tick of up.ticks ?? ticksOf(up)) {
      const y = Math.round(this.y(tick)) + 0.5
      this.#stroke(LEFT, y, width - RIGHT, y)
      context.fillText(text(up, tick), LEFT - 6, y)
    }
    context.textAlign = 'center'
    context.textBaseline = 'bottom'
    const half = context.measureText(across.label).width / 2
    context.fillText(across.label, Math.min((LEFT + width - RIGHT) / 2, width - half), height - 1)
    context.save()
    context.translate(11, (TOP + height - BOTTOM) / 2)
    context.rotate(-Math.PI / 2)
    context.textBaseline = 'middle'
    context.fillText(up.label, 0, 0)
    context.restore()
  }

  #stroke(x0: number, y0: number, x1: number, y1: number): void {
    this.context.beginPath()
    this.context.moveTo(x0, y0)
    this.context.lineTo(x1, y1)
    this.context.stroke()
  }

  /** A line through points, broken where a value is no number. */
  line(xs: ArrayLike<number>, ys: ArrayLike<number>, name: string, dash: readonly number[] = []): void {
    const { context } = this
    context.strokeStyle = colour(name)
    context.lineWidth = 2.25
    context.lineJoin = 'round'
    context.setLineDash([...dash])
    context.beginPath()
    let pen = false
    for (let i = 0; i < xs.length; i++) {
      if (!Number.isFinite(ys[i])) {
        pen = false
        continue
      }
      if (pen) context.lineTo(this.x(xs[i]), this.y(ys[i]))
      else context.moveTo(this.x(xs[i]), this.y(ys[i]))
      pen = true
    }
    context.stroke()
    context.setLineDash([])
  }

  dots(xs: ArrayLike<number>, ys: ArrayLike<number>, name: string, radius = 2.5): void {
    const { context } = this
    context.fillStyle = colour(name)
    for (let i = 0; i < xs.length; i++) {
      if (!Number.isFinite(ys[i])) continue
      context.beginPath()
      context.arc(this.x(xs[i]), this.y(ys[i]), radius, 0, 2 * Math.PI)
      context.fill()
    }
  }

  /** A bar from the ground up to a value, `width` pixels wide and `shift` from its place. */
  bar(x: number, value: number, width: number, shift: number, name: string): void {
    if (!Number.isFinite(value)) return
    const top = this.y(value)
    this.context.fillStyle = colour(name)
    this.context.fillRect(this.x(x) + shift, top, width, Math.max(1, this.height - BOTTOM - top))
  }

  /** Words in the chart, at a place in the axes' numbers. */
  note(words: string, x: number, y: number, name: string, align: CanvasTextAlign = 'left'): void {
    const { context } = this
    context.font = FONT
    context.fillStyle = colour(name)
    context.textAlign = align
    context.textBaseline = 'bottom'
    context.fillText(words, this.x(x), this.y(y) - 4)
  }
}

function share({ min, max, log }: Axis, value: number): number {
  const at = log
    ? (Math.log(Math.max(value, min)) - Math.log(min)) / (Math.log(max) - Math.log(min))
    : (value - min) / (max - min)
  return Math.min(1, Math.max(0, at))
}

/** Round numbers, about four of them; powers of ten on a logarithmic axis. */
export function ticksOf({ min, max, log }: Axis): number[] {
  if (log) {
    const first = Math.ceil(Math.log10(min) - 1e-9)
    const last = Math.floor(Math.log10(max) + 1e-9)
    const every = Math.max(1, Math.ceil((last - first) / 4))
    const ticks: number[] = []
    for (let power = first; power <= last; power += every) ticks.push(10 ** power)
    return ticks
  }
  const rough = (max - min) / 4
  const unit = 10 ** Math.floor(Math.log10(rough))
  const step = unit * ([1, 2, 5, 10].find((times) => unit * times >= rough) ?? 10)
  const ticks: number[] = []
  for (let tick = Math.ceil(min / step - 1e-9) * step; tick <= max + step * 1e-9; tick += step) {
    ticks.push(Math.abs(tick) < step / 1e6 ? 0 : tick)
  }
  return ticks
}

const text = (axis: Axis, value: number) => (axis.text ? axis.text(value) : short(value))

/** A number in few characters. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : '∞'
  const size = Math.abs(value)
  const words = () => {
    if (size >= 10_000) return `${whole(value / 1000)}k`
    if (size >= 1000 || (size >= 1 && Number.isInteger(value))) return whole(value)
    if (size === 0) return '0'
    return size < 0.001 ? value.toExponential(0) : String(Number(value.toPrecision(2)))
  }
  return words().replaceAll('-', '−')
}

export const percent = (share: number, digits = 0) => `${(100 * share).toFixed(digits)} %`

/** The least and largest finite value, with some air; a range around 0 where there is none. */
export function span(values: Iterable<number>, air = 0.08): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const value of values) {
    if (!Number.isFinite(value)) continue
    low = Math.min(low, value)
    high = Math.max(high, value)
  }
  if (low > high) return [-1, 1]
  const more = (high - low || Math.abs(high) || 1) * air
  return [low - more, high + more]
}

/** The axis of training steps: logarithmic, since the beginning is where the difference is. */
export const stepAxis = (last: number): Axis => ({
  label: 'training step (logarithmic)',
  min: 1,
  max: Math.max(100, last),
  log: true,
  text: (step) => (step < 1000 ? String(step) : `${step / 1000}k`),
})

export const SHARE_AXIS: Axis = {
  label: 'accuracy',
  min: 0,
  max: 1,
  ticks: [0, 0.25, 0.5, 0.75, 1],
  text: (value) => percent(value),
}
