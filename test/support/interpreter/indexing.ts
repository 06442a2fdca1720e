/** Twins of what picks, rearranges and scans: element by element, by the place of each. */
import { reshape } from './rearrange.js'
import { along, reduce } from './reduce.js'
import {
  dimension,
  kink,
  lines,
  map,
  need,
  expand as repeated,
  type Shape,
  stridesOf,
  type Value,
  value,
} from './value.js'

type Place = readonly number[]

/** The places of a shape, in row-major order. */
export function placesOf(shape: Shape): Place[] {
  return shape.reduce<number[][]>(
    (found, size) => found.flatMap((place) => Array.from({ length: size }, (_, i) => [...place, i])),
    [[]],
  )
}

export function offset(shape: Shape, place: Place): number {
  const strides = stridesOf(shape)
  return place.reduce((sum, i, d) => sum + i * strides[d], 0)
}

/** The value whose element at each place is `f` of it. */
function build(shape: Shape, f: (place: Place) => number): Value {
  return value(shape, Float64Array.from(placesOf(shape), f))
}

export const get = (x: Value, place: Place): number => x.data[offset(x.shape, place)]

const replaced = (place: Place, d: number, i: number): Place => place.map((own, k) => (k === d ? i : own))

/** The shape with another size in dimension `d`. */
const resized = (shape: Shape, d: number, size: number): Shape => replaced(shape, d, size)

const asList = (index: Value | readonly number[]): ArrayLike<number> => ('data' in index ? index.data : index)

export function gather(x: Value, dim: number, index: Value): Value {
  const d = dimension(dim, x.shape.length)
  return build(index.shape, (place) => get(x, replaced(place, d, get(index, place))))
}

export function scatterAdd(x: Value, dim: number, index: Value, src: Value): Value {
  const d = dimension(dim, x.shape.length)
  const y = value(x.shape, x.data.slice())
  for (const place of placesOf(index.shape)) {
    y.data[offset(x.shape, replaced(place, d, get(index, place)))] += get(src, place)
  }
  return y
}

export function indexSelect(x: Value, dim: number, index: Value | readonly number[]): Value {
  const d = dimension(dim, x.shape.length)
  const list = asList(index)
  return build(resized(x.shape, d, list.length), (place) => get(x, replaced(place, d, list[place[d]])))
}

export function embedding(index: Value, weight: Value, { paddingIdx }: { paddingIdx?: number } = {}): Value {
  const [rows, width] = weight.shape
  // The padding row's gradient is 0, which is no derivative: nothing can be compared with it.
  if (paddingIdx !== undefined) kink(Number.MIN_VALUE)
  need(
    index.data.every((at) => Number.isInteger(at) && at >= 0 && at < rows),
    'a row that is not there',
  )
  return reshape(indexSelect(weight, 0, reshape(index, [index.data.length])), [...index.shape, width])
}

export function oneHot(labels: Value | readonly number[], classes = -1): Value {
  const own = 'data' in labels ? labels : value([labels.length], Float64Array.from(labels))
  const many = classes === -1 ? Math.max(...own.data) + 1 : classes
  return build([...own.shape, many], (place) =>
    Number(get(own, place.slice(0, -1)) === place[place.length - 1]),
  )
}

export function flip(x: Value, dims: number | readonly number[]): Value {
  const found = [dims].flat().map((d) => dimension(d, x.shape.length))
  return build(x.shape, (place) =>
    get(
      x,
      place.map((i, d) => (found.includes(d) ? x.shape[d] - 1 - i : i)),
    ),
  )
}

type Item = number | null | string | readonly (number | null)[]

/** The places along a dimension that a range names, walked as Python walks them. */
function walked(size: number, [from = null, to = null, by]: readonly (number | null)[]): number[] {
  const step = by ?? 1
  need(step !== 0, 'a step of 0')
  const end = (at: number) => (at < 0 ? at + size : at)
  const found: number[] = []
  const first = from === null ? (step > 0 ? 0 : size - 1) : end(from)
  const last = to === null ? (step > 0 ? size : -1) : Math.max(end(to), -1)
  const inside = step > 0 ? Math.max(first, 0) : Math.min(first, size - 1)
  for (let i = inside; step > 0 ? i < Math.min(last, size) : i > last; i += step) {
    if (i >= 0) found.push(i)
  }
  return found
}

/** What a text such as '1:3, ..., 0' says. */
function read(text: string): Item[] {
  return text.split(',').map((part) => {
    const numbers = part.split(':').map((each) => (each.trim() === '' ? null : Number(each)))
    if (part.includes(':')) return numbers
    return Number.isNaN(Number(part)) ? part.trim() : Number(part)
  })
}

export function at(x: Value, ...given: Item[]): Value {
  const items = given.flatMap((item) => (typeof item === 'string' ? read(item) : [item]))
  const named = items.filter((item) => item !== '...' && item !== 'newaxis').length
  const all = items.flatMap((item) => (item === '...' ? new Array(x.shape.length - named).fill([]) : [item]))
  while (all.filter((item) => item !== 'newaxis').length < x.shape.length) all.push([])
  let d = 0
  const shape: number[] = []
  const sources: ((place: Place) => number)[] = []
  for (const item of all) {
    const k = shape.length
    if (item === 'newaxis') shape.push(1)
    else if (typeof item === 'number') {
      const i = item < 0 ? item + x.shape[d] : item
      need(i >= 0 && i < x.shape[d], 'out of range')
      sources.push(() => i)
      d++
    } else {
      const found = walked(x.shape[d], item ?? [])
      shape.push(found.length)
      sources.push((place) => found[place[k]])
      d++
    }
  }
  return build(shape, (place) =>
    get(
      x,
      sources.map((source) => source(place)),
    ),
  )
}

function cut(x: Value, d: number, start: number, size: number): Value {
  return build(resized(x.shape, d, size), (place) => get(x, replaced(place, d, place[d] + start)))
}

export function split(x: Value, sizes: number | readonly number[], dim = 0): Value[] {
  const d = dimension(dim, x.shape.length)
  const n = x.shape[d]
  if (typeof sizes === 'number') {
    const many = Math.max(1, Math.ceil(n / sizes))
    return split(
      x,
      Array.from({ length: many }, (_, i) => Math.min(sizes, n - i * sizes)),
      dim,
    )
  }
  need(sizes.reduce((sum, size) => sum + size, 0) === n, 'another sum')
  let end = 0
  return sizes.map((size) => {
    end += size
    return cut(x, d, end - size, size)
  })
}

export function chunk(x: Value, chunks: number, dim = 0): Value[] {
  const n = x.shape[dimension(dim, x.shape.length)]
  return n === 0 ? split(x, new Array<number>(chunks).fill(0), dim) : split(x, Math.ceil(n / chunks), dim)
}

export function squeeze(x: Value, dim?: number | readonly number[]): Value {
  const dims = (dim === undefined ? x.shape.map((_, d) => d) : [dim].flat()).map((d) =>
    dimension(d, x.shape.length),
  )
  return reshape(
    x,
    x.shape.filter((size, d) => size !== 1 || !dims.includes(d)),
  )
}

export function unsqueeze(x: Value, dim: number): Value {
  const d = dimension(dim, x.shape.length + 1)
  return reshape(x, [...x.shape.slice(0, d), 1, ...x.shape.slice(d)])
}

export function stack(parts: readonly Value[], dim = 0): Value {
  const { shape } = parts[0]
  for (const part of parts) need(String(part.shape) === String(shape), 'other shapes')
  const d = dimension(dim, shape.length + 1)
  return build([...shape.slice(0, d), parts.length, ...shape.slice(d)], (place) =>
    get(
      parts[place[d]],
      place.filter((_, k) => k !== d),
    ),
  )
}

export function expand(x: Value, shape: Shape): Value {
  const more = shape.length - x.shape.length
  const target = shape.map((size, d) => (size === -1 ? x.shape[d - more] : size))
  need(more >= 0 && x.shape.every((s, d) => s === 1 || s === target[d + more]), 'does not expand')
  // Another value, also where nothing is repeated.
  return { ...repeated(x, target) }
}

export function repeat(x: Value, sizes: readonly number[]): Value {
  const more = sizes.length - x.shape.length
  need(more >= 0, 'too few')
  const own = [...new Array<number>(more).fill(1), ...x.shape]
  return build(
    sizes.map((times, d) => times * own[d]),
    (place) => get(x, place.map((i, d) => i % own[d]).slice(more)),
  )
}

const triangle = (x: Value, kept: (difference: number) => boolean): Value => {
  const rank = x.shape.length
  need(rank >= 2, 'no matrix')
  return build(x.shape, (place) => (kept(place[rank - 1] - place[rank - 2]) ? get(x, place) : 0))
}

export const tril = (x: Value, diagonal = 0): Value => triangle(x, (off) => off <= diagonal)

export const triu = (x: Value, diagonal = 0): Value => triangle(x, (off) => off >= diagonal)

export function cumsum(x: Value, dim: number): Value {
  return along(x, dim, (line) => {
    let sum = 0
    return line.map((v) => {
      sum += v
      return sum
    })
  })
}

export const prod = (x: Value, options: { dim?: number; keepdim?: boolean } = {}): Value =>
  reduce(x, options, (line) => line.reduce((product, v) => product * v, 1))

interface SortOptions {
  dim?: number
  descending?: boolean
}

/** The first `count` in order along a dimension, and where they were. */
function ordered(x: Value, { dim = -1, descending = false }: SortOptions, count?: number) {
  const d = dimension(dim, x.shape.length)
  const n = x.shape[d] ?? 1
  const shape = x.shape.length === 0 ? [] : resized(x.shape, d, count ?? n)
  const [values, indices] = [value(shape), value(shape)]
  const found: [Float64Array, number[]][] = []
  lines(x, x.shape.length === 0 ? [] : [d], (line) => {
    const order = Array.from(line, (_, i) => i).sort((a, b) =>
      descending ? line[b] - line[a] : line[a] - line[b],
    )
    for (let i = 1; i < order.length; i++) kink(line[order[i]] - line[order[i - 1]])
    found.push([line, order.slice(0, count)])
  })
  let next = 0
  lines(values, x.shape.length === 0 ? [] : [d], (_, places) => {
    const [line, order] = found[next++]
    order.forEach((at, i) => {
      values.data[places[i]] = line[at]
      indices.data[places[i]] = at
    })
  })
  return { values, indices }
}

export const sort = (x: Value, options: SortOptions = {}) => ordered(x, options)

export const argsort = (x: Value, options: SortOptions = {}): Value => ordered(x, options).indices

export function topk(x: Value, k: number, options: { dim?: number; largest?: boolean } = {}) {
  const { dim = -1, largest = true } = options
  need(k <= (x.shape[dimension(dim, x.shape.length)] ?? 1), 'too many')
  return ordered(x, { dim, descending: largest }, k)
}

interface PadOptions {
  mode?: 'constant' | 'reflect' | 'replicate' | 'circular'
  value?: number
}

export function pad(
  x: Value,
  sizes: readonly number[],
  { mode = 'constant', value: filler = 0 }: PadOptions = {},
) {
  const rank = x.shape.length
  const pairs = x.shape.map((_, d) => [0, 1].map((side) => sizes[2 * (rank - 1 - d) + side] ?? 0))
  const shape = x.shape.map((size, d) => size + pairs[d][0] + pairs[d][1])
  need(
    shape.every((size) => size >= 0),
    'too much goes',
  )
  const most = (n: number) => (mode === 'reflect' ? n - 1 : mode === 'circular' ? n : n === 0 ? 0 : 99)
  const fits = (n: number, d: number) => pairs[d].every((size) => size === 0 || (size > 0 && size <= most(n)))
  need(mode === 'constant' || x.shape.every(fits), 'nothing to repeat')
  return build(shape, (place) => {
    const from = place.map((i, d) => {
      const [at, n] = [i - pairs[d][0], x.shape[d]]
      if (at >= 0 && at < n) return at
      if (mode === 'constant') return Number.NaN
      if (mode === 'replicate') return at < 0 ? 0 : n - 1
      if (mode === 'circular') return at < 0 ? at + n : at - n
      return at < 0 ? -at : 2 * n - 2 - at
    })
    return from.some(Number.isNaN) ? filler : get(x, from)
  })
}

export const negative = (x: Value): Value => map(x, (v) => -v)
