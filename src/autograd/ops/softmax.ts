/** softmax and its logarithm. */
import * as kernels from '../../bindings/kernels.generated.js'
import { scoped } from '../../tensor/scope.js'
import { dimension } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { defineOperation, unchanged } from '../operation.js'
import { run } from '../tape.js'
import { transpose } from './rearrange.js'

type Forward = typeof kernels.softmaxForward
type Backward = typeof kernels.softmaxBackward

/** An operation over the last dimension, applied to any other by moving that to the end and back. */
/* @__NO_SIDE_EFFECTS__ */
function overDimension(name: string, forward: Forward, backward: Backward) {
  const matrix = ({ shape, size }: Tensor) => {
    const cols = shape[shape.length - 1] ?? 1
    return { rows: cols === 0 ? 0 : size / cols, cols }
  }
  const operation = defineOperation<undefined>({
    name,
    inputs: { x: 'rows' },
    output: 'rows',
    gradients: { x: ['output'] },
    shape: ([x]) => x.shape,
    forward: ({ inputs: [x], output }) => forward({ x: x.storage, y: output.storage, ...matrix(x) }),
    repeats: unchanged,
    backward(call) {
      const dx = call.gradient(0)
      if (dx) backward({ y: call.output.storage, dy: call.dy.storage, dx: dx.storage, ...matrix(dx) })
    },
  })
  return (x: Tensor, dim: number): Tensor => {
    checkTensor(name, 'input', x)
    const last = x.shape.length - 1
    const d = dimension(name, dim, x.shape.length)
    if (d >= last) return run(operation, [x], undefined)
    return scoped(() => transpose(run(operation, [transpose(x, d, last)], undefined), d, last))
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
