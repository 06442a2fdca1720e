/** What picks, rearranges and scans. */
import { einsum } from '../../support/interpreter/einsum.js'
import * as indexing from '../../support/interpreter/indexing.js'
import { argmax, type ReduceOptions } from '../../support/interpreter/reduce.js'
import { sizeOf, type Value } from '../../support/interpreter/value.js'
import type { Draw } from '../draw.js'
import type { Arg, Ref } from '../program.js'
import type { Table } from './entry.js'

/** At least `least` dimensions. */
const array = (d: Draw, least = 1): Ref =>
  d.value(
    (v) => v.shape.length >= least,
    () => d.shape(least),
  )

/** A dimension of `x`, as it is given and counted from 0, and its size. */
function dimensionOf(d: Draw, x: Ref): [number, number, number] {
  const { shape } = d.known(x)
  const dim = d.dim(x)
  const at = dim < 0 ? dim + Math.max(shape.length, 1) : dim
  return [dim, at, shape[at] ?? 1]
}

/** Indices below `classes`. */
const indices = (d: Draw, shape: readonly number[], classes: number): Ref =>
  d.leaf(shape, { kind: 'labels', classes, requiresGrad: false, parameter: false })

/** The arguments of gather: some of each other dimension, any number along its own. */
function gatherArguments(d: Draw): { x: Ref; dim: number; index: Ref; shape: number[] } {
  const x = array(d)
  const [dim, at, n] = dimensionOf(d, x)
  const shape = d.known(x).shape.map((size, k) => {
    if (k === at) return n === 0 ? 0 : d.size()
    return d.chance(0.7) ? size : d.between(Math.min(1, size), size)
  })
  return { x, dim, index: indices(d, shape, n), shape }
}

/** A range, or a number, or all of a dimension of that size. */
function item(d: Draw, size: number): Arg {
  const kind = d.uniform()
  if (kind < 0.25 && size > 0) return d.between(-size, size - 1)
  if (kind < 0.4) return d.chance(0.5) ? null : []
  const edge = () => (d.chance(0.4) ? null : d.between(-size - 1, size + 1))
  return [edge(), edge(), ...(d.chance(0.6) ? [d.pick([1, 2, -1, -2, 3, null])] : [])]
}

function atArguments(d: Draw): Arg[] {
  const x = d.value()
  const items: Arg[] = d.known(x).shape.map((size) => item(d, size))
  if (d.chance(0.3)) items.splice(d.below(items.length + 1), d.below(2) * items.length, '...')
  if (d.chance(0.2)) items.splice(d.below(items.length + 1), 0, 'newaxis')
  return [x, ...(d.chance(0.2) ? items.slice(0, d.below(items.length + 1)) : items)]
}

/** Sizes of [before, after], the last dimension first. */
function padArguments(d: Draw): Arg[] {
  const x = array(d)
  const { shape } = d.known(x)
  const mode = d.pick(['constant', 'constant', 'reflect', 'replicate', 'circular'])
  const most = (n: number) =>
    Math.min(3, mode === 'reflect' ? n - 1 : mode === 'circular' ? n : n > 0 ? 3 : 0)
  const side = (n: number) =>
    mode === 'constant' ? d.between(-Math.floor(n / 2), 3) : d.between(0, Math.max(0, most(n)))
  const many = d.between(1, Math.min(3, shape.length))
  const sizes = Array.from({ length: many }, (_, k) => shape[shape.length - 1 - k]).flatMap((n) => [
    side(n),
    side(n),
  ])
  if (mode !== 'constant') return [x, sizes, { mode }]
  return [x, sizes, ...(d.chance(0.5) ? [{ value: d.pick([0, -1.5, 3]) }] : [])]
}

const EQUATIONS = [
  ...['ij,jk->ik', 'bij,bjk->bik', 'i,j->ij', 'i,i->', 'ij,ij->', 'ij,i->j', 'ijk->kji', 'ij->', 'ii->i'],
  ...['iji->j', 'bhid,bhjd->bhij', 'ij,kj->ki', 'ij,k->i', 'i,ij,j->', 'bn,anm->bam', ',i->i', 'ij->ij'],
]

function einsumArguments(d: Draw): Arg[] {
  const equation = d.pick(EQUATIONS)
  const sizes = new Map([...equation.matchAll(/[a-z]/g)].map(([letter]) => [letter, d.between(1, 5)]))
  const operands = equation
    .split('->')[0]
    .split(',')
    .map((term) => {
      const shape = [...term].map((letter) => sizes.get(letter) ?? 1)
      return d.value(
        (v) => String(v.shape) === String(shape),
        () => shape,
      )
    })
  return [equation, ...operands]
}

const sorted = (d: Draw): { [key: string]: Arg } => (d.chance(0.5) ? { descending: d.chance(0.5) } : {})

export const picking: Table = {
  gather: {
    draw: (d) => {
      const { x, dim, index } = gatherArguments(d)
      return [x, dim, index]
    },
    twin: indexing.gather,
  },
  scatterAdd: {
    draw: (d) => {
      const { x, dim, index, shape } = gatherArguments(d)
      const src = d.value(
        (v) => v.shape.length === shape.length && v.shape.every((size, k) => size >= shape[k]),
        () => shape.map((size) => (d.chance(0.7) ? size : size + d.between(0, 2))),
      )
      return [x, dim, index, src]
    },
    twin: indexing.scatterAdd,
  },
  indexSelect: {
    draw: (d) => {
      const x = array(d)
      const [dim, , n] = dimensionOf(d, x)
      const count = n === 0 ? 0 : d.size()
      const list = Array.from({ length: count }, () => d.below(n))
      return [x, dim, d.chance(0.4) ? list : indices(d, [count], n)]
    },
    twin: indexing.indexSelect,
  },
  embedding: {
    draw: (d) => {
      const weight = d.value(
        (v) => v.shape.length === 2 && v.shape[0] > 0,
        () => [d.between(1, 9), d.size()],
      )
      return [indices(d, d.shape(0, 3), d.known(weight).shape[0]), weight]
    },
    twin: indexing.embedding,
  },
  oneHot: {
    draw: (d) => {
      const classes = d.between(1, 7)
      return [indices(d, d.shape(0, 3), classes), classes + d.below(2)]
    },
    twin: indexing.oneHot,
    differentiable: false,
  },
  flip: {
    draw: (d) => {
      const x = array(d)
      if (d.chance(0.5)) return [x, d.dim(x)]
      const rank = d.known(x).shape.length
      return [x, d.permutation(rank).slice(0, d.between(1, rank))]
    },
    twin: indexing.flip,
  },
  at: { draw: atArguments, twin: indexing.at },
  split: {
    draw: (d) => {
      const x = array(d)
      const [dim, , n] = dimensionOf(d, x)
      const cut = d.between(0, n)
      return [x, d.chance(0.5) ? d.between(1, n + 1) : [cut, n - cut], dim]
    },
    part: (d, [x, sizes, dim]) => {
      const n = d.known(x as Ref).shape.at(dim as number) ?? 0
      return d.below(Array.isArray(sizes) ? 2 : Math.max(1, Math.ceil(n / (sizes as number))))
    },
    twin: indexing.split,
  },
  chunk: {
    draw: (d) => {
      const x = array(d)
      return [x, d.between(1, 4), d.dim(x)]
    },
    part: () => 0,
    twin: indexing.chunk,
  },
  squeeze: {
    draw: (d) => {
      const x = d.value()
      if (d.chance(0.4)) return [x]
      const { length } = d.known(x).shape
      return [x, d.chance(0.6) || length === 0 ? d.dim(x) : d.permutation(length).slice(0, 2)]
    },
    twin: indexing.squeeze,
  },
  unsqueeze: {
    draw: (d) => {
      const x = d.value()
      const rank = d.known(x).shape.length + 1
      return [x, d.between(-rank, rank - 1)]
    },
    twin: indexing.unsqueeze,
  },
  stack: {
    draw: (d) => {
      const x = d.value((v) => v.shape.length < 6)
      const { shape } = d.known(x)
      const parts = Array.from({ length: d.between(0, 3) }, () =>
        d.value(
          (v) => String(v.shape) === String(shape),
          () => shape,
        ),
      )
      return [[x, ...parts], d.between(-shape.length - 1, shape.length)]
    },
    twin: indexing.stack,
  },
  expand: {
    draw: (d) => {
      const x = d.value()
      const own = d.known(x).shape.map((size) => {
        if (d.chance(0.4)) return -1
        return size === 1 ? d.size() : size
      })
      return [x, d.chance(0.3) ? [d.size(), ...own] : own]
    },
    twin: indexing.expand,
  },
  repeat: {
    draw: (d) => {
      const x = d.value((v) => sizeOf(v.shape) < 400)
      const own = d.known(x).shape.map(() => d.pick([1, 1, 2, 3]))
      return [x, d.chance(0.3) ? [d.between(1, 2), ...own] : own]
    },
    twin: indexing.repeat,
  },
  tril: {
    draw: (d) => [array(d, 2), ...(d.chance(0.6) ? [d.between(-3, 3)] : [])],
    twin: indexing.tril,
  },
  triu: {
    draw: (d) => [array(d, 2), ...(d.chance(0.6) ? [d.between(-3, 3)] : [])],
    twin: indexing.triu,
  },
  cumsum: {
    draw: (d) => {
      const x = d.value()
      return [x, d.dim(x)]
    },
    twin: indexing.cumsum,
  },
  prod: {
    draw: (d) => {
      const x = d.value()
      return [x, d.reduction(x, false)]
    },
    twin: indexing.prod,
  },
  argmin: {
    draw: (d) => {
      const x = d.value()
      return [x, d.reduction(x, false)]
    },
    twin: (x: Value, options?: ReduceOptions) => argmax(indexing.negative(x), options),
    differentiable: false,
  },
  sort: {
    draw: (d) => {
      const x = d.value()
      return [x, ...(d.chance(0.7) ? [{ dim: d.dim(x), ...sorted(d) }] : [])]
    },
    part: (d) => d.pick(['values', 'values', 'indices']),
    twin: indexing.sort,
  },
  argsort: {
    draw: (d) => {
      const x = d.value()
      return [x, ...(d.chance(0.7) ? [{ dim: d.dim(x), ...sorted(d) }] : [])]
    },
    twin: indexing.argsort,
    differentiable: false,
  },
  topk: {
    draw: (d) => {
      const x = array(d)
      const [dim, , n] = dimensionOf(d, x)
      return [x, d.between(0, n), { dim, ...(d.chance(0.5) ? { largest: d.chance(0.5) } : {}) }]
    },
    part: (d) => d.pick(['values', 'values', 'indices']),
    twin: indexing.topk,
  },
  pad: { draw: padArguments, twin: indexing.pad },
  einsum: { draw: einsumArguments, twin: einsum },
}
