/** Cross entropy of two classes: of probabilities, and of logits. */
import { BINARY } from '../../bindings/kernels.generated.js'
import { ArgumentError } from '../../errors.js'
import { scalar } from '../../tensor/create.js'
import { adopt } from '../../tensor/scope.js'
import { sameShape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkOptionalTensor } from '../arguments.js'
import { defineOperation, type OperationCall } from '../operation.js'
import { eachValues } from '../recording.js'
import { combine } from '../strided.js'
import { run } from '../tape.js'
import { add, maximum, mul, sub } from './arithmetic.js'
import { checkReduction, checkWeight, elementwiseLoss, type LossOptions, type Reduction } from './loss.js'
import { abs, exp, log, log1p, neg } from './unary.generated.js'

/** What `binaryCrossEntropy` takes besides tensors. */
export interface BinaryCrossEntropyOptions extends LossOptions {
  /** A factor of each loss, broadcast to them. Default: none. */
  weight?: Tensor | null
}

/** What `binaryCrossEntropyWithLogits` takes besides tensors. */
export interface BinaryCrossEntropyWithLogitsOptions extends BinaryCrossEntropyOptions {
  /** A factor of the losses of target 1, broadcast to the targets; such as one for each class. Default: none. */
  posWeight?: Tensor | null
}

/** The least that a logarithm counts for, and what the gradient is divided by, as PyTorch has them. */
const LEAST_LOG = -100
const LEAST_VARIANCE = 1e-12

type BinaryCall = OperationCall<undefined>

function computed(call: BinaryCall, op: number, a: Tensor, b: Tensor | number): Tensor {
  const second = typeof b === 'number' ? call.hold(scalar(b)) : b
  return combine(op, a, second, call.temporary(a.shape))
}

/**
 * An operation of its own, since the gradient is not that of the clamped formula: PyTorch's is
 * (x − t) / max(x (1 − x), 1e-12), also where the logarithm was clamped. The logarithms are given beside.
 */
const operation = defineOperation<undefined>({
  name: 'binaryCrossEntropy',
  // In rows, all of them: of layouts that differ (a batch of one stays in rows) one gradient would be in another.
  inputs: { input: 'rows', target: 'rows', logs: 'rows', otherLogs: 'rows' },
  output: 'rows',
  gradients: { input: ['input', 'target'], target: ['logs', 'otherLogs'] },
  shape: ([x]) => x.shape,
  forward(call) {
    const [, t, logs, otherLogs] = call.inputs
    const [first, second] = [logs, otherLogs].map((x) => computed(call, BINARY.maximum, x, LEAST_LOG))
    const right = computed(call, BINARY.mul, first, t)
    const left = computed(call, BINARY.mul, second, computed(call, BINARY.sub, t, 1))
    combine(BINARY.sub, left, right, call.output)
  },
  backward(call) {
    const { dy } = call
    const dx = call.gradient(0)
    if (dx) {
      const [x, t] = call.inputs
      const variance = computed(call, BINARY.sub, x, computed(call, BINARY.mul, x, x))
      const slope = computed(
        call,
        BINARY.div,
        computed(call, BINARY.sub, x, t),
        computed(call, BINARY.maximum, variance, LEAST_VARIANCE),
      )
      combine(BINARY.mul, dy, slope, dx)
    }
    const dt = call.gradient(1)
    if (!dt) return
    const [, , logs, otherLogs] = call.inputs
    combine(BINARY.mul, dy, computed(call, BINARY.sub, otherLogs, logs), dt)
  },
})

/** @throws {ArgumentError} unless every element is from 0 to 1 */
function checkProbabilities(name: string, what: string, x: Tensor): void {
  eachValues([x], (values) => {
    const wrong = values.findIndex((value) => !(value >= 0 && value <= 1))
    if (wrong < 0) return
    const logits = what === 'input' && !Number.isNaN(values[wrong])
    const cure = logits ? '; of logits take binaryCrossEntropyWithLogits, or their sigmoid()' : ''
    throw new ArgumentError(
      `${name}: the ${what} is made of probabilities from 0 to 1, and element ${wrong} is ${values[wrong]}${cure}`,
    )
  })
}

/**
 * `−(t ln x + (1 − t) ln(1 − x))` of probabilities `x` and targets `t`. A logarithm is at least −100.
 * `binaryCrossEntropyWithLogits` is more exact.
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.binary_cross_entropy.html
 *
 * @param input probabilities, any shape
 * @param target probabilities of the input's shape; either may be a single value of shape []
 * @returns [], or the input's shape with reduction 'none'
 * @throws {ShapeError} where the shapes differ, also where they would broadcast
 * @throws {ArgumentError} for what is no probability, or an unknown option
 */
export function binaryCrossEntropy(
  input: Tensor,
  target: Tensor,
  options: BinaryCrossEntropyOptions = {},
): Tensor {
  return binaryCrossEntropyFor('binaryCrossEntropy', input, target, options)
}

/** Checks the options for who asks. @throws {ArgumentError} */
export function checkBinaryCrossEntropy(name: string, options: BinaryCrossEntropyOptions): Reduction {
  const reduction = checkReduction(name, options, ['weight'])
  checkOptionalTensor(name, 'weight', options.weight)
  return reduction
}

/** As `binaryCrossEntropy`; errors name who asks. */
export function binaryCrossEntropyFor(
  name: string,
  input: Tensor,
  target: Tensor,
  options: BinaryCrossEntropyOptions,
): Tensor {
  const reduction = checkBinaryCrossEntropy(name, options)
  const each = (x: Tensor, t: Tensor): Tensor => {
    checkProbabilities(name, 'input', x)
    checkProbabilities(name, 'target', t)
    const constant = x.detach()
    adopt(constant)
    return run(operation, [x, t, log(constant), log1p(neg(constant))], undefined)
  }
  return elementwiseLoss(name, input, target, reduction, each, options.weight)
}

/**
 * `binaryCrossEntropy` of the sigmoid of logits `x`, exact for large ones:
 * `max(x, 0) − x t + ln(1 + e^−|x|)`.
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.binary_cross_entropy_with_logits.html
 *
 * @param input logits, any shape
 * @param target of the input's shape, 0 … 1; either may be a single value of shape []
 * @returns [], or the input's shape with reduction 'none'
 * @throws {ShapeError} where the shapes differ, also where they would broadcast
 * @throws {ArgumentError} for an unknown option
 */
export function binaryCrossEntropyWithLogits(
  input: Tensor,
  target: Tensor,
  options: BinaryCrossEntropyWithLogitsOptions = {},
): Tensor {
  return binaryCrossEntropyWithLogitsFor('binaryCrossEntropyWithLogits', input, target, options)
}

/** Checks the options for who asks. @throws {ArgumentError} */
export function checkBinaryCrossEntropyWithLogits(
  name: string,
  options: BinaryCrossEntropyWithLogitsOptions,
): Reduction {
  const reduction = checkReduction(name, options, ['weight', 'posWeight'])
  checkOptionalTensor(name, 'weight', options.weight)
  checkOptionalTensor(name, 'posWeight', options.posWeight)
  return reduction
}

/** As `binaryCrossEntropyWithLogits`; errors name who asks. */
export function binaryCrossEntropyWithLogitsFor(
  name: string,
  input: Tensor,
  target: Tensor,
  options: BinaryCrossEntropyWithLogitsOptions,
): Tensor {
  const reduction = checkBinaryCrossEntropyWithLogits(name, options)
  const { weight, posWeight } = options
  const each = (x: Tensor, t: Tensor): Tensor => {
    if (posWeight) checkWeight(name, 'posWeight', posWeight, t.shape)
    // Between 0 and ln 2. At 0 its gradient is 0, and that of max(x, 0) is ½: the sum is the sigmoid's.
    const near = log1p(exp(neg(abs(x))))
    if (!posWeight) return add(sub(maximum(x, 0), mul(x, t)), near)
    // (1 − t) ln(1 + eˣ) + posWeight · t · ln(1 + e⁻ˣ)
    const negative = mul(add(neg(t), 1), add(maximum(x, 0), near))
    return add(negative, mul(mul(t, posWeight), add(maximum(neg(x), 0), near)))
  }
  return elementwiseLoss(name, input, target, reduction, each, weight)
}

/**
 * How many of N predictions are on the right side of a threshold, above it for target 1; undefined where these are not
 * N numbers, [N] or [N, 1], with a 0 or a 1 each.
 */
export function binaryAnswers(
  prediction: Tensor,
  target: Tensor,
  threshold: number,
): { right: number; of: number } | undefined {
  const { shape } = prediction
  const one = shape.length === 1 || (shape.length === 2 && shape[1] === 1)
  if (!one || !sameShape(shape, target.shape)) return undefined
  const [values, targets] = [prediction.toFloat32Array(), target.toFloat32Array()]
  if (!targets.every((each) => each === 0 || each === 1)) return undefined
  const right = targets.filter((each, i) => (values[i] > threshold ? 1 : 0) === each).length
  return { right, of: targets.length }
}
