/** What every figure of the story shares: canvases with names, words that say what is to be seen now, and its numbers. */
import { nextFrame } from '../../next-task.js'
import type { ChannelNumbers, LayerStatistics, Point, Progress, Slope, Wants } from '../../protocol.js'
import type { Settings } from '../../settings.js'

/** All that a figure may show. */
export interface View {
  settings: Settings
  points: readonly Point[]
  layers: readonly string[]
  progress: Progress | undefined
  statistics: LayerStatistics | undefined
  numbers: ChannelNumbers | undefined
  slope: Slope | undefined
}

/** What a figure asks of the page. */
export interface Asks {
  wants(changed: Partial<Wants>): void
  redraw(): void
}

/** Numbers of a figure, by name. They are in `data-values` too, where a test reads what the page says. */
export type Values = Record<string, number | readonly number[] | string>

/** What is shown now: its numbers, and the same in words for everybody, who sees it or not. */
export interface Now {
  values: Values
  words: string
}

export abstract class Figure {
  readonly box = document.createElement('figure')
  readonly #words = document.createElement('figcaption')
  /** What the worker must work out for it. */
  readonly wants: Partial<Wants> = {}

  constructor(readonly asks: Asks) {
    this.box.className = 'story-figure'
    this.#words.className = 'now'
  }

  /** Says what there is, and has it drawn, each part `later`; undefined while there is nothing to show. */
  protected abstract draw(view: View): Now | undefined

  #parts: (() => void)[] = []

  /** A part of the picture, which is drawn in a frame of its own: on a phone all of them together would take long. */
  protected later(part: () => void): void {
    this.#parts.push(part)
  }

  /** Before there is anything to show. */
  wait(): void {
    if (!this.#words.isConnected) this.box.append(this.#words)
    this.#words.textContent = 'The nets are being built…'
    delete this.box.dataset.values
  }

  /** Until all of it is drawn, or something newer is shown. */
  async show(view: View): Promise<void> {
    const parts: (() => void)[] = []
    this.#parts = parts
    this.wait()
    const now = this.draw(view)
    if (now) this.#words.textContent = now.words
    if (now) this.box.dataset.values = JSON.stringify({ step: view.progress?.step ?? 0, ...now.values })
    for (const part of parts) {
      await nextFrame()
      if (this.#parts !== parts) return
      part()
    }
  }

  /** A canvas with a title, within a row of them. */
  protected panel(
    row: HTMLElement,
    title: string,
    height: number,
    key: readonly [string, string][] = [],
  ): HTMLCanvasElement {
    const box = document.createElement('div')
    const heading = document.createElement('h3')
    heading.textContent = title
    const canvas = document.createElement('canvas')
    canvas.setAttribute('role', 'img')
    canvas.setAttribute('aria-label', `${title}. What it shows now is said below it.`)
    canvas.style.height = `${height}px`
    box.append(heading)
    if (key.length > 0) box.append(keyOf(key))
    box.append(canvas)
    row.append(box)
    return canvas
  }

  protected row(): HTMLDivElement {
    const row = document.createElement('div')
    row.className = 'panels'
    this.box.append(row)
    return row
  }
}

/** What the colours stand for: classes of the style sheet, and their words. */
export function keyOf(entries: readonly (readonly [string, string])[]): HTMLParagraphElement {
  const key = document.createElement('p')
  key.className = 'key'
  for (const [name, words] of entries) {
    const entry = document.createElement('span')
    entry.className = name
    entry.textContent = words
    key.append(entry)
  }
  return key
}

/** Switches of which one is on. */
export function radios(
  legend: string,
  choices: readonly (readonly [string, string])[],
  chosen: string,
  onChange: (value: string) => void,
): HTMLFieldSetElement {
  const set = document.createElement('fieldset')
  set.className = 'switch'
  const title = document.createElement('legend')
  title.textContent = legend
  set.append(title)
  const name = `radio-${legend.replaceAll(/\W+/g, '-').toLowerCase()}`
  for (const [value, words] of choices) {
    const label = document.createElement('label')
    const input = document.createElement('input')
    input.type = 'radio'
    input.name = name
    input.value = value
    input.checked = value === chosen
    input.addEventListener('change', () => onChange(value))
    label.append(input, words)
    set.append(label)
  }
  return set
}

export const mean = (values: Iterable<number>) => {
  let [sum, count] = [0, 0]
  for (const value of values) {
    sum += value
    count++
  }
  return count > 0 ? sum / count : Number.NaN
}

/** The last value that is there. */
export const lastOf = <T>(points: readonly Point[], of: (point: Point) => T | undefined): T | undefined => {
  for (let i = points.length - 1; i >= 0; i--) {
    const value = of(points[i])
    if (value !== undefined) return value
  }
  return undefined
}
