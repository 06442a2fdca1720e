import { type Both, SIDES, type Side } from '../protocol.js'
import { nameOf, names } from './names.js'
import { byId } from './theme.js'

const DIGITS = Array.from({ length: 10 }, (_, digit) => digit)
/** A screen reader hears the answers this long after the last change of what was drawn. */
const QUIET = 900

interface Place {
  answer: HTMLElement
  bars: HTMLElement[]
}

/** What both nets say to the drawn digit: ten bars each, and words. */
export class Answers {
  readonly #places: Both<Place>
  readonly #spoken: HTMLElement
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor() {
    const place = byId('answers')
    this.#places = { norm: build(place, 'norm'), plain: build(place, 'plain') }
    this.#spoken = document.createElement('p')
    this.#spoken.className = 'unseen'
    this.#spoken.setAttribute('role', 'status')
    place.append(this.#spoken)
    this.show(undefined)
  }

  show(answers: Both<Float32Array> | undefined): void {
    for (const side of SIDES) {
      const { answer, bars } = this.#places[side]
      const p = answers?.[side]
      for (const [digit, bar] of bars.entries()) bar.style.height = `${Math.round(100 * (p?.[digit] || 0))}%`
      answer.textContent = p ? answerOf(p) : '–'
    }
  }

  /** To be called when the drawing changes: says the answers once it rests. */
  changed(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#spoken.textContent = SIDES.map(
        (side) => `${names()[side]}: ${this.#places[side].answer.textContent}`,
      ).join('. ')
    }, QUIET)
  }
}

function answerOf(p: Float32Array): string {
  const best = p.indexOf(Math.max(...p))
  return best < 0 ? 'no answer' : `${best}, ${Math.round(100 * p[best])} % sure`
}

function build(place: HTMLElement, side: Side): Place {
  const box = document.createElement('div')
  box.className = side
  const title = document.createElement('h4')
  title.className = side
  const answer = document.createElement('span')
  title.append(nameOf('span', side), ': ', answer)
  const barsBox = document.createElement('div')
  barsBox.className = 'bars'
  barsBox.setAttribute('aria-hidden', 'true')
  const bars = DIGITS.map(() => document.createElement('span'))
  barsBox.append(...bars)
  const names = document.createElement('div')
  names.className = 'names'
  names.setAttribute('aria-hidden', 'true')
  names.append(
    ...DIGITS.map((digit) => Object.assign(document.createElement('span'), { textContent: String(digit) })),
  )
  box.append(title, barsBox, names)
  place.append(box)
  return { answer, bars }
}
