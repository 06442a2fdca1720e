/** Cross entropy: of class indices, by one kernel where that is all, and of class probabilities. */
import {
  countCorrect,
  crossEntropyBackward,
  crossEntropyForward,
  sumForward,
} from '../../bindings/kernels.generated.js'
import { accepts } from '../../bindings/recording.js'
import { ArgumentError, ShapeError } from '../../errors.js'
import { fromValues } from '../../tensor/create.js'
import { scoped } from '../../tensor/scope.js'
import { sameShape } from '../../tensor/shape.js'
import { inRows, Tensor } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { defineOperation } from '../operation.js'
import { run } from '../tape.js'
import { checkLabels, isClass, type Labels, labelTensor, shapeOfLabels } from './class-indices.js'
import {
  type CrossEntropyOptions,
  checkCrossEntropy,
  ofIndices,
  ofProbabilities,
} from './cross-entropy-composed.js'
import type { Reduction } from './loss.js'
import { IGNORED } from './nll-loss.js'

/** Attributes of the kernel's call. */
interface Plain {
  reduction: Reduction
  /** A label that is for the composed one to ignore: no class. */
  ignoreIndex: number
}

/** Whether no label is wrong. */
const isNone = (bad: number) => bad < 0

/** Thrown by the kernel's call where a label is to be ignored: the composed one can do that. */
class Ignores extends Error {}

const operation = defineOperation<Plain>({
  name: 'crossEntropy',
  inputs: { logits: 'rows', labels: 'rows' },
  output: 'rows',
  makes: ['logProbabilities'],
  made: ([logits]) => [{ shape: logits.shape }],
  gradients: { logits: ['logProbabilities', 'labels'] },
  shape: ([logits], { reduction }) => (reduction === 'none' ? [logits.shape[0]] : []),
  forward(call) {
    const [logits, labels] = call.inputs
    const [n, classes] = logits.shape
    const losses = call.attributes.reduction === 'none' ? call.output : call.temporary([n])
    const bad = crossEntropyForward({
      n,
      classes,
      logits: logits.storage,
      labels: labels.storage,
      logProbabilities: call.made[0].storage,
      losses: losses.storage,
    })
    if (!accepts(bad, isNone)) {
      if (labels.storage.readFloat(bad) === call.attributes.ignoreIndex) throw new Ignores()
      throw new ArgumentError(
        `crossEntropy: label ${bad} is ${labels.storage.readFloat(bad)}, expected a whole number from 0 to ${classes - 1} (logits [${logits.shape}])`,
      )
    }
    if (losses === call.output) return
    const scale = call.attributes.reduction === 'mean' ? 1 / n : 1
    sumForward({ outer: 1, n, inner: 1, x: losses.storage, scale, y: call.output.storage })
  },
  backward(call) {
    const dlogits = call.gradient(0)
    if (!dlogits) return
    const [, labels] = call.inputs
    const [logProbabilities] = call.made
    const [n, classes] = dlogits.shape
    let scale = call.dy
    if (call.attributes.reduction === 'mean') {
      scale = call.temporary([])
      sumForward({ outer: 1, n: 1, inner: 1, x: call.dy.storage, scale: 1 / n, y: scale.storage })
    }
    crossEntropyBackward({
      n,
      classes,
      logProbabilities: logProbabilities.storage,
      labels: labels.storage,
      scale: scale.storage,
      dlogits: dlogits.storage,
    })
  },
})

function checkLogits(operationName: string, logits: Tensor): void {
  checkTensor(operationName, 'logits', logits)
  if (logits.shape.length !== 2) {
    throw new ShapeError(`${operationName}: expected logits of shape [batch, classes], got [${logits.shape}]`)
  }
}

/**
 * Softmax and negative log-likelihood in one. A target of the logits' shape is class probabilities, any other class
 * indices.
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.cross_entropy.html
 *
 * @param logits [classes], [N, classes] or [N, classes, d…]
 * @param target class indices [], [N] (also as a list) or [N, d…], or class probabilities of the logits' shape
 * @returns [] (with reduction 'none' the shape of class indices). The mean is over the weights of labels that are not
 *   ignored, NaN where all are; that of class probabilities over the samples
 * @throws {ShapeError} when the sizes do not fit
 * @throws {ArgumentError} for a label that is no class, or an option that is unknown or out of range, before anything
 *   is computed
 */
export function crossEntropy(logits: Tensor, target: Labels, options: CrossEntropyOptions = {}): Tensor {
  return crossEntropyFor('crossEntropy', logits, target, options)
}

/** As `crossEntropy`; errors name who asks. */
export function crossEntropyFor(
  name: string,
  logits: Tensor,
  target: Labels,
  options: CrossEntropyOptions,
): Tensor {
  const reduction = checkCrossEntropy(name, options)
  checkTensor(name, 'logits', logits)
  const { shape } = logits
  if (shape.length === 0) {
    throw new ShapeError(`${name}: expected logits of shape [classes] or [N, classes, …], got []`)
  }
  checkLabels(name, target)
  if (target instanceof Tensor && sameShape(target.shape, shape)) {
    return scoped(() => ofProbabilities(name, logits, target, options, reduction))
  }
  const { weight, ignoreIndex = IGNORED, labelSmoothing = 0 } = options
  const unweighted = !weight && labelSmoothing === 0 && !isClass(ignoreIndex, shape[1])
  if (shape.length === 2 && shapeOfLabels(target).length === 1 && unweighted) {
    // The labels as an input, so that backward notices when they were changed since.
    const own = labelTensor(name, target, shape[0])
    try {
      return run(operation, [logits, own], { reduction, ignoreIndex })
    } catch (error) {
      if (!(error instanceof Ignores)) throw error
    } finally {
      own.release()
    }
  }
  return scoped(() => ofIndices(name, logits, target, options, reduction))
}

/**
 * How many rows of logits are largest (the first of equals) at their label: accuracy is this over N.
 *
 * @param logits [N, classes]
 * @param labels N class indices
 * @throws {ShapeError} when the sizes do not fit
 * @throws {ArgumentError} for labels that are no numbers
 */
export function correct(logits: Tensor, labels: Labels): number {
  checkLogits('correct', logits)
  const [n, classes] = logits.shape
  const own = labelTensor('correct', labels, n)
  try {
    const values = own.toFloat32Array()
    const wrong = values.findIndex((label) => !isClass(label, classes))
    if (wrong >= 0) {
      throw new ArgumentError(
        `correct: label ${wrong} is ${values[wrong]}, expected a whole number from 0 to ${classes - 1} (logits [${logits.shape}])`,
      )
    }
    return countRight(logits, own)
  } finally {
    own.release()
  }
}

/** As `correct`, of labels [N] that are any numbers: what is no class is no row's. */
function countRight(logits: Tensor, labels: Tensor): number {
  const [n, classes] = logits.shape
  const [x, y] = [logits, labels].map(inRows)
  try {
    return countCorrect({ n, classes, logits: x.storage, labels: y.storage })
  } finally {
    if (x !== logits) x.release()
    if (y !== labels) y.release()
  }
}

/**
 * How many rows are right, of how many whose label is not ignored; undefined where these are no logits [N, classes] of
 * several classes with a class index each.
 */
export function classAnswers(
  logits: Tensor,
  labels: Tensor,
  ignoreIndex: number,
): { right: number; of: number } | undefined {
  const { shape } = logits
  if (shape.length !== 2 || shape[1] < 2 || labels.shape.length !== 1) return undefined
  const values = labels.toFloat32Array()
  const counts = values.filter((label) => label !== ignoreIndex)
  if (!counts.every((label) => isClass(label, shape[1]))) return undefined
  if (counts.length === values.length) return { right: countRight(logits, labels), of: counts.length }
  const own = fromValues(
    values.map((label) => (label === ignoreIndex ? -1 : label)),
    labels.shape,
  )
  try {
    return { right: countRight(logits, own), of: counts.length }
  } finally {
    own.release()
  }
}
