import { BINARY } from '../../bindings/kernels.generated.js'
import { ShapeError } from '../../errors.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { binary, product } from './arithmetic.js'
import { reshape } from './rearrange.js'

const preluOperation = binary(
  'prelu',
  BINARY.prelu,
  {
    reads: ['a', 'b'],
    of: (call) =>
      product(call, BINARY.mul, call.dy, product(call, BINARY.preluSlope, call.inputs[0], call.inputs[1])),
  },
  { reads: ['a'], of: (call) => product(call, BINARY.preluWeight, call.inputs[0], call.dy) },
)

/**
 * `x` above 0, `weight · x` below, with a slope that is learnt: one, or one for each channel (dimension 1).
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.prelu.html
 *
 * @param x [N, C, …]; of any shape with one weight
 * @param weight [1], [C] or a tensor of no dimension
 * @throws {ShapeError} for a weight of another shape
 */
export function prelu(x: Tensor, weight: Tensor): Tensor {
  checkTensor('prelu', 'input', x)
  checkTensor('prelu', 'weight', weight)
  const { shape } = x
  const channels = shape.length > 1 ? shape[1] : 1
  if (weight.shape.length > 1 || (weight.size !== 1 && weight.size !== channels)) {
    throw new ShapeError(
      `prelu: expected a weight of shape [1] or [${channels}] (one for each channel of the input's [${shape}]), got [${weight.shape}]`,
    )
  }
  if (weight.size === 1) {
    // Of no more dimensions than `x` has.
    return preluOperation(x, shape.length === 0 ? reshape(weight, []) : weight)
  }
  return preluOperation(
    x,
    shape.length === 2 ? weight : reshape(weight, [channels, ...shape.slice(2).map(() => 1)]),
  )
}
