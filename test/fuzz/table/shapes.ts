/** Reductions, and what only moves values. */
import * as rearrange from '../../support/interpreter/rearrange.js'
import * as reduce from '../../support/interpreter/reduce.js'
import { sizeOf } from '../../support/interpreter/value.js'
import type { Draw } from '../draw.js'
import type { Arg, Ref } from '../program.js'
import type { Entry, Table } from './entry.js'

const reduction = (twin: Entry['twin'], several = true): Entry => ({
  draw: (d) => {
    const x = d.value()
    return [x, d.reduction(x, several)]
  },
  twin,
})

const overDimension = (twin: Entry['twin']): Entry => ({
  draw: (d) => {
    const x = d.value()
    return [x, d.dim(x)]
  },
  twin,
})

/** At least one dimension. */
const array = (d: Draw): Ref =>
  d.value(
    (v) => v.shape.length > 0,
    () => d.shape(1),
  )

/** Other shapes of as many elements: the batch kept, joined with the next dimension, split, all in one. */
function reshaped(d: Draw, x: Ref): readonly number[] {
  const { shape } = d.known(x)
  const n = sizeOf(shape)
  if (n === 0) return d.permutation(shape.length).map((k) => shape[k])
  const factors = (rest: number, many: number): number[] => {
    if (many === 1) return [rest]
    const first = d.pick(Array.from({ length: rest }, (_, i) => i + 1).filter((f) => rest % f === 0))
    return [first, ...factors(rest / first, many - 1)]
  }
  const targets: (() => readonly number[])[] = [
    () => [-1],
    () => factors(n, d.between(1, 5)),
    () => [1, ...shape, 1].slice(d.below(2)),
    ...(shape.length > 0 ? [() => [shape[0], -1], () => [-1, ...shape.slice(1)]] : []),
    ...(shape.length > 2 ? [() => [shape[0] * shape[1], ...shape.slice(2)]] : []),
    ...(shape.length > 2 ? [() => [...shape.slice(0, 2), -1]] : []),
  ]
  return d.pick(targets)()
}

const deviation = (twin: Entry['twin']): Entry => ({
  draw: (d) => {
    const x = d.value()
    const options = d.reduction(x)
    return [x, d.chance(0.5) ? options : { ...options, unbiased: d.chance(0.3) }]
  },
  twin,
})

export const shapes: Table = {
  sum: reduction(reduce.sum),
  mean: reduction(reduce.mean),
  var: deviation(reduce.variance),
  std: deviation(reduce.std),
  norm: {
    draw: (d) => {
      const x = d.value()
      const p = d.pick([2, 2, 1, 3, Number.POSITIVE_INFINITY])
      return [x, { ...d.reduction(x), ...(p === 2 ? {} : { p }) }]
    },
    twin: reduce.norm,
  },
  max: reduction(reduce.max, false),
  min: reduction(reduce.min, false),
  argmax: { ...reduction(reduce.argmax, false), differentiable: false },
  softmax: overDimension(reduce.softmax),
  logSoftmax: overDimension(reduce.logSoftmax),
  reshape: {
    draw: (d) => {
      const x = d.value()
      return [x, reshaped(d, x)]
    },
    twin: rearrange.reshape,
  },
  flatten: {
    draw: (d) => {
      const x = d.value()
      if (d.chance(0.3)) return [x, ...(d.known(x).shape.length > 1 && d.chance(0.7) ? [1] : [])]
      const rank = Math.max(d.known(x).shape.length, 1)
      const start = d.below(rank)
      const end = d.between(start, rank - 1)
      return [x, start, d.chance(0.5) ? end : end - rank]
    },
    twin: rearrange.flatten,
  },
  permute: {
    draw: (d) => {
      const x = d.value()
      const rank = d.known(x).shape.length
      return [x, d.permutation(rank).map((k) => (d.chance(0.2) ? k - rank : k))]
    },
    twin: rearrange.permute,
  },
  transpose: {
    draw: (d) => {
      const x = d.value()
      return [x, d.dim(x), d.dim(x)]
    },
    twin: rearrange.transpose,
  },
  slice: {
    draw: (d) => {
      const x = array(d)
      const dim = d.dim(x)
      const size = d.known(x).shape.at(dim) ?? 0
      const from = d.between(-size - 1, size + 1)
      const length = d.between(d.chance(0.9) ? 1 : 0, size + 1)
      const end: Arg = from < 0 && from + length >= 0 ? undefined : from + length
      return [x, dim, from, ...(d.chance(0.8) ? [end] : [])]
    },
    twin: rearrange.slice,
  },
  cat: {
    draw: (d) => {
      const x = array(d)
      const { shape } = d.known(x)
      const dim = d.dim(x)
      const at = dim < 0 ? dim + shape.length : dim
      const parts = Array.from({ length: d.between(0, 3) }, () => {
        return d.value(
          (v) => v.shape.length === shape.length && v.shape.every((s, k) => k === at || s === shape[k]),
          () => shape.map((s, k) => (k === at ? d.size() : s)),
        )
      })
      return [d.chance(0.5) ? [x, ...parts] : [...parts, x], dim]
    },
    twin: rearrange.cat,
  },
}
