/** Comparisons, and what chooses by them. */
import { clamp, compare, prelu, where } from '../../support/interpreter/elementwise.js'
import { broadcast, Invalid, type Value } from '../../support/interpreter/value.js'
import type { Draw } from '../draw.js'
import type { Ref } from '../program.js'
import type { Entry, Table } from './entry.js'

const comparison = (holds: (x: number, y: number) => boolean): Entry => ({
  draw(d) {
    const x = d.value()
    return [x, d.chance(0.4) ? d.pick([0, 0.5, -1]) : d.partner(x)]
  },
  twin: compare(holds),
  differentiable: false,
})

/** Zeros and ones that broadcast with `x`. */
function condition(d: Draw, x: Ref): Ref {
  const { shape } = d.known(x)
  const fits = (v: Value, id: string) => {
    // A softmax over one value is 1 as well, but a condition has no gradient.
    if (d.at.requiresGrad.get(id)) return false
    if (!v.data.every((each) => each === 0 || each === 1)) return false
    try {
      return broadcast(v.shape, shape).length > 0
    } catch (error) {
      if (error instanceof Invalid) return false
      throw error
    }
  }
  const found = d.chance(0.5) ? [] : d.candidates(fits)
  if (found.length > 0) return { ref: d.pick(found) }
  return d.step(d.pick(['lt', 'le', 'gt', 'ge']), [d.chance(0.5) ? x : d.partner(x), d.pick([0, 0.5])])
}

export const choices: Table = {
  eq: comparison((x, y) => x === y),
  ne: comparison((x, y) => x !== y),
  lt: comparison((x, y) => x < y),
  le: comparison((x, y) => x <= y),
  gt: comparison((x, y) => x > y),
  ge: comparison((x, y) => x >= y),
  where: {
    draw(d) {
      const a = d.value()
      const b = d.chance(0.3) ? d.pick([0, -1.5]) : d.partner(a)
      const c = condition(d, a)
      return d.chance(0.5) ? [c, a, b] : [c, b, a]
    },
    twin: where,
  },
  maskedFill: {
    draw(d) {
      const x = d.value()
      return [x, condition(d, x), d.pick([0, 2.5, -1])]
    },
    twin: (x: Value, mask: Value, filled: number) => where(mask, filled, x),
  },
  clamp: {
    draw: (d) => [d.value(), d.pick([{ min: 0 }, { max: 0.5 }, { min: -0.5, max: 1 }, { min: 1, max: -1 }])],
    twin: clamp,
  },
  prelu: {
    draw(d) {
      const x = d.value((v) => v.shape.length > 1)
      const { shape } = d.known(x)
      const channels = d.chance(0.3) ? 1 : (shape[1] ?? 1)
      return [
        x,
        d.value(
          (v) => v.shape.length === 1 && v.shape[0] === channels,
          () => [channels],
        ),
      ]
    },
    twin: prelu,
  },
}
