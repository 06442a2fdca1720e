/**
 * The naive interpreter's tensor: a shape and float64 values in row-major order. Here are the few loops that
 * the twins of the operations are made of. A twin takes what the public operation takes, with Values for
 * Tensors, and is written for the reader: plain loops, no layout, no tape.
 */

/** Sizes of the dimensions. */
export type Shape = readonly number[]

/** A float64 twin of a tensor. */
export interface Value {
  readonly shape: Shape
  readonly data: Float64Array
}

/** Thrown for what an operation does not take. */
export class Invalid extends Error {}

/** @throws {Invalid} unless `holds` */
export function need(holds: boolean, what: string): void {
  if (!holds) throw new Invalid(what)
}

export function sizeOf(shape: Shape): number {
  return shape.reduce((size, s) => size * s, 1)
}

/** A value of this shape; zeros without data. */
export function value(shape: Shape, data: Float64Array = new Float64Array(sizeOf(shape))): Value {
  need(data.length === sizeOf(shape), `${data.length} elements for shape [${shape}]`)
  return { shape, data }
}

/** A number as a value of no dimension. */
export function asValue(x: Value | number): Value {
  return typeof x === 'number' ? value([], Float64Array.of(x)) : x
}

/**
 * What the twins do on the way, since it was reset. `gap`: how near they came to a kink, a point at which a
 * derivative jumps, or another element is chosen. An exact tie does not count: values that are equal in float64
 * are as good as always the same function of the leaves, or constants (what ReLU cuts off), and then it does not
 * matter which is taken. `largest`: the largest magnitude inside of a net.
 */
export const watch = { gap: Number.POSITIVE_INFINITY, largest: 0 }

export function kink(gap: number): void {
  if (gap !== 0) watch.gap = Math.min(watch.gap, Math.abs(gap))
}

/** Elements between neighbours along each dimension. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length)
  let stride = 1
  for (let d = shape.length - 1; d >= 0; d--) {
    strides[d] = stride
    stride *= shape[d]
  }
  return strides
}

/** The places that a walk over these sizes, the last fastest, visits in an array with these strides. */
export function places(sizes: Shape, strides: readonly number[], start = 0): Int32Array {
  let found = Int32Array.of(start)
  sizes.forEach((size, d) => {
    const next = new Int32Array(found.length * size)
    for (let k = 0; k < found.length; k++) {
      for (let i = 0; i < size; i++) next[k * size + i] = found[k] + i * strides[d]
    }
    found = next
  })
  return found
}

/** The elements at these places. */
export function take(x: Value, from: Int32Array, shape: Shape): Value {
  const y = value(shape)
  for (let k = 0; k < from.length; k++) y.data[k] = x.data[from[k]]
  return y
}

/** A dimension counted from 0. A value of no dimension is addressed as if it had one. */
export function dimension(d: number, rank: number): number {
  const least = Math.max(rank, 1)
  need(d >= -least && d < least, `dimension ${d} of ${rank}`)
  return d < 0 ? d + least : d
}

/** The shape of two broadcast against each other. */
export function broadcast(a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, d) => {
    const [x, y] = [a[d - rank + a.length] ?? 1, b[d - rank + b.length] ?? 1]
    need(x === y || x === 1 || y === 1, `[${a}] and [${b}] do not broadcast`)
    return x === 1 ? y : x
  })
}

/** `x` repeated to `shape`. */
export function expand(x: Value, shape: Shape): Value {
  if (x.shape.length === shape.length && x.shape.every((s, d) => s === shape[d])) return x
  const own = stridesOf(x.shape)
  const missing = shape.length - x.shape.length
  const strides = shape.map((_, d) => (d < missing || x.shape[d - missing] === 1 ? 0 : own[d - missing]))
  return take(x, places(shape, strides), shape)
}

/** `f` of each element. `kinks` are the points at which its derivative jumps. */
export function map(x: Value, f: (x: number) => number, kinks: readonly number[] = []): Value {
  for (const at of kinks) for (const v of x.data) kink(v - at)
  return value(x.shape, x.data.map(f))
}

/** `f` of each pair of elements, broadcast. */
export function zip(a: Value | number, b: Value | number, f: (a: number, b: number) => number): Value {
  const [left, right] = [asValue(a), asValue(b)]
  const shape = broadcast(left.shape, right.shape)
  const [x, y] = [expand(left, shape).data, expand(right, shape).data]
  return value(
    shape,
    x.map((v, i) => f(v, y[i])),
  )
}

/** Calls `f` with each line of elements along some dimensions, and with their places in `x`. */
export function lines(
  x: Value,
  dims: readonly number[],
  f: (line: Float64Array, from: Int32Array) => void,
): void {
  const strides = stridesOf(x.shape)
  const pick = (of: readonly number[]) =>
    places(
      of.map((d) => x.shape[d]),
      of.map((d) => strides[d]),
    )
  const starts = pick(x.shape.map((_, d) => d).filter((d) => !dims.includes(d)))
  const steps = pick(dims)
  for (const start of starts) {
    const from = steps.map((step) => start + step)
    f(
      Float64Array.from(from, (at) => x.data[at]),
      from,
    )
  }
}
