/** The norm and the standard deviation: roots of sums, whose gradient is 0 where the sum is. */
import { checkBoolean, checkNumber, checkOptions } from '../../check.js'
import { ArgumentError, ShapeError } from '../../errors.js'
import { scoped } from '../../tensor/scope.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { noGrad } from '../tape.js'
import { div } from './arithmetic.js'
import { eq, ne } from './compare.js'
import { max, min, type ReduceOptions, reducedDimensions, sum } from './reduce.js'
import { abs, sqrt } from './unary.generated.js'
import { pow } from './unary.js'
import { type VarOptions, variance } from './variance.js'
import { where } from './where.js'

/** What `norm` takes. */
export interface NormOptions extends ReduceOptions {
  /** The order: 2 for Euclid's (default), 1 for the sum of magnitudes, Infinity for the largest, or another number. */
  p?: number
}

/** `root(sums)`, but 0 where a sum is 0, and its gradient, too: the root has none there. */
function rootOf(sums: Tensor, root: (x: Tensor) => Tensor): Tensor {
  const none = eq(sums, 0)
  return where(none, 0, root(where(none, 1, sums)))
}

/**
 * The norm over some dimensions, or all: `(Σ |x|^p)^(1 / p)`; with p = 0 how many are not 0, with an infinite one the
 * largest (−Infinity: the smallest) magnitude, of which equals share the gradient. The gradient is 0 where the norm is.
 * https://pytorch.org/docs/stable/generated/torch.norm.html
 *
 * @returns [] or the shape without (keepdim: with size 1 in) the reduced dimensions
 * @throws {ArgumentError} for a p that is no number, or a dimension that is not there
 * @throws {ShapeError} for a dimension that is named twice, or no element to choose the largest of
 */
export function norm(x: Tensor, options: NormOptions = {}): Tensor {
  checkTensor('norm', 'input', x)
  checkOptions('norm', options, ['p', 'dim', 'keepdim'])
  const { p = 2, dim, keepdim = false } = options
  checkNumber('norm', 'p', p)
  if (Number.isNaN(p)) throw new ArgumentError('norm: p is a number, got NaN')
  checkBoolean('norm', 'keepdim', keepdim)
  const over = { dim: reducedDimensions('norm', x, dim === undefined ? {} : { dim }), keepdim }
  if (!Number.isFinite(p) && over.dim.some((d) => x.shape[d] === 0)) {
    throw new ShapeError(`norm: there is nothing to choose from in shape [${x.shape}]`)
  }
  return scoped(() => {
    if (p === 2) return rootOf(sum(pow(x, 2), over), sqrt)
    if (p === 1) return sum(abs(x), over)
    if (p === 0) return sum(ne(x, 0), over)
    if (!Number.isFinite(p)) return extreme(abs(x), over, p > 0 ? max : min)
    return rootOf(sum(pow(abs(x), p), over), (sums) => pow(sums, 1 / p))
  })
}

/** The largest (or smallest) of the magnitudes over some dimensions, as the mean of those that are equal to it. */
function extreme(
  magnitudes: Tensor,
  { dim, keepdim }: { dim: readonly number[]; keepdim: boolean },
  choose: typeof max,
): Tensor {
  const equal = noGrad(() => {
    const chosen = dim.reduce((from, d) => choose(from, { dim: d, keepdim: true }), magnitudes)
    return eq(magnitudes, chosen)
  })
  return div(sum(where(equal, magnitudes, 0), { dim, keepdim }), sum(equal, { dim, keepdim }))
}

/**
 * The standard deviation over some dimensions, or all: the root of the variance, unbiased unless said otherwise. The
 * gradient is 0 where it is 0. https://pytorch.org/docs/stable/generated/torch.std.html
 *
 * @returns [] or the shape without (keepdim: with size 1 in) the reduced dimensions
 * @throws {ArgumentError} for a dimension that is not there
 * @throws {ShapeError} for a dimension that is named twice
 */
export function std(x: Tensor, options: VarOptions = {}): Tensor {
  checkTensor('std', 'input', x)
  checkOptions('std', options, ['dim', 'keepdim', 'unbiased'])
  const { unbiased = true, dim, keepdim = false } = options
  checkBoolean('std', 'unbiased', unbiased)
  checkBoolean('std', 'keepdim', keepdim)
  const over = { dim: reducedDimensions('std', x, dim === undefined ? {} : { dim }), keepdim }
  return scoped(() => rootOf(variance(x, { unbiased, ...over }), sqrt))
}
