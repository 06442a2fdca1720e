import { checkOptions, kindOf } from '../../check.js'
import { ArgumentError } from '../../errors.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { gelu as exact, geluTanh } from './unary-parts.generated.js'

/** Options of `gelu`. */
export interface GeluOptions {
  /** 'none' for the error function, 'tanh' for the formula with a tangent that is near to it. Default 'none'. */
  approximate?: 'none' | 'tanh'
}

/** @throws {ArgumentError} for an option that is unknown, or none of its values */
export function checkGelu(name: string, options: GeluOptions): void {
  checkOptions(name, options, ['approximate'])
  const approximate: unknown = options.approximate
  if (approximate !== undefined && approximate !== 'none' && approximate !== 'tanh') {
    throw new ArgumentError(`${name}: approximate is 'none' or 'tanh', got ${kindOf(approximate)}`)
  }
}

/**
 * `x Φ(x)`, with Φ the normal distribution: `x (1 + erf(x / √2)) / 2`; or with `approximate: 'tanh'`
 * `x (1 + tanh(√(2 / π) (x + 0.044715 x³))) / 2`. `x` of any shape.
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.gelu.html
 *
 * @throws {ArgumentError} for an option that is unknown, or none of its values
 */
export function gelu(x: Tensor, options: GeluOptions = {}): Tensor {
  checkTensor('gelu', 'input', x)
  checkGelu('gelu', options)
  return options.approximate === 'tanh' ? geluTanh(x) : exact(x)
}
