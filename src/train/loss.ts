import type { Answers } from '../nn/losses/loss.js'
import type { Tensor } from '../tensor/tensor.js'

/**
 * Something that gives one number for predictions and targets, such as `nn.CrossEntropyLoss` or `nn.MSELoss`; any object
 * with such a `forward` will do. Of a net with several outputs, or data with several targets, it is given them as they
 * are: an array or an object.
 */
export interface Loss<Prediction = Tensor, Target = Tensor> {
  /**
   * The loss of a batch, with one element, from `prediction` (what the net gave) and `target` (the second of the
   * batch, of any shape). What else the batch has is handed on as further arguments.
   */
  forward(prediction: Prediction, target: Target): Tensor
  /**
   * How many answers are right, and of how many; undefined where none is right or wrong. The library's losses have it.
   * Without it, a prediction [N, classes] of several classes with a class index [N] each counts as right where the
   * largest is at the index, and all else has no accuracy: of a single output, nobody can tell the threshold.
   *
   * @param prediction what the net gave
   * @param target the second of the batch
   */
  answers?(prediction: Prediction, target: Target): Answers | undefined
  /** @internal */
  readonly libraryForward?: unknown
  /** @internal */
  readonly libraryAnswers?: unknown
}
