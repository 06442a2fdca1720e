/** Batches of samples. */
import { kindOf } from '../check.js'
import { ArgumentError, ShapeError } from '../errors.js'
import { fromValues } from '../tensor/create.js'
import { Tensor } from '../tensor/tensor.js'

/** What a value within a sample becomes in a batch: one tensor, where it is numbers. */
type CollatedValue<V> = V extends readonly NestedValues[] ? Tensor : Collated<V>
type NestedValues = number | boolean | readonly NestedValues[]

/** What samples of type `S` become as a batch; of samples that nobody knows, a batch as `fit` takes it. */
export type Collated<S> = unknown extends S
  ? Tensor[]
  : S extends Tensor | number | boolean | ArrayBufferView
    ? Tensor
    : S extends string
      ? string[]
      : S extends readonly unknown[]
        ? { -readonly [K in keyof S]: CollatedValue<S[K]> }
        : S extends object
          ? { [K in keyof S]: CollatedValue<S[K]> }
          : never

/**
 * Makes a batch of samples, as a DataLoader does: what stands at one place in each becomes one tensor with the batch in
 * front.
 *
 * A sample is an array such as [x, y], a plain object such as { image, label }, or a value alone. Numbers and booleans
 * become [N], typed arrays and arrays of numbers [N, length], nested arrays and tensors [N, ...shape], texts an array of
 * texts; arrays and objects of such are gone through. (At the top [1, 2] are two values, as [x, y]; within, one.)
 *
 * As https://pytorch.org/docs/stable/data.html#torch.utils.data.default_collate
 *
 * @param samples at least one
 * @throws {ArgumentError} for no samples, or values that nothing can be made of
 * @throws {ShapeError} where samples differ in their shape
 */
export function collate<S>(samples: readonly S[]): Collated<S> {
  if (!Array.isArray(samples) || samples.length === 0) {
    throw new ArgumentError(
      `collate: expected an array of samples, got ${Array.isArray(samples) ? 'none' : kindOf(samples)}`,
    )
  }
  const [first] = samples
  const whole = Array.isArray(first) ? byPlace(samples, 'the sample') : collateAt(samples, 'the sample')
  return whole as Collated<S>
}

function collateAt(values: readonly unknown[], where: string): unknown {
  const [first] = values
  if (typeof first === 'string') {
    return values.map((value, i) => (typeof value === 'string' ? value : differs(where, first, value, i)))
  }
  if (first instanceof Tensor || ArrayBuffer.isView(first) || isNumbers(first)) return stacked(values, where)
  if (Array.isArray(first)) return byPlace(values, where)
  if (typeof first === 'object' && first !== null && isPlain(first)) {
    // Own properties, whatever their names.
    return Object.fromEntries(
      Object.keys(first).map((key) => [
        key,
        collateAt(
          values.map((value, i) => {
            const has = typeof value === 'object' && value !== null && Object.hasOwn(value, key)
            return has ? (value as Record<string, unknown>)[key] : differs(where, first, value, i, key)
          }),
          `${where}'s ${key}`,
        ),
      ]),
    )
  }
  throw new ArgumentError(
    `collate: ${where} is ${kindOf(first)}; expected numbers, typed arrays, tensors, texts, or arrays and plain objects of them`,
  )
}

/** Arrays as tuples: a batch for each place. */
function byPlace(values: readonly unknown[], where: string): unknown[] {
  const [first] = values as readonly unknown[][]
  if (first.length === 0) throw new ArgumentError(`collate: ${where} is an empty array`)
  for (const [i, value] of values.entries()) {
    if (!Array.isArray(value) || value.length !== first.length) differs(where, first, value, i)
  }
  return first.map((_, place) =>
    collateAt(
      values.map((value) => (value as unknown[])[place]),
      `${where}'s element ${place}`,
    ),
  )
}

/** Whether it is a number or arrays of nothing else. */
function isNumbers(value: unknown): boolean {
  if (typeof value === 'number' || typeof value === 'boolean') return true
  return Array.isArray(value) && value.length > 0 && value.every(isNumbers)
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** One tensor [N, ...shape] of values of one shape. */
function stacked(values: readonly unknown[], where: string): Tensor {
  const shape = shapeOf(values[0])
  const size = shape.reduce((product, n) => product * n, 1)
  const all = new Float32Array(values.length * size)
  for (const [i, value] of values.entries()) {
    const own = shapeOf(value)
    if (own.length !== shape.length || own.some((n, dim) => n !== shape[dim])) {
      throw new ShapeError(
        `collate: ${where} has shape [${shape}] in the first sample of the batch and [${own}] in sample ${i}; a batch needs samples of one shape: pad or crop them, or give DataLoader a collate of your own`,
      )
    }
    if (value instanceof Tensor) all.set(value.toFloat32Array(), i * size)
    else if (ArrayBuffer.isView(value)) all.set(value as unknown as ArrayLike<number>, i * size)
    else fill(all, i * size, shape, value, where)
  }
  return fromValues(all, [values.length, ...shape])
}

function shapeOf(value: unknown): number[] {
  if (value instanceof Tensor) return [...value.shape]
  if (ArrayBuffer.isView(value)) {
    const { length } = value as unknown as { length?: number }
    if (length !== undefined && !(value instanceof BigInt64Array || value instanceof BigUint64Array)) {
      return [length]
    }
  } else if (typeof value === 'number' || typeof value === 'boolean') return []
  else if (Array.isArray(value) && value.length > 0) return [value.length, ...shapeOf(value[0])]
  throw new ArgumentError(`collate: expected numbers, got ${kindOf(value)}`)
}

/** Writes nested arrays of a shape; gives the place behind them. */
function fill(
  all: Float32Array,
  at: number,
  shape: readonly number[],
  value: unknown,
  where: string,
): number {
  if (shape.length === 0) {
    if (typeof value !== 'number' && typeof value !== 'boolean') {
      throw new ArgumentError(`collate: ${where} has ${kindOf(value)} where a number was expected`)
    }
    all[at] = Number(value)
    return at + 1
  }
  if (!Array.isArray(value) || value.length !== shape[0]) {
    throw new ShapeError(
      `collate: the arrays of ${where} have different lengths, so that no tensor can be made of them`,
    )
  }
  return value.reduce((next: number, one) => fill(all, next, shape.slice(1), one, where), at)
}

function differs(where: string, first: unknown, other: unknown, i: number, key?: string): never {
  const lacks = key === undefined ? '' : ` without ${key}`
  throw new ArgumentError(
    `collate: ${where} is ${kindOf(first)} in the first sample of the batch and ${kindOf(other)}${lacks} in sample ${i}`,
  )
}
