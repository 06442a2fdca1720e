/** ln(1 + u), made of other operations. */
import { adopt, scoped } from '../../tensor/scope.js'
import type { Tensor } from '../../tensor/tensor.js'
import { add, div, maximum, sub } from './arithmetic.js'
import { log } from './unary.generated.js'

/** Below every 1 + u but 0 itself. */
const LEAST = 2 ** -126

/**
 * `ln(1 + u)` of `u` from −1 to 1, exact also where `u` is small against 1: with w the rounded 1 + u, it is ln w and
 * what the rounding took, over w. The gradient is 1 / (1 + u).
 */
export function log1p(u: Tensor): Tensor {
  return scoped(() => {
    const w = add(u, 1)
    const [constantU, constantW] = [u.detach(), w.detach()]
    adopt(constantU)
    adopt(constantW)
    const taken = sub(constantU, sub(constantW, 1))
    return add(log(w), div(taken, maximum(constantW, LEAST)))
  })
}
