/** What JavaScript's own containers hold, in which modules and parameters are not found. */
import { isPlainObject } from '../check.js'

/** What is of a kind inside a value, where this is one of JavaScript's own containers, at any depth. */
export function heldBy<T>(value: unknown, is: (one: unknown) => one is T, depth = 0): T[] {
  return insideOf(value).flatMap((one) => {
    if (is(one)) return [one]
    return depth < 8 ? heldBy(one, is, depth + 1) : []
  })
}

function insideOf(value: unknown): unknown[] {
  if (value instanceof Map || value instanceof Set) return [...value.values()]
  return Array.isArray(value) || isPlainObject(value) ? Object.values(value) : []
}
