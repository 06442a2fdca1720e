/** Elementwise operations of two tensors, broadcast. */
import { BINARY, unaryForward } from '../../bindings/kernels.generated.js'
import { kindOf } from '../../check.js'
import { ArgumentError } from '../../errors.js'
import { scalar } from '../../tensor/create.js'
import { broadcastShapes } from '../../tensor/shape.js'
import { Tensor } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { defineOperation, type OperationCall } from '../operation.js'
import { combine, sumTo } from '../strided.js'
import { run } from '../tape.js'
import { neg } from './unary.generated.js'

type BinaryCall = OperationCall<undefined>

/** The gradient of one operand, of the result's shape or already of the operand's. */
type Gradient = (call: BinaryCall) => Tensor

interface Rule {
  /** What it reads besides `dy`. */
  reads: readonly ('a' | 'b' | 'output')[]
  of: Gradient
}

function binary(name: string, code: number, a: Rule, b: Rule) {
  const operation = defineOperation<undefined>({
    name,
    inputs: { a: 'any', b: 'any' },
    output: 'any',
    gradients: { a: a.reads, b: b.reads },
    shape: ([x, y]) => broadcastShapes(name, x.shape, y.shape),
    forward: ({ inputs: [x, y], output }) => void combine(code, x, y, output),
    backward(call) {
      if (call.wants(0)) call.pass(0, sumTo(call, a.of(call), call.shapeOf(0)))
      if (call.wants(1)) call.pass(1, sumTo(call, b.of(call), call.shapeOf(1)))
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
function product(call: BinaryCall, op: number, x: Tensor, z: Tensor): Tensor {
  return combine(op, x, z, call.temporary(call.dy.shape, call.dy.layout))
}

function negated(call: BinaryCall, x: Tensor): Tensor {
  const y = call.temporary(x.shape, x.layout)
  unaryForward({ op: neg.code, x: x.storage, y: y.storage })
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

/** Of `maximum`, for operand `i`: what it passes on is 1, 0 or ½ of the gradient. */
function share(i: 0 | 1): Rule {
  return {
    reads: ['a', 'b'],
    of(call) {
      const [mine, other] = [call.inputs[i], call.inputs[1 - i]]
      return product(call, BINARY.mul, call.dy, product(call, BINARY.maximumShare, mine, other))
    },
  }
}

/** The larger of `a` and `b`, broadcast; equals share the gradient in halves. */
export const maximum = binary('maximum', BINARY.maximum, share(0), share(1))
