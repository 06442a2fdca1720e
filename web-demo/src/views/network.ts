import { nextTask } from '../next-task.js'
import type { Drawing, DrawnLayer, Side, Wants } from '../protocol.js'
import { radios } from '../story/figures/figure.js'
import { short } from '../story/figures/plot.js'
import { onResize } from './sight.js'
import { byId, colour, onThemeChange, rgb, sharp } from './theme.js'

const UNIT = 30
const GAP = 8
const TOP = 6
const FOOT = 4
/** Units of a layer that the worker draws, at most. */
const MOST = 8

/** The net, layer by layer: units as pictures of their incoming weights, lines as thick as gradients. */
export class NetworkView {
  readonly #canvas = document.createElement('canvas')
  readonly #layers = document.createElement('div')
  readonly #now = document.createElement('p')
  readonly #open = document.createElement('div')
  #side: Side = 'norm'
  #opened: number | undefined
  #drawing: Drawing | undefined

  constructor(readonly onWants: (wants: Pick<Wants, 'drawing' | 'open'>) => void) {
    const place = byId('network')
    const sides = [
      ['norm', 'with the norm'],
      ['plain', 'plain'],
    ] as const
    place.append(
      radios('Which net', sides, this.#side, (side) => {
        this.#side = side === 'plain' ? 'plain' : 'norm'
        this.#ask()
      }),
    )
    this.#canvas.setAttribute('role', 'img')
    this.#canvas.setAttribute(
      'aria-label',
      'The net’s layers and their weights. What it shows now is said below.',
    )
    this.#layers.className = 'layers'
    // As high as it will be, so that nothing below it moves.
    this.#canvas.style.height = `${TOP + MOST * (UNIT + GAP) + FOOT}px`
    this.#now.className = 'now'
    this.#open.className = 'opened'
    place.append(this.#layers, this.#canvas, this.#now, this.#open)
    this.#canvas.addEventListener('click', (event) => this.#click(event))
    const again = () => this.#drawing && this.show(this.#drawing)
    onThemeChange(again)
    onResize(place, again)
    // Drawn only while it is in sight: its gradients cost a step.
    new IntersectionObserver(
      ([entry]) => {
        this.#seen = entry.isIntersecting
        this.#ask()
      },
      { rootMargin: '300px' },
    ).observe(place)
  }

  #seen = false

  #ask(): void {
    this.onWants({ drawing: this.#seen ? this.#side : undefined, open: this.#opened })
  }

  /** New nets: what was opened may not be there any more. */
  build(): void {
    this.#opened = undefined
    this.#open.replaceChildren()
    this.#drawing = undefined
    this.#layers.replaceChildren()
    this.#now.textContent = 'Drawn after the first step.'
    this.#ask()
  }

  async show(drawing: Drawing): Promise<void> {
    this.#drawing = drawing
    const { layers } = drawing
    if (this.#layers.childElementCount !== layers.length) this.#buttons(layers)
    const said = layers.map(({ name, gradient }, i) => `layer ${i + 1}, ${name}: ${short(gradient)}`)
    this.#now.textContent = `Mean size of a weight’s gradient, ${said.join('; ')}.`
    for (const part of [
      () => this.#lines(layers),
      () => this.#units(layers),
      () => this.#showOpen(drawing),
    ]) {
      await nextTask()
      if (this.#drawing !== drawing) return
      part()
    }
  }

  #buttons(layers: readonly DrawnLayer[]): void {
    this.#layers.style.gridTemplateColumns = `repeat(${layers.length}, minmax(0, 1fr))`
    this.#layers.replaceChildren(
      ...layers.map(({ name, units }, i) => {
        const button = document.createElement('button')
        button.type = 'button'
        button.id = `layer-${i + 1}`
        button.className = 'layer-button'
        button.setAttribute('aria-expanded', String(i === this.#opened))
        const small = document.createElement('small')
        small.textContent = `${name.replace(/\(.*/, '')}, ${units}`
        button.append(`Layer ${i + 1}`, small)
        button.addEventListener('click', () => this.#toggle(i))
        return button
      }),
    )
  }

  #toggle(layer: number): void {
    this.#opened = this.#opened === layer ? undefined : layer
    for (const [i, button] of [...this.#layers.children].entries()) {
      button.setAttribute('aria-expanded', String(i === this.#opened))
    }
    if (this.#opened === undefined) this.#open.replaceChildren()
    this.#ask()
  }

  #click(event: MouseEvent): void {
    const layers = this.#drawing?.layers.length
    if (!layers) return
    const { left, width } = this.#canvas.getBoundingClientRect()
    this.#toggle(Math.min(layers - 1, Math.floor(((event.clientX - left) / width) * layers)))
  }

  /** The middle of each unit on the canvas. */
  #places(layers: number) {
    const width = Math.max(200, this.#canvas.clientWidth)
    const column = width / layers
    return {
      width,
      x: (layer: number) => layer * column + column / 2,
      y: (unit: number, shown: number) => TOP + (unit + 0.5 + (MOST - shown) / 2) * (UNIT + GAP),
    }
  }

  #lines(layers: readonly DrawnLayer[]): void {
    const { width, x, y } = this.#places(layers.length)
    const context = sharp(this.#canvas, width, TOP + MOST * (UNIT + GAP) + FOOT)
    const strongest = Math.max(1e-12, ...layers.flatMap(({ edges }) => [...edges]))
    context.strokeStyle = colour('muted')
    for (const [i, { edges, shown }] of layers.entries()) {
      const before = layers[i - 1]?.shown ?? 0
      for (let unit = 0; unit < shown; unit++) {
        for (let from = 0; from < before; from++) {
          const share = edges[unit * before + from] / strongest
          if (!(share > 0.01)) continue
          context.lineWidth = 0.4 + 3.6 * share
          context.globalAlpha = 0.25 + 0.6 * share
          context.beginPath()
          context.moveTo(x(i - 1) + UNIT / 2, y(from, before))
          context.lineTo(x(i) - UNIT / 2, y(unit, shown))
          context.stroke()
        }
      }
    }
    context.globalAlpha = 1
  }

  #units(layers: readonly DrawnLayer[]): void {
    const { x, y } = this.#places(layers.length)
    const context = this.#canvas.getContext('2d')
    if (!context) return
    for (const [i, layer] of layers.entries()) {
      const picture = pictures(layer)
      for (let unit = 0; unit < layer.shown; unit++) {
        const [left, top] = [x(i) - UNIT / 2, y(unit, layer.shown) - UNIT / 2]
        context.fillStyle = colour('card')
        context.fillRect(left, top, UNIT, UNIT)
        context.imageSmoothingEnabled = false
        context.drawImage(picture, 0, unit * layer.side, layer.side, layer.side, left, top, UNIT, UNIT)
        context.strokeStyle = colour(i === this.#opened ? 'text' : 'line')
        context.lineWidth = i === this.#opened ? 2 : 1
        context.strokeRect(left, top, UNIT, UNIT)
      }
    }
  }

  #showOpen({ open }: Drawing): void {
    if (!open || open.layer !== this.#opened) return
    const { drawn, layer } = open
    let canvas = this.#open.querySelector('canvas')
    let words = this.#open.querySelector('p')
    if (!canvas || !words) {
      words = document.createElement('p')
      canvas = document.createElement('canvas')
      canvas.setAttribute('role', 'img')
      canvas.setAttribute('aria-label', 'All units of the opened layer')
      this.#open.replaceChildren(words, canvas)
    }
    words.textContent = `Layer ${layer + 1}, ${drawn.name}: ${drawn.shown < drawn.units ? `the first ${drawn.shown} of ` : ''}${drawn.units} units, each as the ${drawn.side} × ${drawn.side} picture of its incoming weights. The strongest weight is ${short(drawn.largest)}; the mean gradient ${short(drawn.gradient)}.`
    const width = Math.max(200, canvas.clientWidth)
    const size = Math.max(UNIT, Math.min(56, drawn.side * 2))
    const columns = Math.max(1, Math.floor(width / (size + GAP)))
    const height = Math.ceil(drawn.shown / columns) * (size + GAP)
    canvas.style.height = `${height}px`
    const context = sharp(canvas, width, height)
    context.imageSmoothingEnabled = false
    const picture = pictures(drawn)
    for (let unit = 0; unit < drawn.shown; unit++) {
      const [left, top] = [(unit % columns) * (size + GAP), Math.floor(unit / columns) * (size + GAP)]
      context.drawImage(picture, 0, unit * drawn.side, drawn.side, drawn.side, left, top, size, size)
      context.strokeStyle = colour('line')
      context.strokeRect(left + 0.5, top + 0.5, size - 1, size - 1)
    }
  }
}

/** The units' weights one below the other: one colour above 0, the other below, the stronger the darker. */
function pictures({ side, shown, weights }: DrawnLayer): OffscreenCanvas {
  const image = new ImageData(side, side * shown)
  const pixels = new Uint32Array(image.data.buffer)
  // A pixel's bytes are red, green, blue and alpha, the first the lowest.
  const [above, below] = ['norm', 'plain'].map((name) => rgb(name).reduceRight((all, c) => (all << 8) | c))
  for (let i = 0; i < weights.length; i++) {
    const weight = weights[i]
    const alpha = Math.min(255, 3 * Math.abs(weight))
    pixels[i] = (alpha << 24) | (weight > 0 ? above : below)
  }
  const canvas = new OffscreenCanvas(side, side * shown)
  canvas.getContext('2d')?.putImageData(image, 0, 0)
  return canvas
}
