/** What operations say of arguments that are no tensors. */
import { kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { Tensor } from '../tensor/tensor.js'

/** @throws {ArgumentError} unless `x` is a tensor */
export function checkTensor(operation: string, what: string, x: unknown): asserts x is Tensor {
  if (x instanceof Tensor) return
  const cure =
    Array.isArray(x) || ArrayBuffer.isView(x) || typeof x === 'number' ? '; make one with tensor(…)' : ''
  throw new ArgumentError(`${operation}: the ${what} is a tensor, got ${kindOf(x)}${cure}`)
}

/** @throws {ArgumentError} unless `x` is a tensor, null or undefined */
export function checkOptionalTensor(operation: string, what: string, x: unknown): void {
  if (x !== null && x !== undefined) checkTensor(operation, what, x)
}
