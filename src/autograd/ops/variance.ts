/** The variance, made of other operations. */
import { checkBoolean, checkOptions } from '../../check.js'
import { scoped } from '../../tensor/scope.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { div, sub } from './arithmetic.js'
import { mean, type ReduceOptions, sum } from './reduce.js'
import { pow } from './unary.js'

/** What `var` takes. */
export interface VarOptions extends ReduceOptions {
  /** Whether to divide by `n − 1` (default, Bessel's correction) instead of `n`. */
  unbiased?: boolean
}

/**
 * The variance over some dimensions: the mean square of the deviations from the mean. A large mean does no
 * harm: what its rounding left in the deviations is taken off them, too. https://pytorch.org/docs/stable/generated/torch.var.html
 */
export function variance(x: Tensor, options: VarOptions = {}): Tensor {
  checkTensor('var', 'input', x)
  checkOptions('var', options, ['dim', 'keepdim', 'unbiased'])
  const { unbiased = true, dim, keepdim = false } = options
  checkBoolean('var', 'unbiased', unbiased)
  const over = dim === undefined ? {} : { dim }
  return scoped(() => {
    const centred = (from: Tensor) => sub(from, mean(from, { keepdim: true, ...over }))
    const squares = sum(pow(centred(centred(x)), 2), { keepdim, ...over })
    const n = squares.size === 0 ? 0 : x.size / squares.size
    // Of too few values there is none: 0 / 0.
    return div(squares, Math.max(0, unbiased ? n - 1 : n))
  })
}
