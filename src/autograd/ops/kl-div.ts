/** The Kullback-Leibler divergence. */
import { checkBoolean } from '../../check.js'
import { ShapeError } from '../../errors.js'
import { scoped } from '../../tensor/scope.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { add, div, mul, sub } from './arithmetic.js'
import { eq } from './compare.js'
import { checkReduction, elementwiseLoss } from './loss.js'
import { exp, log } from './unary.generated.js'

/** What `klDiv` takes besides tensors. */
export interface KLDivOptions {
  /**
   * The mean (default) or the sum over all elements, or each one's; 'batchmean' is the sum over the first size, which
   * is the divergence by its definition.
   */
  reduction?: 'mean' | 'batchmean' | 'sum' | 'none'
  /** Whether the target is logarithms of probabilities, as the input is. Default false. */
  logTarget?: boolean
}

/** Checks the options for who asks. @throws {ArgumentError} */
export function checkKLDiv(name: string, options: KLDivOptions): Required<KLDivOptions> {
  const reduction = checkReduction(name, options, ['logTarget'], ['mean', 'batchmean', 'sum', 'none'])
  const { logTarget = false } = options
  checkBoolean(name, 'logTarget', logTarget)
  return { reduction, logTarget }
}

/** `t ln t`, and 0 at 0, where the gradient is 0. NaN below. */
function timesLog(t: Tensor): Tensor {
  // ln 1 in the place of ln 0.
  return mul(t, log(add(t, eq(t, 0))))
}

/**
 * `t (ln t − x)` of log-probabilities `x` and probabilities `t`, 0 ln 0 being 0; with `logTarget`, `e^t (t − x)`.
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.kl_div.html
 *
 * @param input log-probabilities, any shape
 * @param target of the input's shape; either may be a single value of shape []
 * @returns [], or the input's shape with reduction 'none'
 * @throws {ShapeError} where the shapes differ, also where they would broadcast, or for 'batchmean' of a single value
 * @throws {ArgumentError} for an unknown option or reduction
 */
export function klDiv(input: Tensor, target: Tensor, options: KLDivOptions = {}): Tensor {
  return klDivFor('klDiv', input, target, options)
}

/** As `klDiv`; errors name who asks. */
export function klDivFor(name: string, input: Tensor, target: Tensor, options: KLDivOptions): Tensor {
  const { reduction, logTarget } = checkKLDiv(name, options)
  const each = (x: Tensor, t: Tensor) => (logTarget ? mul(exp(t), sub(t, x)) : sub(timesLog(t), mul(t, x)))
  if (reduction !== 'batchmean') return elementwiseLoss(name, input, target, reduction, each)
  checkTensor(name, 'input', input)
  const { shape } = input
  if (shape.length === 0) {
    throw new ShapeError(
      `${name}: 'batchmean' divides by the first size of the input, whose shape is []; take 'sum'`,
    )
  }
  return scoped(() => div(elementwiseLoss(name, input, target, 'sum', each), shape[0]))
}
