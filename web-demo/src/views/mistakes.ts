import { PIXELS } from '../../shards.js'
import { type Both, type Mistakes, SIDES, type Side } from '../protocol.js'
import { inkOf } from './pad.js'
import { byId, colour, onThemeChange } from './theme.js'

const NAMES = { norm: 'Batch norm', plain: 'Plain' }
const SIZE = 28

/** The first test digits that each net gets wrong. */
export class MistakesView {
  readonly #places: Both<{ title: HTMLElement; list: HTMLElement }>
  #mistakes: Both<Mistakes> | undefined

  constructor() {
    const place = (side: Side) => {
      const box = document.createElement('div')
      const title = document.createElement('h3')
      title.className = side
      title.textContent = NAMES[side]
      const list = document.createElement('ul')
      box.append(title, list)
      byId('mistakes').append(box)
      return { title, list }
    }
    this.#places = { norm: place('norm'), plain: place('plain') }
    onThemeChange(() => this.#mistakes && this.show(this.#mistakes))
  }

  show(mistakes: Both<Mistakes>): void {
    this.#mistakes = mistakes
    for (const side of SIDES) {
      const { title, list } = this.#places[side]
      const { count, of, shown, pixels } = mistakes[side]
      title.textContent = `${NAMES[side]}: ${count.toLocaleString('en')} of ${of.toLocaleString('en')} wrong`
      list.replaceChildren(
        ...shown.map(({ label, answer }, i) =>
          item(pixels.subarray(i * PIXELS, (i + 1) * PIXELS), label, answer),
        ),
      )
    }
  }
}

function item(pixels: Uint8Array, label: number, answer: number): HTMLLIElement {
  const canvas = document.createElement('canvas')
  canvas.width = SIZE
  canvas.height = SIZE
  canvas.setAttribute('aria-hidden', 'true')
  const context = canvas.getContext('2d')
  if (context) {
    context.fillStyle = colour('ink')
    context.fillRect(0, 0, SIZE, SIZE)
    context.globalCompositeOperation = 'destination-in'
    context.drawImage(inkOf(pixels), 0, 0)
  }
  const li = document.createElement('li')
  const words = document.createElement('span')
  words.textContent = `${label}, not ${answer}`
  li.append(canvas, words)
  return li
}
