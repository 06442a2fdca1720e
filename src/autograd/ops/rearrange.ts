/** The same values under another shape or in another order. */
import { kindOf } from '../../check.js'
import { ArgumentError, ShapeError } from '../../errors.js'
import { checkShape, dimension, type Shape, sizeOf, stridesOf } from '../../tensor/shape.js'
import { type Tensor, view } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { defineOperation, unchanged } from '../operation.js'
import { copyRegion } from '../strided.js'
import { run } from '../tape.js'

const liesInLanes = (x: Tensor | undefined) => x?.layout === 'lanes'

const reshapeOperation = defineOperation<Shape>({
  name: 'reshape',
  inputs: { x: 'any' },
  output: 'any',
  gradients: { x: [] },
  // Images lie in lanes in row-major order: as long as the batch stays, so may they.
  lanes: ([x], _, shape) => liesInLanes(x) && shape.length >= 2 && shape[0] === x?.shape[0],
  shape: (_, shape) => shape,
  view,
  backward: (call) => call.pass(0, call.hold(view(call.dy, call.shapeOf(0)))),
})

/**
 * The same values under another shape. A view where that is possible.
 * https://pytorch.org/docs/stable/generated/torch.reshape.html
 *
 * @param x any shape
 * @param shape as many elements; one size may be −1 and is found
 * @throws {ShapeError} where the elements do not fit, or for more than one −1
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  checkTensor('reshape', 'input', x)
  if (!Array.isArray(shape)) {
    throw new ShapeError(`reshape: a shape is an array, such as [2, -1]; got ${kindOf(shape)}`)
  }
  const known = shape.filter((size) => size !== -1)
  checkShape('reshape', known)
  if (known.length < shape.length - 1) {
    throw new ShapeError(`reshape: only one size may be -1, got [${shape}]`)
  }
  const rest = sizeOf(known)
  const target = shape.map((size) => (size === -1 ? x.size / rest : size))
  if (sizeOf(target) !== x.size || !target.every(Number.isInteger)) {
    throw new ShapeError(`reshape: shape [${x.shape}] has ${x.size} elements and can't become [${shape}]`)
  }
  return run(reshapeOperation, [x], target)
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
  checkTensor('flatten', 'input', x)
  const { shape } = x
  const start = dimension('flatten', startDim, shape.length)
  const end = dimension('flatten', endDim, shape.length)
  if (start > end) throw new ArgumentError(`flatten: startDim ${startDim} comes after endDim ${endDim}`)
  if (shape.length === 0) return reshape(x, [1])
  return reshape(x, [...shape.slice(0, start), sizeOf(shape.slice(start, end + 1)), ...shape.slice(end + 1)])
}

const permuteOperation = defineOperation<readonly number[]>({
  name: 'permute',
  inputs: { x: 'any' },
  output: 'any',
  gradients: { x: [] },
  lanes: ([x], order) => liesInLanes(x) && order[0] === 0,
  shape: ([x], order) => order.map((d) => x.shape[d]),
  forward({ inputs: [x], output, attributes: order }) {
    const strides = stridesOf(x.shape)
    copyRegion(output.shape, { of: x, strides: order.map((d) => strides[d]) }, { of: output })
  },
  repeats: unchanged,
  backward(call) {
    const dx = call.gradient(0)
    if (!dx) return
    const strides = stridesOf(dx.shape)
    copyRegion(call.dy.shape, { of: call.dy }, { of: dx, strides: call.attributes.map((d) => strides[d]) })
  },
})

/** The dimensions in another order: dimension `i` of the result is dimension `order[i]` of `x`. A copy. */
export function permute(x: Tensor, order: readonly number[]): Tensor {
  checkTensor('permute', 'input', x)
  const rank = x.shape.length
  if (!Array.isArray(order)) {
    throw new ArgumentError(`permute: the order is an array, such as [1, 0], got ${kindOf(order)}`)
  }
  const dims = order.map((d) => dimension('permute', d, rank))
  if (dims.length !== rank || new Set(dims).size !== rank) {
    throw new ArgumentError(`permute: expected each of the ${rank} dimensions once, got [${order}]`)
  }
  return run(permuteOperation, [x], dims)
}

/** Swaps two dimensions. A copy. */
export function transpose(x: Tensor, a: number, b: number): Tensor {
  checkTensor('transpose', 'input', x)
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

const sliceOperation = defineOperation<Cut>({
  name: 'slice',
  inputs: { x: 'any' },
  output: 'any',
  gradients: { x: [] },
  lanes: ([x], { dim }) => liesInLanes(x) && dim > 0,
  shape: ([x], { dim, start, end }) => x.shape.map((size, d) => (d === dim ? end - start : size)),
  forward({ inputs: [x], output, attributes: { dim, start } }) {
    const strides = stridesOf(x.shape)
    copyRegion(output.shape, { of: x, start: start * strides[dim], strides }, { of: output })
  },
  repeats: unchanged,
  backward(call) {
    const { dim, start, end } = call.attributes
    const dx = call.gradientWithin(0, dim, start, end)
    if (!dx) return
    const strides = stridesOf(dx.shape)
    copyRegion(call.dy.shape, { of: call.dy }, { of: dx, start: start * strides[dim], strides })
  },
})

/**
 * The part from `start` up to (not including) `end` of one dimension; both may count from the end and are
 * cut to the size, as in Python. A copy.
 */
export function slice(x: Tensor, dim: number, start = 0, end = Number.POSITIVE_INFINITY): Tensor {
  checkTensor('slice', 'input', x)
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

const catOperation = defineOperation<number>({
  name: 'cat',
  inputs: { tensors: 'any' },
  variadic: true,
  output: 'any',
  gradients: { tensors: [] },
  lanes: (inputs, dim) => dim > 0 && inputs.some(liesInLanes),
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
  forward({ inputs, output, attributes: dim }) {
    const strides = stridesOf(output.shape)
    let start = 0
    for (const x of inputs) {
      copyRegion(x.shape, { of: x }, { of: output, start, strides })
      start += x.shape[dim] * strides[dim]
    }
  },
  repeats: unchanged,
  backward(call) {
    const { dy, attributes: dim } = call
    const strides = stridesOf(dy.shape)
    let start = 0
    for (let i = 0; i < call.count; i++) {
      const dx = call.gradient(i)
      const shape = call.shapeOf(i)
      if (dx) copyRegion(shape, { of: dy, start, strides }, { of: dx })
      start += shape[dim] * strides[dim]
    }
  },
})

/**
 * Tensors joined along a dimension. https://pytorch.org/docs/stable/generated/torch.cat.html
 *
 * @param tensors at least one; their shapes may differ in dimension `dim` only
 * @param dim default 0; −1 is the last
 * @returns their shape, with the sum of the sizes in dimension `dim`
 * @throws {ShapeError} where the shapes differ elsewhere
 * @throws {ArgumentError} for no tensors, what is none, or a dimension that they do not have
 */
export function cat(tensors: readonly Tensor[], dim = 0): Tensor {
  if (!Array.isArray(tensors))
    throw new ArgumentError(`cat: expected an array of tensors, got ${kindOf(tensors)}`)
  if (tensors.length === 0) throw new ArgumentError('cat: expected at least one tensor')
  for (const [i, x] of tensors.entries()) checkTensor('cat', `element ${i}`, x)
  const rank = tensors[0].shape.length
  if (rank === 0) throw new ShapeError('cat: tensors of no dimension can not be joined; reshape them to [1]')
  return run(catOperation, tensors, dimension('cat', dim, rank))
}
