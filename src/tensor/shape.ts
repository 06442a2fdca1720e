import { kindOf } from '../check.js'
import { ArgumentError, ShapeError } from '../errors.js'

/** Sizes of a tensor's dimensions; [] for a single value. */
export type Shape = readonly number[]

/** More than anybody uses; the kernels of strided arrays have room for no more than twice as many. */
export const MOST_DIMENSIONS = 16

/** Number of elements. */
export function sizeOf(shape: Shape): number {
  let size = 1
  for (const s of shape) size *= s
  return size
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a.length !== b.length) return false
  for (let d = 0; d < a.length; d++) if (a[d] !== b[d]) return false
  return true
}

/** What lies before, from `first` to `last`, and after: sizes of a reduction over these dimensions. */
export function reduceShape(shape: Shape, first: number, last: number): [number, number, number] {
  const sizes: [number, number, number] = [1, 1, 1]
  for (let d = 0; d < shape.length; d++) sizes[d < first ? 0 : d <= last ? 1 : 2] *= shape[d]
  return sizes
}

/** Checks that a shape is made of whole numbers of at least 0. */
export function checkShape(operation: string, shape: Shape): void {
  if (!Array.isArray(shape)) {
    throw new ShapeError(`${operation}: a shape is an array, such as [2, 3]; got ${kindOf(shape)}`)
  }
  if (shape.length > MOST_DIMENSIONS) {
    throw new ShapeError(`${operation}: at most ${MOST_DIMENSIONS} dimensions, got ${shape.length}`)
  }
  for (const size of shape) {
    if (!Number.isInteger(size) || size < 0) {
      throw new ShapeError(`${operation}: a shape is made of whole numbers of at least 0, got [${shape}]`)
    }
  }
}

/** A dimension counted from 0, given one that may count from the end (−1 is the last). */
export function dimension(operation: string, d: number, rank: number): number {
  // A tensor of no dimension is addressed as if it had one, as in PyTorch.
  const found = d < 0 ? d + Math.max(rank, 1) : d
  if (!Number.isInteger(d) || found < 0 || found >= Math.max(rank, 1)) {
    throw new ArgumentError(
      `${operation}: dimension ${typeof d === 'number' ? d : kindOf(d)} is out of range for a tensor of ${rank} dimensions`,
    )
  }
  return found
}

/** Elements between neighbours along each dimension of a row-major array. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length)
  let stride = 1
  for (let d = shape.length - 1; d >= 0; d--) {
    strides[d] = stride
    stride *= shape[d]
  }
  return strides
}

let strict = false

/**
 * Runs a loss: in it a column [N, 1] against [N] throws, which would broadcast to [N, N] and give a wrong loss in
 * silence.
 */
export function inLoss<T>(fn: () => T): T {
  const before = strict
  strict = true
  try {
    return fn()
  } finally {
    strict = before
  }
}

function checkColumns(operation: string, a: Shape, b: Shape): void {
  const [column, list] = a.length === 2 ? [a, b] : [b, a]
  if (column.length !== 2 || list.length !== 1 || list[0] < 2) return
  if (column[1] !== 1 || column[0] !== list[0]) return
  throw new ShapeError(
    `${operation}: in the loss [${a}] stands against [${b}], which would broadcast to [${list[0]},${list[0]}]; reshape one of them, as with prediction.reshape([-1])`,
  )
}

/**
 * The shape of two broadcast against each other: aligned at the last dimension, sizes equal or 1.
 * https://numpy.org/doc/stable/user/basics.broadcasting.html
 */
export function broadcastShapes(operation: string, a: Shape, b: Shape): Shape {
  if (strict) checkColumns(operation, a, b)
  const rank = Math.max(a.length, b.length)
  const shape = new Array<number>(rank)
  for (let d = 0; d < rank; d++) {
    const x = a[d - rank + a.length] ?? 1
    const y = b[d - rank + b.length] ?? 1
    if (x !== y && x !== 1 && y !== 1) {
      throw new ShapeError(
        `${operation}: shapes [${a}] and [${b}] do not broadcast: ${x} against ${y} in dimension ${d}`,
      )
    }
    shape[d] = x === 1 ? y : x
  }
  return shape
}

/** The strides with which an array of `shape` is read as one of `target`: 0 where it is repeated. */
export function broadcastStrides(shape: Shape, target: Shape): number[] {
  const strides = new Array<number>(target.length).fill(0)
  const offset = target.length - shape.length
  let stride = 1
  for (let d = shape.length - 1; d >= 0; d--) {
    if (shape[d] !== 1) strides[offset + d] = stride
    stride *= shape[d]
  }
  return strides
}

/** Joins neighbouring dimensions that every operand walks in one go, and drops those of size 1. */
export function joinDimensions(
  shape: Shape,
  operands: readonly (readonly number[])[],
): [number[], number[][]] {
  const joined: number[] = []
  const strides: number[][] = operands.map(() => [])
  for (let d = 0; d < shape.length; d++) {
    if (shape[d] === 1) continue
    const last = joined.length - 1
    let joins = last >= 0
    for (let k = 0; joins && k < operands.length; k++) {
      joins = strides[k][last] === operands[k][d] * shape[d]
    }
    if (joins) joined[last] *= shape[d]
    else joined.push(shape[d])
    for (let k = 0; k < operands.length; k++) strides[k][joined.length - 1] = operands[k][d]
  }
  return [joined, strides]
}
