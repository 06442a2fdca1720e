/** Class indices: what a loss takes as such, and the value that is picked by them. */
import { kindOf } from '../../check.js'
import { ArgumentError, ShapeError } from '../../errors.js'
import { fromValues } from '../../tensor/create.js'
import { type Shape, sizeOf } from '../../tensor/shape.js'
import { Tensor } from '../../tensor/tensor.js'
import { eq } from './compare.js'
import { gather } from './indexing.js'
import { reshape } from './rearrange.js'
import { maskedFill } from './where.js'

/** Class indices: a tensor of whole numbers, or a list. */
export type Labels = Tensor | ArrayLike<number>

/** Whether it is an array of numbers, typed or not. */
function isList(labels: unknown): labels is ArrayLike<number> {
  if (ArrayBuffer.isView(labels)) {
    return 'length' in labels && !(labels instanceof BigInt64Array) && !(labels instanceof BigUint64Array)
  }
  return Array.isArray(labels) && labels.every((label) => typeof label === 'number')
}

/** What labels that will not do are, and what to do about them. */
function listOf(labels: unknown): string {
  const cure = '; turn 64-bit integers into numbers with Array.from(labels, Number)'
  if (!Array.isArray(labels)) return `${kindOf(labels)}${labels instanceof BigInt64Array ? cure : ''}`
  const wrong: unknown = labels.find((label) => typeof label !== 'number')
  return `${kindOf(wrong)} in it${typeof wrong === 'bigint' ? cure : ''}`
}

/** Checks that labels are a tensor or a list of numbers. @throws {ArgumentError} */
export function checkLabels(name: string, labels: unknown): asserts labels is Labels {
  if (labels instanceof Tensor || isList(labels)) return
  throw new ArgumentError(
    `${name}: labels are class indices, in a tensor or an array of whole numbers; got ${listOf(labels)}`,
  )
}

/** The shape of labels; [length] of a list. */
export function shapeOfLabels(labels: Labels): Shape {
  return labels instanceof Tensor ? labels.shape : [labels.length]
}

/** Labels for each row of logits [N, classes], as a tensor that the caller owns. */
export function labelTensor(name: string, labels: Labels, n: number): Tensor {
  checkLabels(name, labels)
  const given = shapeOfLabels(labels)
  if (given.length !== 1 || given[0] !== n) {
    const cure = sizeOf(given) === n && labels instanceof Tensor ? `; take labels.reshape([${n}])` : ''
    throw new ShapeError(
      `${name}: expected one class index for each of the ${n} rows of logits, got shape [${given}]${cure}`,
    )
  }
  return ownLabels(labels)
}

/** Labels as a tensor that the caller owns. */
export function ownLabels(labels: Labels): Tensor {
  return labels instanceof Tensor ? labels.detach() : fromValues(labels, [labels.length])
}

/** Whether a label is one of so many classes. */
export function isClass(label: number, classes: number): boolean {
  return Number.isInteger(label) && label >= 0 && label < classes
}

/** The sizes of an array [classes] or [N, classes, d…]: before, of, and after its classes. */
export function classSizes(shape: Shape): [before: number, classes: number, after: number] {
  if (shape.length === 1) return [1, shape[0], 1]
  const [n, classes, ...rest] = shape
  return [n, classes, sizeOf(rest)]
}

/** The shape without the classes: that of class indices. */
export function withoutClasses(shape: Shape): Shape {
  return shape.filter((_, d) => d !== (shape.length === 1 ? 0 : 1))
}

/**
 * The value of each label's class. To be called in a scope.
 *
 * @param x [classes] or [N, classes, d…]
 * @param labels [] or [N, d…], found good: each a class or `ignored`
 * @returns the labels' shape, with 0 where a label is ignored
 */
export function pickClass(x: Tensor, labels: Tensor, ignored: number): Tensor {
  const dim = x.shape.length === 1 ? 0 : 1
  const [, , ...after] = x.shape
  const ignores = eq(labels, ignored)
  const index = reshape(maskedFill(labels, ignores, 0), dim === 0 ? [1] : [x.shape[0], 1, ...after])
  return maskedFill(reshape(gather(x, dim, index), labels.shape), ignores, 0)
}
