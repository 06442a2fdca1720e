import * as kernels from '../../bindings/kernels.js'
import type { Storage } from '../../bindings/memory.js'
import { type Operation, run } from '../tape.js'
import { empty, type Tensor } from '../tensor.js'

/** An operation of one array, elementwise, in whatever layout it comes. */
function unary(
  name: string,
  forward: (x: Storage, y: Storage, n: number) => void,
  backward: (x: Storage, y: Storage, dy: Storage, dx: Storage, n: number) => void,
  layouts: 'rows' | 'any' = 'rows',
): (x: Tensor) => Tensor {
  const operation: Operation<undefined> = {
    name,
    shape: ([x]) => x.shape,
    // Padding lanes must stay finite: only what keeps 0 at 0 runs in lanes.
    layout: ([x]) => (layouts === 'any' ? x.layout : 'rows'),
    forward(call) {
      const x = call.input(0, call.output.layout).storage
      forward(x, call.output.storage, x.size / 4)
    },
    backward(call, dy) {
      const { layout, storage } = call.output
      const dx = empty(dy.shape, layout)
      backward(
        call.input(0, layout).storage,
        storage,
        call.in(layout, dy).storage,
        dx.storage,
        dx.storage.size / 4,
      )
      return [dx]
    },
  }
  return (x) => run(operation, [x], undefined)
}

/** `−x`. Any shape. */
export const neg = unary('neg', kernels.negForward, kernels.negBackward)
/** `|x|`; gradient 0 at 0. Any shape. */
export const abs = unary('abs', kernels.absForward, kernels.absBackward)
/** `√x`; NaN below 0. Any shape. */
export const sqrt = unary('sqrt', kernels.sqrtForward, kernels.sqrtBackward)
/** `eˣ`. Any shape. */
export const exp = unary('exp', kernels.expForward, kernels.expBackward)
/** The natural logarithm; −Infinity at 0, NaN below. Any shape. */
export const log = unary('log', kernels.logForward, kernels.logBackward)
/**
 * `max(x, 0)`; gradient 0 at 0. Any shape.
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.relu.html
 *
 * @function
 */
export const relu = unary('relu', kernels.reluForward, kernels.reluBackward, 'any')
/**
 * `1 / (1 + e⁻ˣ)` of `x`. Any shape. https://pytorch.org/docs/stable/generated/torch.sigmoid.html
 *
 * @function
 */
export const sigmoid = unary('sigmoid', kernels.sigmoidForward, kernels.sigmoidBackward)
/**
 * The hyperbolic tangent of `x`. Any shape. https://pytorch.org/docs/stable/generated/torch.tanh.html
 *
 * @function
 */
export const tanh = unary('tanh', kernels.tanhForward, kernels.tanhBackward)

const powOperation: Operation<number> = {
  name: 'pow',
  shape: ([x]) => x.shape,
  forward(call) {
    kernels.powForward(call.input(0).storage, call.attributes, call.output.storage, call.output.size)
  },
  backward(call, dy) {
    const dx = empty(dy.shape)
    kernels.powBackward(
      call.input(0).storage,
      call.attributes,
      call.in('rows', dy).storage,
      dx.storage,
      dx.size,
    )
    return [dx]
  },
}

/** `xᵉ` for a number `e`; NaN where a negative base meets a broken exponent. Any shape. */
export function pow(x: Tensor, exponent: number): Tensor {
  return run(powOperation, [x], exponent)
}
