import { fill } from '../bindings/kernels.generated.js'
import { checkNumber } from '../check.js'
import { ArgumentError } from '../errors.js'
import { checkShape, type Shape } from './shape.js'
import { empty, fromValues, type Tensor } from './tensor.js'

/**
 * A tensor with every element `value`. https://pytorch.org/docs/stable/generated/torch.full.html
 *
 * @param shape sizes of the dimensions; [] for a single value
 * @throws {ShapeError} for a shape that is no array of whole numbers of at least 0
 * @throws {ArgumentError} for a value that is no number
 */
export function full(shape: Shape, value: number): Tensor {
  checkShape('full', shape)
  checkNumber('full', 'the value', value)
  return filled(shape, value)
}

/**
 * A tensor with every element 0. https://pytorch.org/docs/stable/generated/torch.zeros.html
 *
 * @param shape sizes of the dimensions
 * @throws {ShapeError} as of `full`
 */
export function zeros(shape: Shape): Tensor {
  checkShape('zeros', shape)
  return filled(shape, 0)
}

/**
 * A tensor with every element 1. https://pytorch.org/docs/stable/generated/torch.ones.html
 *
 * @param shape sizes of the dimensions
 * @throws {ShapeError} as of `full`
 */
export function ones(shape: Shape): Tensor {
  checkShape('ones', shape)
  return filled(shape, 1)
}

function filled(shape: Shape, value: number): Tensor {
  const x = empty([...shape], 'rows', 'leaf')
  fill({ y: x.storage, value })
  return x
}

/**
 * `start`, `start + step`, … up to (not including) `end`; with one argument from 0.
 * https://pytorch.org/docs/stable/generated/torch.arange.html
 *
 * @returns [⌈(end − start) / step⌉]
 * @throws {ArgumentError} for a step of 0, or one that leads away from `end`
 */
export function arange(start: number, end?: number, step = 1): Tensor {
  for (const [what, value] of Object.entries({ start, end: end ?? 0, step })) {
    checkNumber('arange', what, value, { least: -Number.MAX_VALUE })
  }
  const [from, to] = end === undefined ? [0, start] : [start, end]
  const count = Math.ceil((to - from) / step)
  if (step === 0 || !Number.isFinite(count) || count < 0) {
    throw new ArgumentError(`arange: steps of ${step} do not lead from ${from} to ${to}`)
  }
  return fromValues(
    Float32Array.from({ length: count }, (_, i) => from + i * step),
    [count],
  )
}
