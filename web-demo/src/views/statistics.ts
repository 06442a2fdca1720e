import { nextFrame } from '../next-task.js'
import { CHANNELS, type LayerStatistics, type Point } from '../protocol.js'
import { short, span } from '../story/figures/plot.js'
import { drawStatistic, measured, series } from '../story/figures/running-plots.js'
import { onResize, Sight } from './sight.js'
import { byId, colour, onThemeChange, sharp } from './theme.js'

const HEIGHT = 190
const FONT = '11px system-ui, sans-serif'
const EDGE = 36

interface Shown {
  statistics: LayerStatistics
  points: readonly Point[]
  channel: number
}

interface Figure {
  readonly title: string
  readonly caption: string
  draw(canvas: HTMLCanvasElement, shown: Shown): void
}

const overTime =
  (statistic: 'Mean' | 'Var') =>
  (canvas: HTMLCanvasElement, { statistics, points, channel }: Shown) =>
    drawStatistic(canvas, HEIGHT, measured(points), statistic, [statistics.layer, channel])

const FIGURES: readonly Figure[] = [
  { title: 'Mean over time', caption: 'dots: the batch; line: running', draw: overTime('Mean') },
  { title: 'Variance over time', caption: 'dots: the batch; line: running', draw: overTime('Var') },
  {
    title: 'γ (weight)',
    caption: 'by channel; starts at 1',
    draw: (canvas, { statistics: { gamma } }) => bars(canvas, gamma, 1),
  },
  {
    title: 'β (bias)',
    caption: 'by channel; starts at 0',
    draw: (canvas, { statistics: { beta } }) => bars(canvas, beta, 0),
  },
]

/** A batch norm layer: a channel's running statistics against its batches, and what the layer has learnt. */
export class StatisticsView {
  readonly #canvases: HTMLCanvasElement[] = []
  readonly #layer = byId<HTMLSelectElement>('layer')
  readonly #channel = document.createElement('select')
  #shown: Shown | undefined
  readonly #sight: Sight

  constructor(onLayer: (layer: number) => void) {
    for (const { title, caption } of FIGURES) {
      const figure = document.createElement('figure')
      const heading = document.createElement('h4')
      heading.textContent = title
      const canvas = document.createElement('canvas')
      canvas.setAttribute('role', 'img')
      canvas.setAttribute('aria-label', `${title}. What it shows now is said below.`)
      const words = document.createElement('figcaption')
      words.textContent = caption
      figure.append(heading, canvas, words)
      byId('statistics').append(figure)
      this.#canvases.push(canvas)
    }
    const label = document.createElement('label')
    for (let i = 0; i < CHANNELS; i++) this.#channel.append(new Option(String(i + 1)))
    label.append(' Channel ', this.#channel)
    this.#layer.closest('p')?.append(label)
    this.#layer.addEventListener('change', () => onLayer(this.#layer.selectedIndex))
    const again = () => this.#shown && this.show(this.#shown.statistics, this.#shown.points)
    this.#sight = new Sight(['statistics'], () => again())
    this.#channel.addEventListener('change', again)
    onThemeChange(again)
    onResize(byId('statistics'), again)
  }

  /** New nets; the chosen layer stays chosen where there is one. */
  build(layers: readonly string[]): void {
    const chosen = Math.min(Math.max(0, this.#layer.selectedIndex), layers.length - 1)
    this.#layer.replaceChildren(...layers.map((name, i) => new Option(`${i + 1}, after ${name}`)))
    this.#layer.selectedIndex = chosen
    this.#shown = undefined
    for (const canvas of this.#canvases) canvas.getContext('2d')?.clearRect(0, 0, canvas.width, canvas.height)
    byId('statistics-now').textContent = 'Only batch norm has statistics; they come with its first steps.'
  }

  async show(statistics: LayerStatistics, points: readonly Point[]): Promise<void> {
    const channel = this.#channel.selectedIndex
    const shown = { statistics, points, channel }
    this.#shown = shown
    byId('statistics-now').textContent = words(shown)
    for (const [i, { draw }] of this.#sight.has('statistics') ? FIGURES.entries() : []) {
      await nextFrame()
      if (this.#shown !== shown) return
      const canvas = this.#canvases[i]
      if (canvas.clientWidth > 0) draw(canvas, shown)
    }
  }
}

const average = (values: Float32Array) => values.reduce((sum, value) => sum + value, 0) / values.length

/** What the figures show, for those who do not see them. */
function words({ statistics: s, points, channel }: Shown): string {
  const some = measured(points)
  const of = (statistic: 'Mean' | 'Var') => {
    const { batch, running } = series(some, statistic, s.layer, channel)
    return `${short(running.at(-1) ?? Number.NaN)} against ${short(batch.at(-1) ?? Number.NaN)} of the last batch`
  }
  return `Channel ${channel + 1} of layer ${s.layer + 1}: running mean ${of('Mean')}, running variance ${of('Var')}. Over all channels γ is ${short(average(s.gamma))} and β ${short(average(s.beta))} on average.`
}

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

/** A bar for each channel, from where it started. */
function bars(canvas: HTMLCanvasElement, values: Float32Array, start: number) {
  const width = canvas.clientWidth
  const context = sharp(canvas, width, HEIGHT)
  const [low, high] = span([...values, start - 0.1, start + 0.1], 0.06)
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
  label(context, `channel 1 to ${values.length}`, EDGE + (width - EDGE) / 2, HEIGHT - 2, 'center')
}
