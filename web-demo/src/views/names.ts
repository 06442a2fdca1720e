import { type Both, SIDES } from '../protocol.js'
import { NORM_NAMES, namesOf, othersOf, type Settings } from '../settings.js'

let current: Both<string> = { norm: 'Batch norm', plain: 'Plain' }

/** What the two nets are called now. */
export const names = (): Both<string> => current

/** How the nets with other norms are drawn: a colour of the style sheet, and dashes. */
export const OTHERS = [
  { colour: 'other-1', dash: [8, 2] },
  { colour: 'other-2', dash: [3, 2] },
] as const

/**
 * Takes the names of the settings, and puts them into every element that asks for one by `data-name`, or, of the nets with
 * other norms, by `data-other`.
 */
export function showNames(settings: Settings): void {
  current = namesOf(settings)
  const others = othersOf(settings)
  for (const place of document.querySelectorAll<HTMLElement>('[data-other]')) {
    const norm = others[Number(place.dataset.other)]
    place.hidden = norm === undefined
    place.textContent = norm ? NORM_NAMES[norm] : ''
  }
  for (const side of SIDES) {
    for (const place of document.querySelectorAll(`[data-name="${side}"]`)) place.textContent = current[side]
  }
}

/** An element that always has the name of a side. */
export function nameOf<K extends keyof HTMLElementTagNameMap>(tag: K, side: 'norm' | 'plain') {
  const element = document.createElement(tag)
  element.className = side
  element.dataset.name = side
  element.textContent = current[side]
  return element
}
