/** Cross entropy made of other operations: with weights, ignored labels, smoothing, probabilities, and more dimensions. */
import { checkNumber } from '../../check.js'
import { ArgumentError } from '../../errors.js'
import { adopt } from '../../tensor/scope.js'
import type { Tensor } from '../../tensor/tensor.js'
import { computeInJavaScript } from '../recording.js'
import { add, div, mul } from './arithmetic.js'
import { classSizes, type Labels, pickClass } from './class-indices.js'
import { checkReduction, type LossOptions, type Reduction } from './loss.js'
import { checkClassWeight, checkNLLLoss, IGNORED, nllOf, reducedOver, weighLabels } from './nll-loss.js'
import { reshape } from './rearrange.js'
import { sum } from './reduce.js'
import { logSoftmax } from './softmax.js'
import { neg } from './unary.generated.js'

/** What `crossEntropy` takes besides tensors. */
export interface CrossEntropyOptions extends LossOptions {
  /** A factor of each class's losses, [classes]. The mean of class indices is then over the weights. Default: none. */
  weight?: Tensor | null
  /** A label that counts for nothing, also in the mean. Default −100. */
  ignoreIndex?: number
  /** What share of a target is spread over all classes, from 0 to 1. Default 0. */
  labelSmoothing?: number
}

/** Checks the options for who asks. @throws {ArgumentError} */
export function checkCrossEntropy(name: string, options: CrossEntropyOptions): Reduction {
  checkReduction(name, options, ['weight', 'ignoreIndex', 'labelSmoothing'])
  const { labelSmoothing = 0, ...rest } = options
  checkNumber(name, 'labelSmoothing', labelSmoothing, { least: 0, most: 1 })
  return checkNLLLoss(name, rest)
}

/** The dimension of the classes. */
const classDimension = ({ shape }: Tensor) => (shape.length === 1 ? 0 : 1)

/** `x` times the weight of each class. */
function weighted(x: Tensor, weight: Tensor | null | undefined): Tensor {
  if (!weight) return x
  const after = Math.max(0, x.shape.length - 2)
  return mul(x, reshape(weight, [weight.shape[0], ...new Array<number>(after).fill(1)]))
}

/** Of class indices. To be called in a scope. */
export function ofIndices(
  name: string,
  logits: Tensor,
  labels: Labels,
  options: CrossEntropyOptions,
  reduction: Reduction,
): Tensor {
  const { weight, ignoreIndex = IGNORED, labelSmoothing = 0 } = options
  const weighed = weighLabels(name, logits, labels, options, ', or class probabilities of its own shape')
  const logs = logSoftmax(logits, classDimension(logits))
  const own = nllOf(logs, weighed, options, reduction)
  if (labelSmoothing === 0) return own
  const [n, classes] = classSizes(logits.shape)
  const all = neg(sum(weighted(logs, weight), { dim: classDimension(logits) }))
  // As if of one class each, so that those that are ignored are left out also where they are infinite.
  const { shape } = weighed.labels
  const which = fromIgnored(weighed.labels, ignoreIndex)
  const one = reshape(all, shape.length === 0 ? [1] : [n, 1, ...shape.slice(1)])
  const spread = reducedOver(pickClass(one, which, IGNORED), weighed.total, reduction)
  return add(mul(own, 1 - labelSmoothing), mul(spread, labelSmoothing / classes))
}

/** 0 for each label, and `IGNORED` for the one that is ignored. */
function fromIgnored(labels: Tensor, ignoreIndex: number): Tensor {
  const which = computeInJavaScript([labels], labels.shape, (values) =>
    values.map((label) => (label === ignoreIndex ? IGNORED : 0)),
  )
  adopt(which)
  return which
}

/** Of class probabilities. To be called in a scope. */
export function ofProbabilities(
  name: string,
  logits: Tensor,
  probabilities: Tensor,
  options: CrossEntropyOptions,
  reduction: Reduction,
): Tensor {
  const { weight, ignoreIndex = IGNORED, labelSmoothing = 0 } = options
  const [n, classes, after] = classSizes(logits.shape)
  if (ignoreIndex >= 0) {
    throw new ArgumentError(
      `${name}: ignoreIndex is for class indices, and a target of the logits' shape [${logits.shape}] is class probabilities`,
    )
  }
  if (weight) checkClassWeight(name, weight, classes)
  const logs = logSoftmax(logits, classDimension(logits))
  const target =
    labelSmoothing === 0
      ? probabilities
      : add(mul(probabilities, 1 - labelSmoothing), labelSmoothing / classes)
  const terms = weighted(mul(logs, target), weight)
  if (reduction === 'none') return neg(sum(terms, { dim: classDimension(logits) }))
  const total = neg(sum(terms))
  // The mean is over the samples, whatever their weights.
  return reduction === 'sum' ? total : div(total, n * after)
}
