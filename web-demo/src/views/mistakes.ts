import { PIXELS } from '../../shards.js'
import { nextTask } from '../next-task.js'
import { type Both, type Mistakes, SIDES, type Side } from '../protocol.js'
import { nameOf } from './names.js'
import { Sight } from './sight.js'
import { byId, onThemeChange, rgb } from './theme.js'

const SIZE = 28

interface Item {
  li: HTMLLIElement
  canvas: HTMLCanvasElement
  words: HTMLElement
}

/** The first of the judged test digits that each net gets wrong. */
export class MistakesView {
  readonly #places: Both<{ list: HTMLElement; items: Item[] }>
  #mistakes: Both<Mistakes> | undefined
  readonly #sight = new Sight(['mistakes'], () => this.#mistakes && this.show(this.#mistakes))

  constructor() {
    const place = (side: Side) => {
      const box = document.createElement('div')
      const title = nameOf('h4', side)
      const list = document.createElement('ul')
      box.append(title, list)
      byId('mistakes').append(box)
      return { list, items: [] }
    }
    this.#places = { norm: place('norm'), plain: place('plain') }
    onThemeChange(() => this.#mistakes && this.show(this.#mistakes))
  }

  async show(mistakes: Both<Mistakes>): Promise<void> {
    this.#mistakes = mistakes
    if (!this.#sight.has('mistakes')) return
    const ink = rgb('ink')
    for (const side of SIDES) {
      const { list, items } = this.#places[side]
      const { shown, pixels } = mistakes[side]
      while (items.length < shown.length) items.push(makeItem())
      for (const [i, { label, answer }] of shown.entries()) {
        const { canvas, words } = items[i]
        draw(canvas, pixels.subarray(i * PIXELS, (i + 1) * PIXELS), ink)
        words.textContent = `${label}, not ${answer}`
      }
      list.replaceChildren(...items.slice(0, shown.length).map(({ li }) => li))
      await nextTask()
    }
  }
}

function makeItem(): Item {
  const canvas = document.createElement('canvas')
  canvas.width = SIZE
  canvas.height = SIZE
  canvas.setAttribute('aria-hidden', 'true')
  const words = document.createElement('span')
  const li = document.createElement('li')
  li.append(canvas, words)
  return { li, canvas, words }
}

function draw(canvas: HTMLCanvasElement, pixels: Uint8Array, ink: number[]): void {
  const image = new ImageData(SIZE, SIZE)
  for (let i = 0; i < PIXELS; i++) {
    for (let channel = 0; channel < 3; channel++) image.data[4 * i + channel] = ink[channel]
    image.data[4 * i + 3] = pixels[i]
  }
  canvas.getContext('2d')?.putImageData(image, 0, 0)
}
