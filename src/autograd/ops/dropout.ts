import { mul } from '../../bindings/kernels.js'
import { ArgumentError } from '../../errors.js'
import { bernoulliMask } from '../random.js'
import { type Operation, run } from '../tape.js'
import { empty, type Tensor } from '../tensor.js'

function masked(x: Tensor, mask: Tensor, y: Tensor): Tensor {
  mul([[y.size], [1], [1]], x.storage, mask.storage, y.storage, y.size)
  return y
}

const operation: Operation<Tensor> = {
  name: 'dropout',
  shape: ([x]) => x.shape,
  forward(call) {
    masked(call.input(0), call.keep(call.attributes), call.output)
  },
  backward(call, dy) {
    return [masked(call.in('rows', dy), call.attributes, empty(dy.shape))]
  },
}

/**
 * In training, sets each element to 0 with probability `p` and scales the others by 1 / (1 − p); else `x`.
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.dropout.html (Srivastava et al., 2014)
 *
 * @param x any shape
 * @param p a probability from 0 to 1, default 0.5
 * @param training default true; false gives `x` itself
 * @throws {ArgumentError} for another probability
 */
export function dropout(x: Tensor, p = 0.5, training = true): Tensor {
  if (!(p >= 0 && p <= 1)) throw new ArgumentError(`dropout: p is a probability from 0 to 1, got ${p}`)
  if (!training || p === 0) return x
  return run(operation, [x], bernoulliMask(x.shape, 1 - p, p === 1 ? 0 : 1 / (1 - p)))
}
