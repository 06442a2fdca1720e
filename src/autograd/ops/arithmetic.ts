/** Elementwise operations of two tensors, broadcast. */
import { BINARY, unaryForward } from '../../bindings/kernels.generated.js'
import { kindOf } from '../../check.js'
import { ArgumentError } from '../../errors.js'
import { scalar } from '../../tensor/create.js'
import { broadcastShapes } from '../../tensor/shape.js'
import { Tensor } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { defineOperation, type OperationCall, unchanged } from '../operation.js'
import { combine, sumTo } from '../strided.js'
import { run } from '../tape.js'
import { neg } from './unary.generated.js'

type BinaryCall = OperationCall<undefined>

/** The gradient of one operand, of the result's shape or already of the operand's. */
type Gradient = (call: BinaryCall) => Tensor

/** How the gradient of an operand is computed. */
export interface Rule {
  /** What it reads besides `dy`. */
  reads: readonly ('a' | 'b' | 'output')[]
  of: Gradient
}

/** An operation of two, and its gradients; a comparison has none. */
/* @__NO_SIDE_EFFECTS__ */
export function binary(name: string, code: number, a?: Rule, b?: Rule) {
  const operation = defineOperation<undefined>({
    name,
    inputs: { a: 'any', b: 'any' },
    output: 'any',
    gradients: { ...(a ? { a: a.reads } : {}), ...(b ? { b: b.reads } : {}) },
    shape: ([x, y]) => broadcastShapes(name, x.shape, y.shape),
    forward: ({ inputs: [x, y], output }) => void combine(code, x, y, output),
    repeats: unchanged,
    backward(call) {
      if (a && call.wants(0)) call.pass(0, sumTo(call, a.of(call), call.shapeOf(0)))
      if (b && call.wants(1)) call.pass(1, sumTo(call, b.of(call), call.shapeOf(1)))
    },
  })
  return (x: Tensor, other: Tensor | number): Tensor => {
    checkTensor(name, 'left operand', x)
    if (other instanceof Tensor) return run(operation, [x, other], undefined)
    if (typeof other !== 'number') {
      throw new ArgumentError(`${name}: expected a tensor or a number, got ${kindOf(other)}`)
    }
    const constant = scalar(other)
    try {
      return run(operation, [x, constant], undefined)
    } finally {
      constant.release()
    }
  }
}

/** `x ∘ z` in memory of the call's. */
export function product(call: BinaryCall, op: number, x: Tensor, z: Tensor): Tensor {
  return combine(op, x, z, call.temporary(call.dy.shape, call.dy.layout))
}

function negated(call: BinaryCall, x: Tensor): Tensor {
  const y = call.temporary(x.shape, x.layout)
  unaryForward({ op: neg.code, first: 0, second: 0, x: x.storage, y: y.storage })
  return y
}

const itself: Rule = { reads: [], of: ({ dy }) => dy }

/** `a + b`, broadcast. https://numpy.org/doc/stable/user/basics.broadcasting.html */
export const add = binary('add', BINARY.add, itself, itself)

/** `a − b`, broadcast. */
export const sub = binary('sub', BINARY.sub, itself, {
  reads: [],
  of: (call) => negated(call, sumTo(call, call.dy, call.shapeOf(1))),
})

/** `a · b`, broadcast. */
export const mul = binary(
  'mul',
  BINARY.mul,
  { reads: ['b'], of: (call) => product(call, BINARY.mul, call.dy, call.inputs[1]) },
  { reads: ['a'], of: (call) => product(call, BINARY.mul, call.dy, call.inputs[0]) },
)

/** `a / b`, broadcast. The gradient of `b` is `−dy · y / b`. */
export const div = binary(
  'div',
  BINARY.div,
  { reads: ['b'], of: (call) => product(call, BINARY.div, call.dy, call.inputs[1]) },
  {
    reads: ['b', 'output'],
    of(call) {
      const ratio = product(call, BINARY.div, call.output, call.inputs[1])
      const gradient = product(call, BINARY.mul, call.dy, ratio)
      return negated(call, sumTo(call, gradient, call.shapeOf(1)))
    },
  },
)

/** Of the larger of two, for operand `i`: what it passes on is 1, 0 or ½ of the gradient. Of the smaller, the other's. */
function share(i: 0 | 1, of: 'larger' | 'smaller' = 'larger'): Rule {
  const first = of === 'larger' ? i : 1 - i
  return {
    reads: ['a', 'b'],
    of(call) {
      const [larger, smaller] = [call.inputs[first], call.inputs[1 - first]]
      return product(call, BINARY.mul, call.dy, product(call, BINARY.maximumShare, larger, smaller))
    },
  }
}

/** The larger of `a` and `b`, broadcast; equals share the gradient in halves. */
export const maximum = binary('maximum', BINARY.maximum, share(0), share(1))

/** The smaller of `a` and `b`, broadcast; equals share the gradient in halves. */
export const minimum = binary('minimum', BINARY.minimum, share(0, 'smaller'), share(1, 'smaller'))
