/** Batches of samples. */
import { kindOf } from '../check.js'
import { ArgumentError, ShapeError } from '../errors.js'
import { fromValues, tensor } from '../tensor/create.js'
import { sameShape, sizeOf } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'

/** What a value within a sample becomes in a batch: one tensor, where it is numbers. */
type CollatedValue<V> = V extends readonly NestedValues[] ? Tensor : Collated<V>
type NestedValues = number | readonly NestedValues[]

/** What samples of type `S` become as a batch; of samples that nobody knows, a batch as `fit` takes it. */
export type Collated<S> = unknown extends S
  ? Tensor[]
  : S extends Tensor | number | ArrayBufferView
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
 * A sample is an array such as [x, y], a plain object such as { image, label }, or a value alone. Numbers become [N],
 * typed arrays and arrays of numbers [N, length], nested arrays and tensors [N, ...shape], texts an array of texts;
 * arrays and objects of such are gone through. (At the top [1, 2] are two values, as [x, y]; within, one.)
 *
 * As https://pytorch.org/docs/stable/data.html#torch.utils.data.default_collate
 *
 * @param samples at least one
 * @throws {ArgumentError} for no samples, or values that nothing can be made of
 * @throws {ShapeError} where samples differ in their shape
 */
export function collate<S>(samples: readonly S[]): Collated<S> {
  return at(Array.isArray(samples) ? samples : [], 'sample', true) as Collated<S>
}

/** The batch of the values at one place, whose name is for errors. */
function at(values: readonly unknown[], place: string, top = false): unknown {
  const [first] = values
  if (values.length > 0 && values.every((value) => typeof value === 'string')) return values
  if (first instanceof Tensor || ArrayBuffer.isView(first)) return stacked(values as Values[], place)
  if (isNumbers(first) && !(top && Array.isArray(first))) return nested(values as number[], place)
  if (Array.isArray(first) || isPlain(first)) {
    const keys = Object.keys(first)
    const odd = values.findIndex((value) => Object.keys(value ?? {}).length !== keys.length)
    if (odd < 0 && keys.length > 0) {
      const parts = keys.map((key): [string, unknown] => [
        key,
        at(
          values.map((value) => (value as Record<string, unknown>)[key]),
          `${place}.${key}`,
        ),
      ])
      // Own properties, whatever their names.
      return Array.isArray(first) ? parts.map(([, part]) => part) : Object.fromEntries(parts)
    }
  }
  throw new ArgumentError(
    `collate: nothing can be made of ${values.length ? `a ${place} that is ${kindOf(first)}` : 'no samples'}; expected numbers, typed arrays, tensors, texts, or arrays and plain objects of them, alike in all samples`,
  )
}

/** One tensor of nested arrays, which have one shape. */
function nested(values: readonly number[], place: string): Tensor {
  try {
    return tensor(values)
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error
    throw new ShapeError(
      `collate: a ${place} is arrays of numbers, which become one tensor, and they differ in length; pad them, or, where they are several tensors, give each as a typed array, or name them in an object`,
      { cause: error },
    )
  }
}

/** Whether it is a number or arrays of nothing else. */
function isNumbers(value: unknown): boolean {
  return typeof value === 'number' || (Array.isArray(value) && value.length > 0 && value.every(isNumbers))
}

function isPlain(value: unknown): value is object {
  return (
    Object.prototype.toString.call(value) === '[object Object]' && (value as object).constructor === Object
  )
}

type Values = Tensor | Float32Array

/** One tensor [N, ...shape] of tensors or typed arrays of one shape. */
function stacked(values: readonly Values[], place: string): Tensor {
  const shapeOf = (value: Values | undefined) =>
    value instanceof Tensor ? value.shape : [Number(value?.length)]
  const shape = shapeOf(values[0])
  const size = sizeOf(shape)
  const all = new Float32Array(size * values.length || 0)
  for (const [i, value] of values.entries()) {
    const numbers = value instanceof Tensor ? value.toFloat32Array() : value
    if (!sameShape(shapeOf(value), shape) || typeof numbers[0] === 'bigint') {
      throw new ShapeError(
        `collate: a ${place} is ${kindOf(value)} of shape [${shapeOf(value)}] and the first one has [${shape}]; a batch needs numbers of one shape: pad or crop them, or give DataLoader a collate of your own`,
      )
    }
    all.set(numbers, i * size)
  }
  return fromValues(all, [values.length, ...shape])
}
