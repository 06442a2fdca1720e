/** Losses of two classes. */
import * as binary from '../../autograd/ops/binary-cross-entropy.js'
import { loss } from './loss.js'

const BCE = loss('BCELoss', {
  check: binary.checkBinaryCrossEntropy,
  compute: binary.binaryCrossEntropyFor,
  answers: (prediction, target) => binary.binaryAnswers(prediction, target, 0.5),
})
/**
 * Cross entropy of two classes, of probabilities: what a sigmoid gives. Options: weight, reduction.
 * https://pytorch.org/docs/stable/generated/torch.nn.BCELoss.html
 */
export class BCELoss extends BCE {}

const BCEWithLogits = loss('BCEWithLogitsLoss', {
  check: binary.checkBinaryCrossEntropyWithLogits,
  compute: binary.binaryCrossEntropyWithLogitsFor,
  answers: (prediction, target) => binary.binaryAnswers(prediction, target, 0),
})
/**
 * Sigmoid and cross entropy of two classes in one, exact for large logits. Options: weight, posWeight, reduction.
 * https://pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html
 */
export class BCEWithLogitsLoss extends BCEWithLogits {}
