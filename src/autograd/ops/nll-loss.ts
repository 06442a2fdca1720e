/** The negative log-likelihood: of log-probabilities, what is at the label. */
import { checkNumber } from '../../check.js'
import { ArgumentError, ShapeError } from '../../errors.js'
import { adopt, scoped } from '../../tensor/scope.js'
import { sameShape, sizeOf } from '../../tensor/shape.js'
import { Tensor } from '../../tensor/tensor.js'
import { checkOptionalTensor, checkTensor } from '../arguments.js'
import { computeInJavaScript } from '../recording.js'
import { div, mul } from './arithmetic.js'
import {
  checkLabels,
  classSizes,
  isClass,
  type Labels,
  ownLabels,
  pickClass,
  shapeOfLabels,
  withoutClasses,
} from './class-indices.js'
import { checkReduction, type LossOptions, type Reduction } from './loss.js'
import { sum } from './reduce.js'
import { neg } from './unary.generated.js'

/** What `nllLoss` takes besides tensors. */
export interface NLLLossOptions extends LossOptions {
  /** A factor of each class's losses, [classes]. The mean is then over the weights. Default: none. */
  weight?: Tensor | null
  /** A label that counts for nothing, also in the mean. Default −100. */
  ignoreIndex?: number
}

/** What a label is ignored for, unless told otherwise, as in PyTorch. */
export const IGNORED = -100

/** Checks the options for who asks. @throws {ArgumentError} */
export function checkNLLLoss(name: string, options: NLLLossOptions): Reduction {
  const reduction = checkReduction(name, options, ['weight', 'ignoreIndex'])
  const { weight, ignoreIndex = IGNORED } = options
  checkOptionalTensor(name, 'weight', weight)
  checkNumber(name, 'ignoreIndex', ignoreIndex, { least: -(2 ** 24), most: 2 ** 24, whole: true })
  return reduction
}

/** Checks that there is a weight for each class. @throws {ShapeError} */
export function checkClassWeight(name: string, weight: Tensor, classes: number): void {
  checkTensor(name, 'weight', weight)
  if (weight.shape.length === 1 && weight.shape[0] === classes) return
  throw new ShapeError(
    `${name}: the weight has one number for each of the ${classes} classes, shape [${classes}], got [${weight.shape}]`,
  )
}

/** Labels that were found good, and what each counts for. */
export interface Weighed {
  /** As a tensor of the scope's. */
  labels: Tensor
  /** The weight of each label's class; 0 where it is ignored. */
  weights: Tensor
  /** What a mean is over: the sum of the weights. */
  total: Tensor
}

/**
 * Checks class indices against an array of shape [classes] or [N, classes, d…], and weighs them.
 *
 * @param otherwise what else could stand in their place, for the error
 * @throws {ShapeError} @throws {ArgumentError}
 */
export function weighLabels(
  name: string,
  x: Tensor,
  labels: Labels,
  { weight, ignoreIndex = IGNORED }: Pick<NLLLossOptions, 'weight' | 'ignoreIndex'>,
  otherwise = '',
): Weighed {
  checkLabels(name, labels)
  const [given, expected] = [shapeOfLabels(labels), withoutClasses(x.shape)]
  if (!sameShape(given, expected)) {
    const cure =
      sizeOf(given) === sizeOf(expected) && labels instanceof Tensor
        ? `; take labels.reshape([${expected}])`
        : ''
    throw new ShapeError(
      `${name}: an input of shape [${x.shape}] takes class indices of shape [${expected}]${otherwise}, got [${given}]${cure}`,
    )
  }
  const [, classes] = classSizes(x.shape)
  if (weight) checkClassWeight(name, weight, classes)
  const own = ownLabels(labels)
  adopt(own)
  const weights = computeInJavaScript(weight ? [own, weight] : [own], own.shape, (values, ofClass) =>
    values.map((label, i) => {
      if (label === ignoreIndex) return 0
      if (isClass(label, classes)) return ofClass ? ofClass[label] : 1
      const or = ignoreIndex === IGNORED ? '' : ` or ignoreIndex ${ignoreIndex}`
      throw new ArgumentError(
        `${name}: label ${i} is ${label}, expected a whole number from 0 to ${classes - 1}${or} (input [${x.shape}])`,
      )
    }),
  )
  adopt(weights)
  return { labels: own, weights, total: sum(weights) }
}

/** The losses at labels that were weighed, reduced. To be called in a scope. */
export function nllOf(
  x: Tensor,
  { labels, weights, total }: Weighed,
  { weight, ignoreIndex = IGNORED }: Pick<NLLLossOptions, 'weight' | 'ignoreIndex'>,
  reduction: Reduction,
): Tensor {
  const picked = neg(pickClass(x, labels, ignoreIndex))
  return reducedOver(weight ? mul(picked, weights) : picked, total, reduction)
}

/** As `reduced`, the mean being over `total`: 0 / 0 where nothing counts. */
export function reducedOver(losses: Tensor, total: Tensor, reduction: Reduction): Tensor {
  if (reduction === 'none') return losses
  return reduction === 'sum' ? sum(losses) : div(sum(losses), total)
}

/**
 * The negative log-likelihood of class indices, which is `crossEntropy` of what `logSoftmax` gave.
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.nll_loss.html
 *
 * @param input log-probabilities: [classes], [N, classes] or [N, classes, d…]
 * @param target class indices: [], [N] (also as a list) or [N, d…]
 * @returns [], with 'none' the target's shape. The mean is the sum over that of the weights, NaN where all is ignored
 * @throws {ShapeError} where the shapes do not fit
 * @throws {ArgumentError} for a label that is no class, or an option that is unknown or out of range
 */
export function nllLoss(input: Tensor, target: Labels, options: NLLLossOptions = {}): Tensor {
  return nllLossFor('nllLoss', input, target, options)
}

/** As `nllLoss`; errors name who asks. */
export function nllLossFor(name: string, input: Tensor, target: Labels, options: NLLLossOptions): Tensor {
  const reduction = checkNLLLoss(name, options)
  checkTensor(name, 'input', input)
  if (input.shape.length === 0) {
    throw new ShapeError(`${name}: expected an input of shape [classes] or [N, classes, …], got []`)
  }
  return scoped(() => nllOf(input, weighLabels(name, input, target, options), options, reduction))
}
