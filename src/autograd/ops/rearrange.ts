import { copyStrided, fill, mul } from '../../bindings/kernels.js'
import { ArgumentError, ShapeError } from '../../errors.js'
import {
  broadcastStrides,
  checkShape,
  dimension,
  joinDimensions,
  type Shape,
  sizeOf,
  stridesOf,
} from '../shape.js'
import { type Differentiable, type Operation, run, runView } from '../tape.js'
import { empty, scalar, type Tensor, view } from '../tensor.js'

/** Copies between strided places; neighbouring dimensions are joined first. */
function copy(
  shape: Shape,
  x: Tensor,
  xStrides: readonly number[],
  xOffset: number,
  y: Tensor,
  yStrides: readonly number[],
  yOffset: number,
): void {
  if (sizeOf(shape) === 0) return
  const [joined, [from, to]] = joinDimensions(shape, [xStrides, yStrides])
  copyStrided([joined, from, to], x.storage, xOffset, y.storage, yOffset)
}

/** `x` (rows) repeated to `shape` and scaled, as a new unrecorded tensor. Takes `x` over. */
export function expandInto(x: Tensor, shape: Shape, scale = 1): Tensor {
  const y = empty(shape)
  const strides = broadcastStrides(x.shape, shape)
  if (scale === 1) copy(shape, x, strides, 0, y, stridesOf(shape), 0)
  else {
    const factor = scalar(scale)
    const [joined, [own, none]] = joinDimensions(shape, [strides, shape.map(() => 0)])
    // The kernel wants an innermost stride of 0 or 1, which joining contiguous rows gives.
    mul([joined, own, none], x.storage, factor.storage, y.storage, y.size)
    factor.dispose()
  }
  x.dispose()
  return y
}

const reshapeOperation: Differentiable<undefined> = {
  name: 'reshape',
  backward: (call, dy) => [view(call.in('rows', dy), call.inputs[0].shape)],
}

/**
 * The same values under another shape. A view where that is possible.
 * https://pytorch.org/docs/stable/generated/torch.reshape.html
 *
 * @param x any shape
 * @param shape as many elements; one size may be −1 and is found
 * @throws {ShapeError} where the elements do not fit, or for more than one −1
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  if (!Array.isArray(shape)) {
    throw new ShapeError(`reshape: a shape is an array, such as [2, -1]; got ${shape}`)
  }
  const known = shape.filter((size) => size !== -1)
  checkShape('reshape', known)
  if (known.length < shape.length - 1)
    throw new ShapeError(`reshape: only one size may be -1, got [${shape}]`)
  const rest = sizeOf(known)
  const target = shape.map((size) => (size === -1 ? x.size / rest : size))
  if (sizeOf(target) !== x.size || !target.every(Number.isInteger)) {
    throw new ShapeError(`reshape: shape [${x.shape}] has ${x.size} elements and can't become [${shape}]`)
  }
  return runView(reshapeOperation, x, undefined, (source) => view(source, target))
}

/**
 * Joins the dimensions from `startDim` to `endDim` into one; −1 is the last.
 * https://pytorch.org/docs/stable/generated/torch.flatten.html
 *
 * @param x [d₀, d₁, …]
 * @param startDim the first, default 0
 * @param endDim the last, default −1
 * @returns [d₀, …, product of the joined, …]
 * @throws {ArgumentError} for a dimension that `x` does not have, or an end before the start
 */
export function flatten(x: Tensor, startDim = 0, endDim = -1): Tensor {
  const { shape } = x
  if (shape.length === 0) return reshape(x, [1])
  const start = dimension('flatten', startDim, shape.length)
  const end = dimension('flatten', endDim, shape.length)
  if (start > end) throw new ArgumentError(`flatten: startDim ${startDim} comes after endDim ${endDim}`)
  return reshape(x, [...shape.slice(0, start), sizeOf(shape.slice(start, end + 1)), ...shape.slice(end + 1)])
}

const permuteOperation: Operation<readonly number[]> = {
  name: 'permute',
  shape: ([x], order) => order.map((d) => x.shape[d]),
  forward(call) {
    const x = call.input(0)
    const strides = stridesOf(x.shape)
    const { output } = call
    copy(
      output.shape,
      x,
      call.attributes.map((d) => strides[d]),
      0,
      output,
      stridesOf(output.shape),
      0,
    )
  },
  backward(call, dy) {
    const dx = empty(call.inputs[0].shape)
    const strides = stridesOf(dx.shape)
    const source = call.in('rows', dy)
    copy(
      dy.shape,
      source,
      stridesOf(dy.shape),
      0,
      dx,
      call.attributes.map((d) => strides[d]),
      0,
    )
    return [dx]
  },
}

/** The dimensions in another order: dimension `i` of the result is dimension `order[i]` of `x`. A copy. */
export function permute(x: Tensor, order: readonly number[]): Tensor {
  const rank = x.shape.length
  const dims = order.map((d) => dimension('permute', d, rank))
  if (dims.length !== rank || new Set(dims).size !== rank) {
    throw new ArgumentError(`permute: expected each of the ${rank} dimensions once, got [${order}]`)
  }
  return run(permuteOperation, [x], dims)
}

/** Swaps two dimensions. A copy. */
export function transpose(x: Tensor, a: number, b: number): Tensor {
  const order = x.shape.map((_, d) => d)
  const [from, to] = [dimension('transpose', a, order.length), dimension('transpose', b, order.length)]
  if (order.length > 0) {
    order[from] = to
    order[to] = from
  }
  return permute(x, order)
}

interface Cut {
  dim: number
  start: number
  end: number
}

const sliceOperation: Operation<Cut> = {
  name: 'slice',
  shape: ([x], { dim, start, end }) => x.shape.map((size, d) => (d === dim ? end - start : size)),
  forward(call) {
    const x = call.input(0)
    const strides = stridesOf(x.shape)
    const { dim, start } = call.attributes
    copy(call.output.shape, x, strides, start * strides[dim], call.output, stridesOf(call.output.shape), 0)
  },
  backward(call, dy) {
    const dx = empty(call.inputs[0].shape)
    fill(dx.storage, 0)
    const strides = stridesOf(dx.shape)
    const { dim, start } = call.attributes
    copy(dy.shape, call.in('rows', dy), stridesOf(dy.shape), 0, dx, strides, start * strides[dim])
    return [dx]
  },
}

/**
 * The part from `start` up to (not including) `end` of one dimension; both may count from the end and are
 * cut to the size, as in Python. A copy.
 */
export function slice(x: Tensor, dim: number, start = 0, end = Number.POSITIVE_INFINITY): Tensor {
  const d = dimension('slice', dim, x.shape.length)
  if (x.shape.length === 0) throw new ShapeError('slice: a tensor of no dimension has nothing to slice')
  const size = x.shape[d]
  const place = (at: number) => Math.min(Math.max(at < 0 ? at + size : at, 0), size)
  const [from, to] = [place(start), place(end)]
  if (!Number.isInteger(from) || !Number.isInteger(to)) {
    throw new ArgumentError(`slice: start and end are whole numbers, got ${start} and ${end}`)
  }
  return run(sliceOperation, [x], { dim: d, start: from, end: Math.max(from, to) })
}

const catOperation: Operation<number> = {
  name: 'cat',
  shape([first, ...others], dim) {
    let size = first.shape[dim]
    for (const other of others) {
      const fits =
        other.shape.length === first.shape.length &&
        other.shape.every((s, d) => d === dim || s === first.shape[d])
      if (!fits) {
        throw new ShapeError(
          `cat: shapes [${first.shape}] and [${other.shape}] differ in more than dimension ${dim}`,
        )
      }
      size += other.shape[dim]
    }
    return first.shape.map((s, d) => (d === dim ? size : s))
  },
  forward(call) {
    const strides = stridesOf(call.output.shape)
    let at = 0
    for (let i = 0; i < call.inputs.length; i++) {
      const x = call.input(i)
      copy(x.shape, x, stridesOf(x.shape), 0, call.output, strides, at)
      at += x.shape[call.attributes] * strides[call.attributes]
    }
  },
  backward(call, dy) {
    const source = call.in('rows', dy)
    const strides = stridesOf(dy.shape)
    let at = 0
    return call.inputs.map((input, i) => {
      const from = at
      at += input.shape[call.attributes] * strides[call.attributes]
      if (!call.needs(i)) return undefined
      const dx = empty(input.shape)
      copy(dx.shape, source, strides, from, dx, stridesOf(dx.shape), 0)
      return dx
    })
  },
}

/**
 * Tensors joined along a dimension. https://pytorch.org/docs/stable/generated/torch.cat.html
 *
 * @param tensors at least one; their shapes may differ in dimension `dim` only
 * @param dim default 0; −1 is the last
 * @returns their shape, with the sum of the sizes in dimension `dim`
 * @throws {ShapeError} where the shapes differ elsewhere
 * @throws {ArgumentError} for no tensors, or a dimension that they do not have
 */
export function cat(tensors: readonly Tensor[], dim = 0): Tensor {
  if (tensors.length === 0) throw new ArgumentError('cat: expected at least one tensor')
  const rank = tensors[0].shape.length
  if (rank === 0) throw new ShapeError('cat: tensors of no dimension can not be joined; reshape them to [1]')
  return run(catOperation, tensors, dimension('cat', dim, rank))
}
