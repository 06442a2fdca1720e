import { type Both, SIDES } from '../protocol.js'
import { namesOf, type Settings } from '../settings.js'

let current: Both<string> = { norm: 'Batch norm', plain: 'Plain' }

/** What the two nets are called now. */
export const names = (): Both<string> => current

/** Takes the names of the settings, and puts them into every element that asks for one by `data-name`. */
export function showNames(settings: Settings): void {
  current = namesOf(settings)
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
