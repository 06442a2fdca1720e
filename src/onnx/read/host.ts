/**
 * Values that no kernel sees: the sizes, indices and masks by which a graph computes shapes. They are plain numbers, in
 * row-major order, and known before any tensor is: so a net is the same whatever its inputs' values are.
 */
import { DataError } from '../../errors.js'
import { fromValues } from '../../tensor/create.js'
import { adopt } from '../../tensor/scope.js'
import { sizeOf, stridesOf } from '../../tensor/shape.js'
import { Tensor } from '../../tensor/tensor.js'

/** The most elements of such a value: a mask of 4,096 × 4,096. What asks for more is damaged, or means harm. */
const MOST = 2 ** 24

/** The most elements of all values that one run has, or that a file's constants give: 256 MB. */
const MOST_IN_ALL = 2 ** 25

/** Counts the elements of plain values. */
export class HostBudget {
  #left = MOST_IN_ALL

  /** @throws {DataError} */
  take(value: unknown, what: string): void {
    if (!(value instanceof Host)) return
    this.#left -= value.size
    if (this.#left < 0)
      throw new DataError(`${what}: the values of shapes and masks are more than ${MOST_IN_ALL} in all`)
  }
}

export type Kind = 'whole' | 'float' | 'boolean'

/** A value of a graph, in plain numbers. */
export class Host {
  constructor(
    readonly shape: readonly number[],
    readonly values: ArrayLike<number>,
    readonly kind: Kind,
  ) {}

  get size(): number {
    return this.values.length
  }
}

/** A value of a graph. */
export type Val = Tensor | Host

/** @throws {DataError} for a size that is none, or is too large to be made */
export function checkSize(shape: readonly number[], what: string): number {
  const size = sizeOf(shape)
  if (shape.every((n) => Number.isInteger(n) && n >= 0) && size <= MOST) return size
  throw new DataError(`${what}: a value of shape [${shape}] is none, or larger than ${MOST} elements`)
}

export const whole = (values: readonly number[], shape: readonly number[] = [values.length]) =>
  new Host(shape, values, 'whole')

/** As a tensor, of the innermost scope. */
export function tensorOf(value: Val): Tensor {
  if (value instanceof Tensor) return value
  const x = fromValues(Float32Array.from(value.values), [...value.shape])
  adopt(x)
  return x
}

/** A value of other elements, by where each is among the old ones. */
export function picked(
  x: Host,
  shape: readonly number[],
  placeOf: (index: number[]) => number,
  what: string,
): Host {
  const size = checkSize(shape, what)
  const values = new Float64Array(size)
  const index = shape.map(() => 0)
  for (let i = 0; i < size; i++) {
    values[i] = x.values[placeOf(index)]
    for (let d = shape.length - 1; d >= 0; d--) {
      index[d]++
      if (index[d] < shape[d]) break
      index[d] = 0
    }
  }
  return new Host(shape, values, x.kind)
}

/** The shape that both broadcast to. @throws {DataError} */
export function broadcast(a: readonly number[], b: readonly number[], what: string): number[] {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, d) => {
    const [m, n] = [a[d - rank + a.length] ?? 1, b[d - rank + b.length] ?? 1]
    if (m !== n && m !== 1 && n !== 1)
      throw new DataError(`${what}: shapes [${a}] and [${b}] do not broadcast`)
    return m === 1 ? n : m
  })
}

/** Repeated to a shape that it broadcasts to. */
export function expanded(x: Host, shape: readonly number[], what: string): Host {
  const strides = stridesOf(x.shape)
  const more = shape.length - x.shape.length
  const steps = shape.map((_, d) => (d < more || x.shape[d - more] === 1 ? 0 : strides[d - more]))
  return picked(x, shape, (index) => index.reduce((at, i, d) => at + i * steps[d], 0), what)
}

/** A function of the elements of two, broadcast. */
export function combined(
  a: Host,
  b: Host,
  of: (x: number, y: number) => number,
  kind: Kind,
  what: string,
): Host {
  const shape = broadcast(a.shape, b.shape, what)
  const [left, right] = [expanded(a, shape, what), expanded(b, shape, what)]
  return new Host(
    shape,
    Float64Array.from(left.values, (x, i) => of(x, right.values[i])),
    kind,
  )
}

export function mapped(x: Host, of: (value: number) => number, kind: Kind = x.kind): Host {
  return new Host(x.shape, Float64Array.from(x.values, of), kind)
}
