/** Dropout. */
import { BINARY } from '../../bindings/kernels.generated.js'
import { checkBoolean, kindOf } from '../../check.js'
import { ArgumentError } from '../../errors.js'
import { fillBernoulli, type StreamPlace } from '../../tensor/random.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { defineOperation } from '../operation.js'
import { combine } from '../strided.js'
import { run } from '../tape.js'

interface Attributes {
  /** The probability of 0. */
  p: number
  /** Where the numbers start; by default where the stream is. */
  place?: StreamPlace
  /** Where they started. */
  drawn?: StreamPlace
}

const operation = defineOperation<Attributes>({
  name: 'dropout',
  inputs: { x: 'any' },
  output: 'any',
  makes: ['mask'],
  made: ([x], _, layout) => [{ shape: x.shape, layout }],
  gradients: { x: ['mask'] },
  shape: ([x]) => x.shape,
  forward({ inputs: [x], output, made: [mask], attributes }) {
    const { p, place } = attributes
    attributes.drawn = fillBernoulli(mask, 1 - p, p === 1 ? 0 : 1 / (1 - p), place)
    combine(BINARY.mul, x, mask, output)
  },
  repeats: ({ p, drawn }) => [{ p, ...(drawn && { place: drawn }) }],
  backward(call) {
    const dx = call.gradient(0)
    if (dx) combine(BINARY.mul, call.dy, call.made[0], dx)
  },
})

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
  checkTensor('dropout', 'input', x)
  if (!(typeof p === 'number' && p >= 0 && p <= 1)) {
    throw new ArgumentError(`dropout: p is a probability from 0 to 1, got ${kindOf(p)}`)
  }
  checkBoolean('dropout', 'training', training)
  if (!training || p === 0) return x
  return run(operation, [x], { p })
}
