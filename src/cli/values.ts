/** The values of options, read and checked. */
import { ArgumentError } from '../errors.js'

/** A whole number within its range; undefined where the option was not given. @throws ArgumentError for another text */
export function wholeNumber(
  texts: Map<string, string>,
  option: string,
  smallest: number,
  largest = Number.MAX_SAFE_INTEGER,
): number | undefined {
  const text = texts.get(option)
  if (text === undefined) return undefined
  const value = /^\+?\d+$/.test(text) ? Number(text) : NaN
  if (value >= smallest && value <= largest) return value
  const range = largest === Number.MAX_SAFE_INTEGER ? `from ${smallest}` : `from ${smallest} to ${largest}`
  throw new ArgumentError(`--${option} is '${text}'; expected a whole number ${range}.`)
}

/** A number above 0; undefined where the option was not given. @throws ArgumentError for another text */
export function positiveNumber(texts: Map<string, string>, option: string): number | undefined {
  const text = texts.get(option)
  if (text === undefined) return undefined
  const value = /^\+?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN
  if (value > 0 && Number.isFinite(value)) return value
  throw new ArgumentError(`--${option} is '${text}'; expected a number above 0, such as 0.1.`)
}

/** ", did you mean X?" for the nearest of `known`, or nothing where none is near. */
export function didYouMean(given: string, known: readonly string[], prefix = ''): string {
  const plain = (name: string): string => name.toLowerCase().replaceAll(/[^a-z]/g, '')
  const [typed, names] = [plain(given), known.map((name) => ({ name, text: plain(name) }))]
  const beginning = typed.length > 1 && names.find(({ text }) => text.startsWith(typed))
  const nearest =
    beginning ||
    names
      .map(({ name, text }) => ({ name, distance: editDistance(typed, text) }))
      .filter(({ distance }) => distance <= (typed.length > 3 ? 2 : 1))
      .sort((a, b) => a.distance - b.distance)[0]
  return nearest ? `, did you mean ${prefix}${nearest.name}?` : ''
}

/** Levenshtein's distance: insertions, deletions and substitutions from one text to the other. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i)
  for (const [i, a] of [...from].entries()) {
    const next = [i + 1]
    for (const [j, b] of [...to].entries()) {
      const substituted = (row[j] ?? 0) + (a === b ? 0 : 1)
      next.push(Math.min(substituted, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
