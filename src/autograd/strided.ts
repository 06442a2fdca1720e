/**
 * Kernels of strided arrays, applied to tensors in either layout: broadcast arithmetic, copies of regions, and
 * sums over some dimensions. In lanes each of them runs over the whole blocks, and then over the last one (see
 * tensor/lanes.ts).
 */
import type { Dimensions } from '../bindings/call.js'
import { binary, copyStrided, sumForward } from '../bindings/kernels.generated.js'
import type { Memory } from '../bindings/memory.js'
import { Part } from '../bindings/part.js'
import { type Piece, piecesOf, startOf } from '../tensor/lanes.js'
import {
  broadcastStrides,
  joinDimensions,
  reduceShape,
  type Shape,
  sameShape,
  sizeOf,
  stridesOf,
} from '../tensor/shape.js'
import { type Tensor, toLayout, view } from '../tensor/tensor.js'
import type { OperationCall } from './operation.js'

/** What makes tensors that are freed with the forward or backward at hand. */
type Temporaries = Pick<OperationCall<unknown>, 'temporary' | 'hold'>

/** The elements of one image. */
function imageOf(shape: Shape): number {
  let size = 1
  for (let d = 1; d < shape.length; d++) size *= shape[d]
  return size
}

/** `y = a ∘ b` of unrecorded tensors, broadcast to `y`'s shape; `a` and `b` in `y`'s layout, or without its batch. */
export function combine(op: number, a: Tensor, b: Tensor, y: Tensor): Tensor {
  const { size } = y
  if (size === 0) return y
  if (a.size === size && (b.size === size || b.size === 1) && a.layout === y.layout) {
    if (b.size === 1 || b.layout === y.layout) {
      const { length } = y.storage
      const dims: Dimensions = [[length], [1], [b.size === 1 ? 0 : 1]]
      // A single element lies first in either layout.
      const second = b.size === 1 ? new Part(b.storage, 0, 1) : b.storage
      binary({ op, dims, a: a.storage, b: second, y: y.storage })
      return y
    }
  }
  if (y.layout === 'rows') {
    const strides = [broadcastStrides(a.shape, y.shape), broadcastStrides(b.shape, y.shape)]
    const [joined, [aStrides, bStrides]] = joinDimensions(y.shape, strides)
    binary({ op, dims: [joined, aStrides, bStrides], a: a.storage, b: b.storage, y: y.storage })
    return y
  }
  const image = imageOf(y.shape)
  for (const piece of piecesOf(y.shape[0])) {
    const shape = [piece.blocks, ...y.shape.slice(1), piece.lanes]
    const [first, second] = [operand(a, y.shape, piece), operand(b, y.shape, piece)]
    const [joined, [aStrides, bStrides]] = joinDimensions(shape, [first.strides, second.strides])
    const part = new Part(y.storage, startOf(piece, image), sizeOf(shape))
    binary({ op, dims: [joined, aStrides, bStrides], a: first.memory, b: second.memory, y: part })
  }
  return y
}

/** An operand as a piece of a result in lanes reads it: repeated over the batch, or in lanes itself. */
function operand(x: Tensor, shape: Shape, piece: Piece): { memory: Memory; strides: number[] } {
  const inner = broadcastStrides(x.shape, shape)
  if (x.layout === 'rows') return { memory: x.storage, strides: [0, ...inner.slice(1), 0] }
  const image = imageOf(x.shape)
  return {
    memory: new Part(x.storage, startOf(piece, image), piece.blocks * image * piece.lanes),
    strides: [image * piece.lanes, ...inner.slice(1).map((stride) => stride * piece.lanes), 1],
  }
}

/** A region of a tensor: its first element, and the steps along each dimension, as if it were in rows. */
export interface Region {
  of: Tensor
  start?: number
  strides?: readonly number[]
}

/** Copies a region of `shape` from one tensor to another, both in the same layout; in lanes, all of the batch. */
export function copyRegion(shape: Shape, from: Region, to: Region): void {
  if (sizeOf(shape) === 0) return
  const [x, y] = [from, to].map(({ of, start = 0, strides = stridesOf(of.shape) }) => ({
    of,
    start,
    strides,
  }))
  const arrays = { x: x.of.storage, y: y.of.storage }
  if (y.of.layout === 'rows') {
    const [joined, [xStrides, yStrides]] = joinDimensions(shape, [x.strides, y.strides])
    copyStrided({ dims: [joined, xStrides, yStrides], xStart: x.start, yStart: y.start, ...arrays })
    return
  }
  for (const piece of piecesOf(shape[0])) {
    const [first, second] = [x, y].map(({ of, start, strides }) => {
      const image = imageOf(of.shape)
      return {
        start: startOf(piece, image) + start * piece.lanes,
        strides: [image * piece.lanes, ...strides.slice(1).map((stride) => stride * piece.lanes), 1],
      }
    })
    const all = [piece.blocks, ...shape.slice(1), piece.lanes]
    const [joined, [xStrides, yStrides]] = joinDimensions(all, [first.strides, second.strides])
    copyStrided({ dims: [joined, xStrides, yStrides], xStart: first.start, yStart: second.start, ...arrays })
  }
}

/** What a reduction over neighbouring dimensions runs on: in rows one piece, in lanes as many as there are. */
export interface ReducedPiece {
  outer: number
  n: number
  inner: number
  x: Memory
  y: Memory
}

/** The pieces of a reduction of `x` over the dimensions `first` … `last` (in lanes not the batch), into `y`. */
export function reducedPieces(
  x: Tensor,
  first: number,
  last: number,
  y: Tensor,
  yMemory: Memory = y.storage,
): ReducedPiece[] {
  const [outer, n, inner] = reduceShape(x.shape, first, last)
  if (x.layout === 'rows') return [{ outer, n, inner, x: x.storage, y: yMemory }]
  const [from, to] = [imageOf(x.shape), (outer / Math.max(1, x.shape[0])) * inner]
  const channels = outer / Math.max(1, x.shape[0])
  return piecesOf(x.shape[0]).map((piece) => {
    const part = (memory: Memory, image: number) =>
      new Part(memory, startOf(piece, image), piece.blocks * image * piece.lanes)
    return {
      outer: piece.blocks * channels,
      n,
      inner: inner * piece.lanes,
      x: part(x.storage, from),
      y: part(yMemory, to),
    }
  })
}

/** `y = scale · Σ x` over neighbouring dimensions. */
export function sumOver(x: Tensor, first: number, last: number, scale: number, y: Tensor): Tensor {
  if (x.layout === 'rows') {
    const [outer, n, inner] = reduceShape(x.shape, first, last)
    sumForward({ outer, n, inner, x: x.storage, scale, y: y.storage })
  } else {
    for (const piece of reducedPieces(x, first, last, y)) sumForward({ scale, ...piece })
  }
  return y
}

/**
 * A temporary of the call's own: `x` summed over the dimensions in which `shape` was repeated; `x` itself where
 * there are none. In lanes only where the batch stays.
 */
export function sumTo(call: Temporaries, x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x
  const offset = x.shape.length - shape.length
  const repeated = (d: number) => d < offset || (shape[d - offset] === 1 && x.shape[d] !== 1)
  let current = x
  // From the last to the first, each run of neighbouring repeated dimensions in one reduction.
  for (let d = x.shape.length - 1; d >= 0; d--) {
    if (!repeated(d)) continue
    const last = d
    while (d > 0 && repeated(d - 1) && (d > 1 || current.layout === 'rows')) d--
    // The lanes are summed in rows, which have no padding.
    if (d === 0 && current.layout === 'lanes') current = call.hold(toLayout(current, 'rows'))
    const from = current.shape
    const y = call.temporary(
      from.map((s, k) => (k >= d && k <= last ? 1 : s)),
      current.layout,
    )
    current = sumOver(current, d, last, 1, y)
  }
  return call.hold(view(current, shape))
}
