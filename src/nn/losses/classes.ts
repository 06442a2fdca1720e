/** Losses of several classes. */
import type { Labels } from '../../autograd/ops/class-indices.js'
import { classAnswers, crossEntropyFor } from '../../autograd/ops/cross-entropy.js'
import { type CrossEntropyOptions, checkCrossEntropy } from '../../autograd/ops/cross-entropy-composed.js'
import { checkNLLLoss, IGNORED, type NLLLossOptions, nllLossFor } from '../../autograd/ops/nll-loss.js'
import type { Tensor } from '../../tensor/tensor.js'
import { loss } from './loss.js'

/** Of class indices, but for those that are ignored. */
const ofClasses = (prediction: Tensor, target: Tensor, { ignoreIndex = IGNORED }: NLLLossOptions) =>
  classAnswers(prediction, target, ignoreIndex)

const NLL = loss<NLLLossOptions, Labels>('NLLLoss', {
  check: checkNLLLoss,
  compute: nllLossFor,
  answers: ofClasses,
})
/**
 * The negative log-likelihood of class indices, of what LogSoftmax gave. Options: weight, ignoreIndex, reduction.
 * https://pytorch.org/docs/stable/generated/torch.nn.NLLLoss.html
 */
export class NLLLoss extends NLL {}

const CrossEntropy = loss<CrossEntropyOptions, Labels>('CrossEntropyLoss', {
  check: checkCrossEntropy,
  compute: crossEntropyFor,
  answers: ofClasses,
})
/**
 * Softmax and negative log-likelihood in one, of class indices, or of class probabilities, which have the logits' shape.
 * Options: weight, ignoreIndex, labelSmoothing, reduction.
 * https://pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html
 */
export class CrossEntropyLoss extends CrossEntropy {}
