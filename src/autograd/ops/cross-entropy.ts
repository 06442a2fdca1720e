import {
  countCorrect,
  crossEntropyBackward,
  crossEntropyForward,
  sumForward,
} from '../../bindings/kernels.js'
import { ArgumentError, ShapeError } from '../../errors.js'
import { checkOptions } from '../options.js'
import { type Operation, run } from '../tape.js'
import { empty, fromValues, Tensor } from '../tensor.js'

/** Class indices: a tensor of whole numbers, or a list. */
export type Labels = Tensor | ArrayLike<number>

/** What `crossEntropy` takes besides tensors. */
export interface CrossEntropyOptions {
  /** The mean (default) or the sum over the batch, or each sample's loss. */
  reduction?: 'mean' | 'sum' | 'none'
}

interface Attributes {
  labels: Tensor
  reduction: 'mean' | 'sum' | 'none'
  logProbabilities: Tensor
}

const operation: Operation<Attributes> = {
  name: 'crossEntropy',
  shape: ([logits], { reduction }) => (reduction === 'none' ? [logits.shape[0]] : []),
  forward(call) {
    const { labels, reduction, logProbabilities } = call.attributes
    call.keep(labels)
    call.keep(logProbabilities)
    const logits = call.input(0)
    const [n, classes] = logits.shape
    const losses = reduction === 'none' ? call.output : empty([n])
    const bad = crossEntropyForward(
      n,
      classes,
      logits.storage,
      labels.storage,
      logProbabilities.storage,
      losses.storage,
    )
    if (bad >= 0) {
      const found = labels.toFloat32Array()[bad]
      call.free()
      throw new ArgumentError(
        `crossEntropy: label ${bad} is ${found}, expected a whole number from 0 to ${classes - 1} (logits [${logits.shape}])`,
      )
    }
    if (losses === call.output) return
    sumForward([1, n, 1], losses.storage, reduction === 'mean' ? 1 / n : 1, call.output.storage)
    losses.dispose()
  },
  backward(call, dy) {
    const { labels, reduction, logProbabilities } = call.attributes
    const [n, classes] = logProbabilities.shape
    const dlogits = empty([n, classes])
    let scale = call.in('rows', dy)
    if (reduction === 'mean') {
      scale = call.keep(empty([]))
      sumForward([1, 1, 1], dy.storage, 1 / n, scale.storage)
    }
    crossEntropyBackward(
      n,
      classes,
      logProbabilities.storage,
      labels.storage,
      scale.storage,
      scale.size,
      dlogits.storage,
    )
    return [dlogits]
  },
}

/** Labels as a tensor that the caller owns. */
function labelTensor(operationName: string, labels: Labels, n: number): Tensor {
  const given = labels instanceof Tensor ? labels.shape : [labels.length]
  if (given.length !== 1 || given[0] !== n) {
    throw new ShapeError(
      `${operationName}: expected one class index for each of the ${n} rows of logits, got shape [${given}]`,
    )
  }
  return labels instanceof Tensor ? labels.detach() : fromValues(labels, [n])
}

function checkLogits(operationName: string, logits: Tensor): void {
  if (logits.shape.length !== 2) {
    throw new ShapeError(`${operationName}: expected logits of shape [batch, classes], got [${logits.shape}]`)
  }
}

/**
 * Softmax and negative log-likelihood in one.
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.cross_entropy.html
 *
 * @param logits [N, classes]
 * @param labels N class indices
 * @returns [] (or [N] with reduction 'none')
 * @throws {ShapeError} when the sizes do not fit
 * @throws {ArgumentError} for a label that is no class, before anything is computed
 */
export function crossEntropy(logits: Tensor, labels: Labels, options: CrossEntropyOptions = {}): Tensor {
  checkOptions('crossEntropy', options, ['reduction'])
  const { reduction = 'mean' } = options
  if (!['mean', 'sum', 'none'].includes(reduction)) {
    throw new ArgumentError(`crossEntropy: reduction is 'mean', 'sum' or 'none', not '${reduction}'`)
  }
  checkLogits('crossEntropy', logits)
  const own = labelTensor('crossEntropy', labels, logits.shape[0])
  // The labels as an input, so that backward notices when they were changed since.
  return run(operation, [logits, own], { labels: own, reduction, logProbabilities: empty(logits.shape) })
}

/**
 * How many rows of logits are largest (the first of equals) at their label: accuracy is this over N.
 *
 * @param logits [N, classes]
 * @param labels N class indices
 * @throws {ShapeError} when the sizes do not fit
 * @throws {ArgumentError} for a label that is no class
 */
export function correct(logits: Tensor, labels: Labels): number {
  checkLogits('correct', logits)
  const own = labelTensor('correct', labels, logits.shape[0])
  const count = countCorrect(logits.shape[0], logits.shape[1], logits.storage, own.storage)
  own.dispose()
  return count
}
