/** Sums so far. */
import { cumsum as kernel } from '../../bindings/kernels.generated.js'
import { dimension, reduceShape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { defineOperation, unchanged } from '../operation.js'
import { run } from '../tape.js'

function sumAlong(dim: number, reverse: boolean, x: Tensor, y: Tensor): void {
  const [outer, n, inner] = reduceShape(x.shape, dim, dim)
  kernel({ outer, n, inner, reverse, x: x.storage, y: y.storage })
}

const operation = defineOperation<number>({
  name: 'cumsum',
  inputs: { x: 'rows' },
  output: 'rows',
  gradients: { x: [] },
  shape: ([x]) => x.shape,
  forward: ({ inputs: [x], output, attributes: dim }) => sumAlong(dim, false, x, output),
  repeats: unchanged,
  backward(call) {
    const dx = call.gradient(0)
    // An element is in all sums from its own on.
    if (dx) sumAlong(call.attributes, true, call.dy, dx)
  },
})

/**
 * Each element and all before it along a dimension, summed.
 * https://pytorch.org/docs/stable/generated/torch.cumsum.html
 *
 * @param x any shape
 * @param dim the dimension; −1 is the last
 * @returns the shape of `x`
 * @throws {ArgumentError} for a dimension that is not there
 */
export function cumsum(x: Tensor, dim: number): Tensor {
  checkTensor('cumsum', 'input', x)
  return run(operation, [x], dimension('cumsum', dim, x.shape.length))
}
