import type { LayerStatistics } from '../protocol.js'
import { byId, colour, onThemeChange, sharp } from './theme.js'

const HEIGHT = 170
const FONT = '11px system-ui, sans-serif'
const EDGE = 36

interface Figure {
  readonly title: string
  readonly caption: string
  draw(context: CanvasRenderingContext2D, width: number, statistics: LayerStatistics): void
}

const FIGURES: readonly Figure[] = [
  {
    title: 'Mean',
    caption: 'across: running, up: this batch',
    draw: (context, width, { runningMean, batchMean }) => scatter(context, width, runningMean, batchMean),
  },
  {
    title: 'Variance',
    caption: 'across: running, up: this batch',
    draw: (context, width, { runningVar, batchVar }) => scatter(context, width, runningVar, batchVar),
  },
  {
    title: 'γ (weight)',
    caption: 'by channel; starts at 1',
    draw: (context, width, { gamma }) => bars(context, width, gamma, 1),
  },
  {
    title: 'β (bias)',
    caption: 'by channel; starts at 0',
    draw: (context, width, { beta }) => bars(context, width, beta, 0),
  },
]

/** A batch norm layer: its batch against its running statistics, and what it has learnt. */
export class StatisticsView {
  readonly #canvases: HTMLCanvasElement[] = []
  readonly #select = byId<HTMLSelectElement>('layer')
  #statistics: LayerStatistics | undefined

  constructor(onLayer: (layer: number) => void) {
    for (const { title, caption } of FIGURES) {
      const figure = document.createElement('figure')
      const heading = document.createElement('h3')
      heading.textContent = title
      const canvas = document.createElement('canvas')
      canvas.setAttribute('role', 'img')
      const words = document.createElement('figcaption')
      words.textContent = caption
      figure.append(heading, canvas, words)
      byId('statistics').append(figure)
      this.#canvases.push(canvas)
    }
    this.#select.addEventListener('change', () => onLayer(this.#select.selectedIndex))
    const again = () => this.#statistics && this.show(this.#statistics)
    onThemeChange(again)
    new ResizeObserver(again).observe(byId('statistics'))
  }

  /** New nets; the chosen layer stays chosen where there is one. */
  build(layers: readonly string[]): void {
    const chosen = Math.min(Math.max(0, this.#select.selectedIndex), layers.length - 1)
    this.#select.replaceChildren(...layers.map((name, i) => new Option(`${i + 1}, after ${name}`)))
    this.#select.selectedIndex = chosen
    this.#statistics = undefined
  }

  show(statistics: LayerStatistics): void {
    this.#statistics = statistics
    for (const [i, { title, draw }] of FIGURES.entries()) {
      const canvas = this.#canvases[i]
      const width = canvas.clientWidth
      if (width === 0) continue
      draw(sharp(canvas, width, HEIGHT), width, statistics)
      canvas.setAttribute('aria-label', words(title, i, statistics))
    }
  }
}

const average = (values: Float32Array) => values.reduce((sum, value) => sum + value, 0) / values.length

/** What a figure shows, for those who do not see it. */
function words(title: string, figure: number, s: LayerStatistics): string {
  const of = (values: Float32Array) => average(values).toFixed(2)
  if (figure === 0) return `${title}: running ${of(s.runningMean)}, batch ${of(s.batchMean)} on average`
  if (figure === 1) return `${title}: running ${of(s.runningVar)}, batch ${of(s.batchVar)} on average`
  return `${title}: ${of(figure === 2 ? s.gamma : s.beta)} on average`
}

/** The least and largest finite value of several arrays, with some air. */
function span(...arrays: (Float32Array | number[])[]): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const values of arrays) {
    for (const value of values) {
      if (!Number.isFinite(value)) continue
      low = Math.min(low, value)
      high = Math.max(high, value)
    }
  }
  if (low > high) return [0, 1]
  const air = (high - low || Math.abs(high) || 1) * 0.06
  return [low - air, high + air]
}

const short = (value: number) =>
  Math.abs(value) >= 1000 || (value !== 0 && Math.abs(value) < 0.01)
    ? value.toExponential(0)
    : value.toFixed(Math.abs(value) < 10 ? 2 : 0)

function label(
  context: CanvasRenderingContext2D,
  text: string,
  x: number,
  y: number,
  align: CanvasTextAlign,
) {
  context.fillStyle = colour('muted')
  context.font = FONT
  context.textAlign = align
  context.fillText(text, x, y)
}

/** Dots at (across, up) on one scale, with the diagonal where both are equal. */
function scatter(context: CanvasRenderingContext2D, width: number, across: Float32Array, up: Float32Array) {
  const [low, high] = span(across, up)
  const bottom = HEIGHT - 16
  const x = (value: number) => EDGE + ((value - low) / (high - low)) * (width - EDGE - 4)
  const y = (value: number) => bottom - ((value - low) / (high - low)) * (bottom - 4)
  context.strokeStyle = colour('grid')
  context.strokeRect(EDGE, 4, width - EDGE - 4, bottom - 4)
  context.strokeStyle = colour('muted')
  context.setLineDash([4, 4])
  context.beginPath()
  context.moveTo(x(low), y(low))
  context.lineTo(x(high), y(high))
  context.stroke()
  context.setLineDash([])
  context.fillStyle = colour('norm')
  for (let i = 0; i < across.length; i++) {
    context.beginPath()
    context.arc(x(across[i]), y(up[i]), 2.5, 0, 2 * Math.PI)
    context.fill()
  }
  label(context, short(high), EDGE - 4, 14, 'right')
  label(context, short(low), EDGE - 4, bottom, 'right')
  label(context, short(low), EDGE, HEIGHT - 3, 'left')
  label(context, short(high), width - 4, HEIGHT - 3, 'right')
}

/** A bar for each channel, from where it started. */
function bars(context: CanvasRenderingContext2D, width: number, values: Float32Array, start: number) {
  const [low, high] = span(values, [start - 0.1, start + 0.1])
  const bottom = HEIGHT - 16
  const y = (value: number) => bottom - ((value - low) / (high - low)) * (bottom - 4)
  const step = (width - EDGE - 4) / values.length
  context.fillStyle = colour('norm')
  for (const [i, value] of values.entries()) {
    const top = Math.min(y(value), y(start))
    const height = Math.max(1, Math.abs(y(value) - y(start)))
    context.fillRect(EDGE + i * step, top, Math.max(1, step - (step > 3 ? 1 : 0)), height)
  }
  context.fillStyle = colour('muted')
  context.fillRect(EDGE, y(start) - 0.5, width - EDGE - 4, 1)
  label(context, short(high), EDGE - 4, 14, 'right')
  label(context, short(low), EDGE - 4, bottom, 'right')
}
