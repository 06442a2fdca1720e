import { fill } from '../bindings/kernels.js'
import { ArgumentError } from '../errors.js'
import { checkShape, type Shape } from './shape.js'
import { empty, fromValues, type Tensor } from './tensor.js'

/** Every element `value`. */
export function full(shape: Shape, value: number): Tensor {
  checkShape('full', shape)
  const x = empty([...shape], 'rows', 'leaf')
  fill(x.storage, value)
  return x
}

/** Every element 0. */
export function zeros(shape: Shape): Tensor {
  checkShape('zeros', shape)
  return full(shape, 0)
}

/** Every element 1. */
export function ones(shape: Shape): Tensor {
  checkShape('ones', shape)
  return full(shape, 1)
}

/**
 * `start`, `start + step`, … up to (not including) `end`; with one argument from 0.
 * https://pytorch.org/docs/stable/generated/torch.arange.html
 */
export function arange(start: number, end?: number, step = 1): Tensor {
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
