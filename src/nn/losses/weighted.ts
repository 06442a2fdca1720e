/** A loss whose samples have weights. */
import { kindOf } from '../../check.js'
import { ArgumentError, ShapeError } from '../../errors.js'
import { sameShape } from '../../tensor/shape.js'
import { Tensor } from '../../tensor/tensor.js'
import { callForward, isLibrary } from '../layer.js'
import type { Answers } from './loss.js'

/** A loss of each sample. */
interface SampleLoss {
  forward(prediction: Tensor, target: Tensor): Tensor
  answers?(prediction: Tensor, target: Tensor): Answers | undefined
}

/**
 * The weighted mean of a loss over the samples, Σ w l / Σ w, as PyTorch's losses have it for the weights of classes.
 * (PyTorch has no such class; there it is written `(w * loss).sum() / w.sum()`.) In `fit` the weights are the third tensor
 * of a batch, [x, y, w].
 */
export class WeightedLoss {
  readonly #loss: SampleLoss

  /**
   * @param loss with `reduction: 'none'`, such as `new nn.CrossEntropyLoss({ reduction: 'none' })`
   * @throws {ArgumentError} for what has no forward, or another reduction
   */
  constructor(loss: SampleLoss) {
    if (typeof loss?.forward !== 'function') {
      throw new ArgumentError(`WeightedLoss: expected a loss with reduction 'none', got ${kindOf(loss)}`)
    }
    const { options } = loss as { options?: { reduction?: unknown } }
    if (options !== undefined && options.reduction !== 'none') {
      throw new ArgumentError(
        `WeightedLoss: the loss has the reduction ${kindOf(options.reduction ?? 'mean')}; make it with reduction: 'none', so that it gives a loss of each sample`,
      )
    }
    this.#loss = loss
  }

  /**
   * The weighted mean.
   *
   * @param prediction what the net gave
   * @param target what it is to be near to, or class indices
   * @param weights a number of at least 0 of each loss, in its shape: [N] for class indices [N]
   * @returns []
   * @throws {ArgumentError} where there are no weights
   * @throws {ShapeError} where they are others than the losses
   */
  forward(prediction: Tensor, target: Tensor, weights?: Tensor): Tensor {
    if (!(weights instanceof Tensor)) {
      throw new ArgumentError(
        `WeightedLoss: the weights are a tensor, the third of a batch [x, y, w], got ${kindOf(weights)}`,
      )
    }
    const losses = callForward(this.#loss, prediction, target)
    if (!sameShape(losses.shape, weights.shape)) {
      throw new ShapeError(
        `WeightedLoss: the losses have shape [${losses.shape}] and the weights [${weights.shape}]; expected a weight for each`,
      )
    }
    return losses.mul(weights).sum().div(weights.sum())
  }

  /** As the loss has it; weights do not count. @internal */
  answers(prediction: Tensor, target: Tensor): Answers | undefined {
    return this.#loss.answers?.(prediction, target)
  }

  /** @internal */
  get libraryForward(): unknown {
    return isLibrary(this.#loss) ? WeightedLoss.prototype.forward : undefined
  }

  /** @internal */
  get libraryAnswers(): unknown {
    return (this.#loss as { libraryAnswers?: unknown }).libraryAnswers === this.#loss.answers
      ? WeightedLoss.prototype.answers
      : undefined
  }
}
