/** Choices, element by element, between two tensors. */
import { BINARY } from '../../bindings/kernels.generated.js'
import { kindOf } from '../../check.js'
import { ArgumentError, ShapeError } from '../../errors.js'
import { scalar } from '../../tensor/create.js'
import { broadcastShapes } from '../../tensor/shape.js'
import { Tensor } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { defineOperation, unchanged } from '../operation.js'
import { combine, sumTo } from '../strided.js'
import { run } from '../tape.js'

/** The attribute is the name of who chooses. What is not chosen is cut out bit by bit: no NaN of its gets through. */
const whereOperation = defineOperation<string>({
  name: 'where',
  inputs: { condition: 'any', a: 'any', b: 'any' },
  output: 'any',
  gradients: { a: ['condition'], b: ['condition'] },
  shape: ([condition, a, b], name) =>
    broadcastShapes(name, broadcastShapes(name, condition.shape, a.shape), b.shape),
  forward(call) {
    const [condition, a, b] = call.inputs
    const { shape, layout } = call.output
    const kept = combine(BINARY.keep, condition, a, call.temporary(shape, layout))
    const dropped = combine(BINARY.drop, condition, b, call.temporary(shape, layout))
    combine(BINARY.join, kept, dropped, call.output)
  },
  repeats: unchanged,
  backward(call) {
    for (const [i, op] of [
      [1, BINARY.keep],
      [2, BINARY.drop],
    ] as const) {
      if (!call.wants(i)) continue
      const { shape, layout } = call.dy
      const gradient = combine(op, call.inputs[0], call.dy, call.temporary(shape, layout))
      call.pass(i, sumTo(call, gradient, call.shapeOf(i)))
    }
  },
})

function choose(name: string, condition: Tensor, a: Tensor | number, b: Tensor | number): Tensor {
  const made: Tensor[] = []
  const asTensor = (x: Tensor | number) => {
    if (x instanceof Tensor) return x
    const constant = scalar(x)
    made.push(constant)
    return constant
  }
  try {
    return run(whereOperation, [condition, asTensor(a), asTensor(b)], name)
  } finally {
    for (const constant of made) constant.release()
  }
}

function checkChoice(name: string, what: string, x: unknown): void {
  if (x instanceof Tensor || typeof x === 'number') return
  throw new ArgumentError(`${name}: ${what} is a tensor or a number, got ${kindOf(x)}`)
}

/**
 * `a` where `condition` is not 0, `b` where it is; the three broadcast. What is not chosen matters neither to the
 * value nor to the gradient, be it NaN or infinite. The comparisons (`x.gt(0)`) give conditions.
 * https://pytorch.org/docs/stable/generated/torch.where.html
 *
 * @throws {ArgumentError} for a condition that is no tensor, or a choice that is neither tensor nor number
 * @throws {ShapeError} where the shapes do not broadcast
 */
export function where(condition: Tensor, a: Tensor | number, b: Tensor | number): Tensor {
  checkTensor('where', 'condition', condition)
  checkChoice('where', 'what is chosen where the condition holds', a)
  checkChoice('where', 'what is chosen elsewhere', b)
  return choose('where', condition, a, b)
}

/**
 * `value` where `mask` is not 0, `x` elsewhere; both broadcast.
 * https://pytorch.org/docs/stable/generated/torch.Tensor.masked_fill.html
 *
 * @param value a number, or a tensor of no dimension
 * @throws {ArgumentError} for a mask that is no tensor, or a value that is neither number nor tensor
 * @throws {ShapeError} where the shapes do not broadcast, or for a value with dimensions
 */
export function maskedFill(x: Tensor, mask: Tensor, value: Tensor | number): Tensor {
  checkTensor('maskedFill', 'input', x)
  checkTensor('maskedFill', 'mask', mask)
  checkChoice('maskedFill', 'the value', value)
  if (value instanceof Tensor && value.shape.length > 0) {
    throw new ShapeError(
      `maskedFill: the value is a number or a tensor of no dimension, got shape [${value.shape}]; where(mask, value, x) takes one of any shape`,
    )
  }
  return choose('maskedFill', mask, value, x)
}
