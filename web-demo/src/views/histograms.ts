import { nextFrame } from '../next-task.js'
import { BINS, type Point, SIDES, type Side } from '../protocol.js'
import { radios } from '../story/figures/figure.js'
import { short } from '../story/figures/plot.js'
import { nameOf, names } from './names.js'
import { onResize, Sight } from './sight.js'
import { byId, colour, onThemeChange, rgb, sharp } from './theme.js'

const HEIGHT = 64
/** Room for the axis at the left. */
const LEFT = 22

interface Row {
  side: Side
  layer: number
  canvas: HTMLCanvasElement
}

/** Heat maps: a row for each layer, a column of maps for each net. */
export class Histograms {
  #rows: Row[] = []
  #points: readonly Point[] = []
  readonly #sight: Sight
  #mode: 'training' | 'evaluation' = 'training'
  #where: 'before' | 'after' = 'after'

  constructor(readonly place: HTMLElement) {
    const again = () => this.show(this.#points)
    this.#sight = new Sight([place.id], again)
    byId('histogram-switches').append(
      radios(
        'Mode',
        [
          ['training', 'training, as the nets run'],
          ['evaluation', 'evaluation'],
        ],
        this.#mode,
        (mode) => {
          this.#mode = mode === 'evaluation' ? 'evaluation' : 'training'
          again()
        },
      ),
      radios(
        'Where',
        [
          ['before', 'before the norm'],
          ['after', 'after it, into the ReLU'],
        ],
        this.#where,
        (where) => {
          this.#where = where === 'before' ? 'before' : 'after'
          again()
        },
      ),
    )
    onThemeChange(() => this.show(this.#points))
    onResize(place, () => this.show(this.#points))
  }

  /** New nets with these layers. */
  build(layers: readonly string[]): void {
    this.#rows = []
    this.place.replaceChildren()
    for (const side of SIDES) {
      this.place.append(nameOf('h4', side))
    }
    for (const [layer, name] of layers.entries()) {
      for (const side of SIDES) {
        const figure = document.createElement('figure')
        const canvas = document.createElement('canvas')
        canvas.setAttribute('role', 'img')
        canvas.setAttribute('aria-label', `Histograms over time, ${names()[side]}, layer ${layer + 1}`)
        const caption = document.createElement('figcaption')
        caption.textContent = `${layer + 1} · ${name}`
        figure.append(canvas, caption)
        this.place.append(figure)
        this.#rows.push({ side, layer, canvas })
      }
    }
  }

  async show(points: readonly Point[]): Promise<void> {
    this.#points = points
    for (const row of this.#sight.has(this.place.id) ? this.#rows : []) {
      this.#draw(row)
      if (row.side === 'plain') await nextFrame()
    }
    const looks = points.at(-1)?.looks[this.#mode]
    if (!looks) return
    const said = (side: Side) => `${names()[side]} ${[...looks[side].deviation].map(short).join(', ')}`
    byId('histograms-now').textContent =
      `Standard deviations into the ReLUs in ${this.#mode} mode, layer by layer: ${SIDES.map(said).join('; ')}.`
  }

  #draw({ side, layer, canvas }: Row): void {
    const width = canvas.clientWidth
    const points = this.#points
    if (width === 0 || points.length === 0) return
    const context = sharp(canvas, width, HEIGHT)
    const image = new ImageData(points.length, BINS)
    const [red, green, blue] = rgb(side)
    for (const [x, { looks }] of points.entries()) {
      const densities = looks[this.#mode][side][this.#where]
      for (let bin = 0; bin < BINS; bin++) {
        const at = 4 * ((BINS - 1 - bin) * points.length + x)
        image.data[at] = red
        image.data[at + 1] = green
        image.data[at + 2] = blue
        image.data[at + 3] = densities[layer * BINS + bin]
      }
    }
    const unscaled = new OffscreenCanvas(points.length, BINS)
    unscaled.getContext('2d')?.putImageData(image, 0, 0)
    context.imageSmoothingEnabled = false
    context.drawImage(unscaled, LEFT, 0, width - LEFT, HEIGHT)
    context.fillStyle = colour('muted')
    context.font = '10px system-ui, sans-serif'
    context.textAlign = 'right'
    for (const [words, y] of [
      ['4', 9],
      ['0', HEIGHT / 2 + 4],
      ['−4', HEIGHT - 3],
    ] as const) {
      context.fillText(words, LEFT - 5, y)
      context.fillRect(
        LEFT - 3,
        Math.min(HEIGHT - 1, Math.max(0, y === HEIGHT / 2 + 4 ? HEIGHT / 2 : y < 20 ? 0 : HEIGHT - 1)),
        3,
        1,
      )
    }
  }
}
