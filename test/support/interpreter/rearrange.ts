/** Twins of what only moves values. */
import { dimension, need, places, type Shape, sizeOf, stridesOf, take, type Value, value } from './value.js'

export function reshape(x: Value, shape: Shape): Value {
  const known = sizeOf(shape.filter((s) => s !== -1))
  need(shape.filter((s) => s === -1).length < 2, 'one -1 at most')
  return value(
    shape.map((s) => (s === -1 ? x.data.length / known : s)),
    x.data,
  )
}

export function flatten(x: Value, startDim = 0, endDim = -1): Value {
  const { shape } = x
  if (shape.length === 0) return reshape(x, [1])
  const [start, end] = [dimension(startDim, shape.length), dimension(endDim, shape.length)]
  need(start <= end, 'startDim comes after endDim')
  return reshape(x, [...shape.slice(0, start), sizeOf(shape.slice(start, end + 1)), ...shape.slice(end + 1)])
}

export function permute(x: Value, order: readonly number[]): Value {
  const dims = order.map((d) => dimension(d, x.shape.length))
  need(dims.length === x.shape.length && new Set(dims).size === dims.length, 'each dimension once')
  const strides = stridesOf(x.shape)
  const shape = dims.map((d) => x.shape[d])
  return take(
    x,
    places(
      shape,
      dims.map((d) => strides[d]),
    ),
    shape,
  )
}

export function transpose(x: Value, a: number, b: number): Value {
  const rank = x.shape.length
  const [from, to] = [dimension(a, rank), dimension(b, rank)]
  return permute(
    x,
    x.shape.map((_, d) => (d === from ? to : d === to ? from : d)),
  )
}

export function slice(x: Value, dim: number, start = 0, end = Number.POSITIVE_INFINITY): Value {
  const d = dimension(dim, x.shape.length)
  const size = x.shape[d]
  const place = (at: number) => Math.min(Math.max(at < 0 ? at + size : at, 0), size)
  const from = place(start)
  const shape = x.shape.map((s, k) => (k === d ? Math.max(place(end) - from, 0) : s))
  const strides = stridesOf(x.shape)
  return take(x, places(shape, strides, from * strides[d]), shape)
}

export function cat(parts: readonly Value[], dim = 0): Value {
  const first = parts[0].shape
  const d = dimension(dim, first.length)
  for (const { shape } of parts) {
    const fits = shape.length === first.length && shape.every((s, k) => k === d || s === first[k])
    need(fits, `cat of [${first}] and [${shape}]`)
  }
  const y = value(first.map((s, k) => (k === d ? parts.reduce((size, { shape }) => size + shape[d], 0) : s)))
  const strides = stridesOf(y.shape)
  let at = 0
  for (const { shape, data } of parts) {
    places(shape, strides, at * strides[d]).forEach((to, i) => {
      y.data[to] = data[i]
    })
    at += shape[d]
  }
  return y
}
