import { nextTask } from '../next-task.js'
import { BINS, NAMES, type Point, SIDES, type Side } from '../protocol.js'
import { onThemeChange, rgb, sharp } from './theme.js'

const HEIGHT = 64

interface Row {
  side: Side
  layer: number
  canvas: HTMLCanvasElement
}

/** Heat maps: a row for each layer, a column of maps for each net. */
export class Histograms {
  #rows: Row[] = []
  #points: readonly Point[] = []

  constructor(readonly place: HTMLElement) {
    onThemeChange(() => this.show(this.#points))
    new ResizeObserver(() => this.show(this.#points)).observe(place)
  }

  /** New nets with these layers. */
  build(layers: readonly string[]): void {
    this.#rows = []
    this.place.replaceChildren()
    for (const side of SIDES) {
      const title = document.createElement('h3')
      title.className = side
      title.textContent = NAMES[side]
      this.place.append(title)
    }
    for (const [layer, name] of layers.entries()) {
      for (const side of SIDES) {
        const figure = document.createElement('figure')
        const canvas = document.createElement('canvas')
        canvas.setAttribute('role', 'img')
        canvas.setAttribute('aria-label', `Histograms over time, ${NAMES[side]}, layer ${layer + 1}`)
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
    for (const row of this.#rows) {
      this.#draw(row)
      if (row.side === 'plain') await nextTask()
    }
  }

  #draw({ side, layer, canvas }: Row): void {
    const width = canvas.clientWidth
    const points = this.#points
    if (width === 0 || points.length === 0) return
    const context = sharp(canvas, width, HEIGHT)
    const image = new ImageData(points.length, BINS)
    const [red, green, blue] = rgb(side)
    for (const [x, { histograms }] of points.entries()) {
      for (let bin = 0; bin < BINS; bin++) {
        const at = 4 * ((BINS - 1 - bin) * points.length + x)
        image.data[at] = red
        image.data[at + 1] = green
        image.data[at + 2] = blue
        image.data[at + 3] = histograms[side][layer * BINS + bin]
      }
    }
    const unscaled = new OffscreenCanvas(points.length, BINS)
    unscaled.getContext('2d')?.putImageData(image, 0, 0)
    context.imageSmoothingEnabled = false
    context.drawImage(unscaled, 0, 0, width, HEIGHT)
  }
}
