/** What the fuzz knows of an operation, and the short ways to say it. */
import { map, type Value, zip } from '../../support/interpreter/value.js'
import type { Draw } from '../draw.js'
import type { Arg } from '../program.js'

export interface Entry {
  /** Draws the arguments, as the public function takes them; a method's tensor is the first. */
  draw(d: Draw): readonly Arg[]
  /** The naive float64 twin, called with the same arguments. */
  twin(...args: never[]): Value | readonly Value[] | Readonly<Record<string, Value>>
  /** Of several results, which one goes on: its name or number among them. */
  part?(d: Draw, args: readonly Arg[]): string | number
  /** False where the result never requires a gradient. */
  differentiable?: false
  /** What the twin has to be told of the library's own result (a mask), as its last argument. */
  observe?(output: Float32Array, args: readonly unknown[]): Value
}

export type Table = Readonly<Record<string, Entry>>

/** Where an operation can be compared, and where its derivative jumps. */
interface Domain {
  /** The values that are drawn are from here to there. Default: any. */
  from?: number
  to?: number
  kinks?: readonly number[]
}

/** An operation of each element, by its formula. Attributes that follow the tensor are drawn by `attributes`. */
export function unary(
  f: (x: number, ...attributes: number[]) => number,
  { from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY, kinks }: Domain = {},
  attributes: (d: Draw) => readonly number[] = () => [],
): Entry {
  const bounded = Number.isFinite(from) || Number.isFinite(to)
  return {
    draw: (d) => [bounded ? d.within(from, to) : d.value(), ...attributes(d)],
    twin: (x: Value, ...rest: (number | undefined)[]) => {
      const known = rest.filter((v) => v !== undefined)
      return map(x, (v) => f(v, ...known), kinks)
    },
  }
}

/** An operation of each element that takes options, some of which are drawn. */
export function unaryWith<O extends { readonly [option: string]: Arg }>(
  twin: (x: Value, options: O) => Value,
  options: (d: Draw) => O,
): Entry {
  return {
    draw: (d) => [d.value(), ...(d.chance(0.3) ? [] : [options(d)])],
    twin: (x: Value, own?: O) => twin(x, own ?? ({} as O)),
  }
}

/** An operation of two elements, broadcast, by its formula or its twin. The second may be a number. */
export function binary(
  f: (a: number, b: number) => number,
  kind: 'any' | 'positive' = 'any',
  twin = (a: Value, b: Value | number): Value => zip(a, b, f),
): Entry {
  return {
    draw(d) {
      const [low, high] = kind === 'positive' ? [0.5, 4] : [-8, 8]
      if (d.chance(0.2)) {
        return [d.value(), d.pick([0.5, 1, 2, 3.25, ...(kind === 'any' ? [0, -1.5] : [])])]
      }
      if (kind === 'positive' && d.chance(0.5)) {
        const b = d.within(low, high)
        return [d.partner(b), b]
      }
      const a = d.value()
      const b = d.partner(a, kind)
      return kind === 'any' && d.chance(0.5) ? [b, a] : [a, b]
    },
    twin,
  }
}
