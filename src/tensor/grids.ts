/** Tensors of numbers in regular order. */
import { checkBytes } from '../bindings/allocate.js'
import { checkNumber } from '../check.js'
import { checkLeafOptions, fromValues, type LeafOptions } from './create.js'
import type { Tensor } from './tensor.js'

/**
 * A matrix with ones on its main diagonal, and zeros elsewhere.
 * https://pytorch.org/docs/stable/generated/torch.eye.html
 *
 * @param n rows
 * @param m columns, default `n`
 * @returns [n, m]
 * @throws {ArgumentError} for what is no whole number of at least 0
 * @throws {OutOfMemoryError} for more values than memory can have
 */
export function eye(n: number, m: number = n, options: LeafOptions = {}): Tensor {
  checkNumber('eye', 'the number of rows', n, { least: 0, whole: true })
  checkNumber('eye', 'the number of columns', m, { least: 0, whole: true })
  checkLeafOptions('eye', options)
  checkBytes(4 * n * m)
  const values = new Float32Array(n * m)
  for (let i = 0; i < Math.min(n, m); i++) values[i * m + i] = 1
  return fromValues(values, [n, m], options.requiresGrad)
}

/**
 * So many numbers from `start` to `end`, both included, at equal distances.
 * https://pytorch.org/docs/stable/generated/torch.linspace.html
 *
 * @param start the first
 * @param end the last
 * @param steps how many
 * @returns [steps]
 * @throws {ArgumentError} for no finite number, or a number of steps that is no whole number of at least 0
 * @throws {OutOfMemoryError} for more values than memory can have
 */
export function linspace(start: number, end: number, steps: number, options: LeafOptions = {}): Tensor {
  const finite = { least: -Number.MAX_VALUE }
  checkNumber('linspace', 'start', start, finite)
  checkNumber('linspace', 'end', end, finite)
  checkNumber('linspace', 'steps', steps, { least: 0, whole: true })
  checkLeafOptions('linspace', options)
  checkBytes(4 * steps)
  const step = (end - start) / Math.max(1, steps - 1)
  // From the nearer end, so that both are exact.
  const at = (i: number) => (i < steps / 2 ? start + i * step : end - (steps - 1 - i) * step)
  return fromValues(
    Float32Array.from({ length: steps }, (_, i) => at(i)),
    [steps],
    options.requiresGrad,
  )
}
