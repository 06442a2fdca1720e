import type { Dimensions } from '../../bindings/kernels.js'
import * as kernels from '../../bindings/kernels.js'
import type { Storage } from '../../bindings/memory.js'
import { ArgumentError } from '../../errors.js'
import { broadcastShapes, broadcastStrides, joinDimensions, reduceShape, type Shape } from '../shape.js'
import { type Call, type Operation, run } from '../tape.js'
import { empty, sameShape, scalar, Tensor, view } from '../tensor.js'

type Kernel = (dimensions: Dimensions, a: Storage, b: Storage, y: Storage, n: number) => void

/** `kernel` on two unrecorded tensors in rows, broadcast to `shape`. */
function compute(kernel: Kernel, a: Tensor, b: Tensor, y: Tensor): Tensor {
  const { size } = y
  if (a.size === size && (b.size === size || b.size === 1)) {
    kernel([[size], [1], [b.size === 1 ? 0 : 1]], a.storage, b.storage, y.storage, size)
    return y
  }
  const strides = [broadcastStrides(a.shape, y.shape), broadcastStrides(b.shape, y.shape)]
  const [joined, [aStrides, bStrides]] = joinDimensions(y.shape, strides)
  kernel([joined, aStrides, bStrides], a.storage, b.storage, y.storage, size)
  return y
}

/** `x` summed over the dimensions in which `shape` was repeated. Takes `x` over. */
function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x
  const offset = x.shape.length - shape.length
  const repeated = (d: number) => d < offset || (shape[d - offset] === 1 && x.shape[d] !== 1)
  let current = x
  // From the last to the first, each run of neighbouring repeated dimensions in one reduction.
  for (let d = x.shape.length - 1; d >= 0; d--) {
    if (!repeated(d)) continue
    const last = d
    while (d > 0 && repeated(d - 1)) d--
    const from = current.shape
    const y = empty(from.map((s, k) => (k >= d && k <= last ? 1 : s)))
    kernels.sumForward(reduceShape(from, d, last), current.storage, 1, y.storage)
    current.dispose()
    current = y
  }
  const result = view(current, shape)
  current.dispose()
  return result
}

/** `dy` itself, or summed over what was repeated. */
function share(dy: Tensor, shape: Shape): Tensor {
  return sameShape(dy.shape, shape) ? dy : sumTo(view(dy, dy.shape), shape)
}

function product(kernel: Kernel, a: Tensor, b: Tensor, shape: Shape): Tensor {
  return sumTo(compute(kernel, a, b, empty(broadcastShapes('backward', a.shape, b.shape))), shape)
}

function negated(x: Tensor): Tensor {
  const y = empty(x.shape)
  kernels.negForward(x.storage, y.storage, y.size)
  x.dispose()
  return y
}

type Gradient = (call: Call<Tensor | undefined>, dy: Tensor) => Tensor

function binary(name: string, kernel: Kernel, gradientA: Gradient, gradientB: Gradient) {
  /** The attribute is what was made of a number, to be freed with the call. */
  const operation: Operation<Tensor | undefined> = {
    name,
    shape: ([a, b]) => broadcastShapes(name, a.shape, b.shape),
    forward(call) {
      if (call.attributes) call.keep(call.attributes)
      compute(kernel, call.input(0), call.input(1), call.output)
    },
    backward(call, dy) {
      const rows = call.in('rows', dy)
      return [
        call.needs(0) ? gradientA(call, rows) : undefined,
        call.needs(1) ? gradientB(call, rows) : undefined,
      ]
    },
  }
  return (a: Tensor, b: Tensor | number): Tensor => {
    if (b instanceof Tensor) return run(operation, [a, b], undefined)
    if (typeof b !== 'number')
      throw new ArgumentError(`${name}: expected a tensor or a number, got ${typeof b}`)
    const constant = scalar(b)
    return run(operation, [a, constant], constant)
  }
}

/** `a + b`, broadcast. https://numpy.org/doc/stable/user/basics.broadcasting.html */
export const add = binary(
  'add',
  kernels.add,
  (call, dy) => share(dy, call.inputs[0].shape),
  (call, dy) => share(dy, call.inputs[1].shape),
)

/** `a − b`, broadcast. */
export const sub = binary(
  'sub',
  kernels.sub,
  (call, dy) => share(dy, call.inputs[0].shape),
  (call, dy) => negated(sumTo(view(dy, dy.shape), call.inputs[1].shape)),
)

/** `a · b`, broadcast. */
export const mul = binary(
  'mul',
  kernels.mul,
  (call, dy) => product(kernels.mul, dy, call.input(1), call.inputs[0].shape),
  (call, dy) => product(kernels.mul, dy, call.input(0), call.inputs[1].shape),
)

/** `a / b`, broadcast. The gradient of `b` is `−dy · y / b`. */
export const div = binary(
  'div',
  kernels.div,
  (call, dy) => product(kernels.div, dy, call.input(1), call.inputs[0].shape),
  (call, dy) => {
    const ratio = compute(kernels.div, call.output, call.input(1), empty(call.output.shape))
    const gradient = product(kernels.mul, dy, ratio, call.inputs[1].shape)
    ratio.dispose()
    return negated(gradient)
  },
)

function maximumGradient(call: Call<Tensor | undefined>, dy: Tensor, to: 0 | 1): Tensor {
  const [mine, other] = to === 0 ? [call.input(0), call.input(1)] : [call.input(1), call.input(0)]
  const part = compute(kernels.maximumShare, mine, other, empty(dy.shape))
  const gradient = product(kernels.mul, dy, part, mine.shape)
  part.dispose()
  return gradient
}

/** The larger of `a` and `b`, broadcast; equals share the gradient in halves. */
export const maximum = binary(
  'maximum',
  kernels.maximum,
  (call, dy) => maximumGradient(call, dy, 0),
  (call, dy) => maximumGradient(call, dy, 1),
)
