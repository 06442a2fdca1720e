/** The losses: each holds its options, checked when it is made, and calls the function of nn.functional. */
import * as binary from '../autograd/ops/binary-cross-entropy.js'
import type { Labels } from '../autograd/ops/class-indices.js'
import { classAnswers, crossEntropyFor } from '../autograd/ops/cross-entropy.js'
import { type CrossEntropyOptions, checkCrossEntropy } from '../autograd/ops/cross-entropy-composed.js'
import { checkKLDiv, klDivFor } from '../autograd/ops/kl-div.js'
import { checkReduction, type LossOptions } from '../autograd/ops/loss.js'
import { checkNLLLoss, IGNORED, type NLLLossOptions, nllLossFor } from '../autograd/ops/nll-loss.js'
import * as regression from '../autograd/ops/regression-losses.js'
import type { Tensor } from '../tensor/tensor.js'

/** How many predictions are right, and of how many: the accuracy is their quotient. */
export interface Answers {
  /** Right ones. */
  right: number
  /** Those that count. */
  of: number
}

/** A loss of a prediction and a target. */
interface LossLayer<Options, Target> {
  /** As given. */
  readonly options: Options
  /**
   * The function of the same name in `nn.functional`, with the options.
   *
   * @param input what the net gave, such as `prediction`
   * @param target what it is to be near to, or class indices
   * @returns the loss: [], or that of each element with reduction 'none'
   * @throws {ShapeError} where the shapes do not fit
   * @throws {ArgumentError} for what is no tensor, or a target that can't be
   */
  forward(input: Tensor, target: Target): Tensor
  /** How many answers are right, where there are right ones: undefined for others. @internal */
  answers(prediction: Tensor, target: Tensor): Answers | undefined
  /** As of a Module. @internal */
  readonly libraryForward: unknown
  /** The `answers` that the library has written. @internal */
  readonly libraryAnswers: unknown
}

/** What makes a loss. */
interface LossClass<Options, Target> {
  /**
   * @param options as of the function; each may be left out
   * @throws {ArgumentError} for an option that is unknown or out of range
   */
  new (options?: Options): LossLayer<Options, Target>
}

/** What a loss is made from. */
interface Definition<Options, Target> {
  check(name: string, options: Options): unknown
  compute(name: string, input: Tensor, target: Target, options: Options): Tensor
  answers?(prediction: Tensor, target: Tensor, options: Options): Answers | undefined
}

/* @__NO_SIDE_EFFECTS__ */
function loss<Options extends object, Target = Tensor>(
  name: string,
  { check, compute, answers }: Definition<Options, Target>,
): LossClass<Options, Target> {
  return class Loss {
    readonly options: Options

    constructor(options: Options = {} as Options) {
      check(name, options)
      this.options = options
    }

    forward(input: Tensor, target: Target): Tensor {
      return compute(name, input, target, this.options)
    }

    answers(prediction: Tensor, target: Tensor): Answers | undefined {
      return answers?.(prediction, target, this.options)
    }

    get libraryForward(): unknown {
      return Loss.prototype.forward
    }

    get libraryAnswers(): unknown {
      return Loss.prototype.answers
    }
  }
}

const plain = { check: (name: string, options: LossOptions) => checkReduction(name, options) }

const MSE = loss('MSELoss', { ...plain, compute: regression.mseLossFor })
/** The squared difference. Options: reduction. https://pytorch.org/docs/stable/generated/torch.nn.MSELoss.html */
export class MSELoss extends MSE {}

const L1 = loss('L1Loss', { ...plain, compute: regression.l1LossFor })
/** The absolute difference. Options: reduction. https://pytorch.org/docs/stable/generated/torch.nn.L1Loss.html */
export class L1Loss extends L1 {}

const SmoothL1 = loss('SmoothL1Loss', {
  check: regression.checkSmoothL1Loss,
  compute: regression.smoothL1LossFor,
})
/**
 * Squared below `beta`, and as steep as the absolute difference above. Options: beta, reduction.
 * https://pytorch.org/docs/stable/generated/torch.nn.SmoothL1Loss.html
 */
export class SmoothL1Loss extends SmoothL1 {}

const Huber = loss('HuberLoss', { check: regression.checkHuberLoss, compute: regression.huberLossFor })
/**
 * Squared up to `delta`, and a line of slope `delta` above. Options: delta, reduction.
 * https://pytorch.org/docs/stable/generated/torch.nn.HuberLoss.html
 */
export class HuberLoss extends Huber {}

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

const KLDiv = loss('KLDivLoss', { check: checkKLDiv, compute: klDivFor })
/**
 * The Kullback-Leibler divergence of log-probabilities from a target. Options: logTarget, reduction ('batchmean' too).
 * https://pytorch.org/docs/stable/generated/torch.nn.KLDivLoss.html
 */
export class KLDivLoss extends KLDiv {}

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
