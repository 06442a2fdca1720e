/** Numbers that depend on the sizes of a graph's inputs. */

/** A sum of products of sizes. */
export class Formula {
  /** @param terms factors by what they multiply: the places of sizes, in order, as '0,1'; '' is the number by itself */
  constructor(readonly terms: ReadonlyMap<string, number>) {}

  get isWhole(): boolean {
    return [...this.terms.values()].every(Number.isInteger)
  }

  at(point: Point): number {
    let sum = 0
    for (const [key, factor] of this.terms)
      sum += placesOf(key).reduce((product, i) => product * point[i], factor)
    return sum
  }

  /** As a text, with the sizes' names. */
  text(names: readonly string[]): string {
    const parts = [...this.terms].sort(([a], [b]) => b.length - a.length || (a < b ? -1 : 1))
    return parts
      .map(([key, factor]) => {
        const named = placesOf(key).map((i) => names[i])
        return [...(factor === 1 && named.length > 0 ? [] : [`${factor}`]), ...named].join(' * ')
      })
      .join(' + ')
  }
}

/** A size: fixed, or by those of the inputs. */
export type Size = number | Formula

export type Sizes = readonly Size[]

/** A value for each dynamic size. */
export type Point = readonly number[]

/** The sizes that a term multiplies. */
export const placesOf = (key: string): number[] => (key === '' ? [] : key.split(',').map(Number))

export function sameSize(a: Size, b: Size): boolean {
  if (typeof a === 'number' || typeof b === 'number') return a === b
  return a.terms.size === b.terms.size && [...a.terms].every(([key, factor]) => b.terms.get(key) === factor)
}

/** `a + b` */
export function plus(a: Size, b: Size): Size {
  const terms = new Map<string, number>()
  for (const size of [a, b]) {
    const own = typeof size === 'number' ? new Map([['', size]]) : size.terms
    for (const [key, factor] of own) terms.set(key, (terms.get(key) ?? 0) + factor)
  }
  return simplified(terms)
}

/** How many times `b` is `a`, if that is a whole number. */
export function timesOf(a: Size, b: Size): number | undefined {
  if (typeof a === 'number' || typeof b === 'number') return undefined
  const [[key, factor]] = b.terms
  const times = (a.terms.get(key) ?? 0) / factor
  if (!Number.isInteger(times) || times < 1) return undefined
  const multiple = new Map([...b.terms].map(([one, n]) => [one, n * times]))
  return sameSize(a, new Formula(multiple)) ? times : undefined
}

function simplified(terms: ReadonlyMap<string, number>): Size {
  const kept = [...terms].filter(([, factor]) => factor !== 0)
  if (kept.every(([key]) => key === '')) return kept[0]?.[1] ?? 0
  return new Formula(new Map(kept))
}

/**
 * The points at which a net is looked at: each size small or large, in all combinations (the first size changes fastest),
 * and one more by which what was found is checked.
 */
export function pointsOf(sizes: readonly { small: number; large: number; other: number }[]): Point[] {
  const corners = Array.from({ length: 2 ** sizes.length }, (_, corner) =>
    sizes.map(({ small, large }, i) => ((corner >> i) & 1 ? large : small)),
  )
  return sizes.length === 0 ? corners : [...corners, sizes.map(({ other }) => other)]
}

/** The formula of numbers at `pointsOf`; undefined where there is none. */
export function fitted(numbers: readonly number[], points: readonly Point[]): Size | undefined {
  const corners = points.length - 1
  const count = points[0].length
  const [small, large] = [points[0], points[corners - 1]]
  const terms = new Map<string, number>()
  for (let set = 0; set < corners; set++) {
    // What these sizes do together: by inclusion and exclusion.
    let together = 0
    for (let part = set; ; part = (part - 1) & set) {
      together += (bits(set ^ part) % 2 === 0 ? 1 : -1) * numbers[part]
      if (part === 0) break
    }
    if (together === 0) continue
    const inSet = Array.from({ length: count }, (_, i) => i).filter((i) => (set >> i) & 1)
    const slope = inSet.reduce((product, i) => product / (large[i] - small[i]), together)
    // The product of (size - small), multiplied out.
    for (let part = set; ; part = (part - 1) & set) {
      const key = inSet.filter((i) => (part >> i) & 1).join()
      const rest = inSet.filter((i) => !((part >> i) & 1)).reduce((product, i) => product * -small[i], slope)
      terms.set(key, (terms.get(key) ?? 0) + rest)
      if (part === 0) break
    }
  }
  const size = simplified(terms)
  const at = (point: Point) => (typeof size === 'number' ? size : size.at(point))
  return points.every((point, i) => at(point) === numbers[i]) ? size : undefined
}

function bits(number: number): number {
  let count = 0
  for (let rest = number; rest > 0; rest >>= 1) count += rest & 1
  return count
}
