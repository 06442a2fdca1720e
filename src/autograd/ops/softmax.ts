import * as kernels from '../../bindings/kernels.js'
import { dimension } from '../shape.js'
import { type Operation, run } from '../tape.js'
import { empty, type Tensor } from '../tensor.js'
import { transpose } from './rearrange.js'

type Forward = typeof kernels.softmaxForward
type Backward = typeof kernels.softmaxBackward

/** An operation over the last dimension, applied to any other by moving that to the end and back. */
function overDimension(name: string, forward: Forward, backward: Backward) {
  const rows = (x: Tensor): [number, number] => {
    const cols = x.shape[x.shape.length - 1] ?? 1
    return [cols === 0 ? 0 : x.size / cols, cols]
  }
  const operation: Operation<undefined> = {
    name,
    shape: ([x]) => x.shape,
    forward(call) {
      forward(...rows(call.output), call.input(0).storage, call.output.storage)
    },
    backward(call, dy) {
      const dx = empty(dy.shape)
      backward(...rows(dx), call.output.storage, call.in('rows', dy).storage, dx.storage)
      return [dx]
    },
  }
  return (x: Tensor, dim: number): Tensor => {
    const last = x.shape.length - 1
    const d = dimension(name, dim, x.shape.length)
    if (d >= last) return run(operation, [x], undefined)
    return transpose(run(operation, [transpose(x, d, last)], undefined), d, last)
  }
}

/**
 * `eˣ / Σ eˣ` over one dimension. https://pytorch.org/docs/stable/generated/torch.nn.functional.softmax.html
 *
 * @function
 * @param x any shape of at least one dimension
 * @param dim the dimension whose values then sum to 1; −1 is the last
 * @returns the shape of `x`
 * @throws {ArgumentError} for a dimension that `x` does not have
 */
export const softmax = overDimension('softmax', kernels.softmaxForward, kernels.softmaxBackward)

/**
 * `x − ln Σ eˣ` over one dimension, stable for large values.
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.log_softmax.html
 *
 * @function
 * @param x any shape of at least one dimension
 * @param dim the dimension to sum over; −1 is the last
 * @returns the shape of `x`
 * @throws {ArgumentError} for a dimension that `x` does not have
 */
export const logSoftmax = overDimension('logSoftmax', kernels.logSoftmaxForward, kernels.logSoftmaxBackward)
