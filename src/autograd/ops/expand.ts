/** A tensor repeated along some dimensions. */
import { kindOf } from '../../check.js'
import { ArgumentError, ShapeError } from '../../errors.js'
import { scoped } from '../../tensor/scope.js'
import { broadcastStrides, checkShape, type Shape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { defineOperation, unchanged } from '../operation.js'
import { copyRegion, sumTo } from '../strided.js'
import { run } from '../tape.js'
import { reshape } from './rearrange.js'

const operation = defineOperation<Shape>({
  name: 'expand',
  inputs: { x: 'rows' },
  output: 'rows',
  gradients: { x: [] },
  shape: (_, shape) => shape,
  forward({ inputs: [x], output }) {
    copyRegion(output.shape, { of: x, strides: broadcastStrides(x.shape, output.shape) }, { of: output })
  },
  repeats: unchanged,
  backward: (call) => call.pass(0, sumTo(call, call.dy, call.shapeOf(0))),
})

/**
 * `x` repeated to a shape, along dimensions of size 1 and new ones at the front. A copy.
 * https://pytorch.org/docs/stable/generated/torch.Tensor.expand.html
 *
 * @param x any shape
 * @param shape at least as many dimensions; −1 leaves a size as it is
 * @throws {ShapeError} where a size is neither 1 nor that of the shape
 */
export function expand(x: Tensor, shape: Shape): Tensor {
  checkTensor('expand', 'input', x)
  if (!Array.isArray(shape)) {
    throw new ShapeError(`expand: a shape is an array, such as [2, -1]; got ${kindOf(shape)}`)
  }
  const more = shape.length - x.shape.length
  const target = shape.map((size, d) => (size === -1 && d >= more ? x.shape[d - more] : size))
  checkShape('expand', target)
  if (more < 0 || !x.shape.every((size, d) => size === 1 || size === target[d + more])) {
    throw new ShapeError(`expand: shape [${x.shape}] can't be repeated to [${shape}]`)
  }
  return run(operation, [x], target)
}

/**
 * `x` so many times along each dimension, one after the other.
 * https://pytorch.org/docs/stable/generated/torch.Tensor.repeat.html
 *
 * @param x any shape
 * @param sizes how often along each dimension; those that `x` does not have are new ones at the front
 * @throws {ArgumentError} for fewer than `x` has dimensions, or what is no whole number of at least 0
 */
export function repeat(x: Tensor, sizes: readonly number[]): Tensor {
  checkTensor('repeat', 'input', x)
  if (!Array.isArray(sizes) || !sizes.every((times) => Number.isInteger(times) && times >= 0)) {
    throw new ArgumentError(
      `repeat: expected an array of whole numbers, such as [2, 1], got ${Array.isArray(sizes) ? `[${sizes}]` : kindOf(sizes)}`,
    )
  }
  const more = sizes.length - x.shape.length
  if (more < 0) {
    throw new ArgumentError(
      `repeat: expected a number for each of the ${x.shape.length} dimensions of [${x.shape}], got [${sizes}]`,
    )
  }
  // Each repeated dimension as two: how often, and its own.
  const own = sizes.map((_, d) => (d < more ? 1 : x.shape[d - more]))
  const apart = own.flatMap((size, d) => (sizes[d] === 1 ? [size] : [1, size]))
  const repeated = own.flatMap((size, d) => (sizes[d] === 1 ? [size] : [sizes[d], size]))
  return scoped(() =>
    reshape(
      expand(reshape(x, apart), repeated),
      own.map((size, d) => size * sizes[d]),
    ),
  )
}
