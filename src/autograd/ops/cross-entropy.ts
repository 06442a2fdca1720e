/** Cross entropy with class indices. */
import {
  countCorrect,
  crossEntropyBackward,
  crossEntropyForward,
  sumForward,
} from '../../bindings/kernels.generated.js'
import { checkOptions, kindOf } from '../../check.js'
import { ArgumentError, ShapeError } from '../../errors.js'
import { fromValues } from '../../tensor/create.js'
import { Tensor, toLayout } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { defineOperation } from '../operation.js'
import { run } from '../tape.js'

/** Class indices: a tensor of whole numbers, or a list. */
export type Labels = Tensor | ArrayLike<number>

/** What `crossEntropy` takes besides tensors. */
export interface CrossEntropyOptions {
  /** The mean (default) or the sum over the batch, or each sample's loss. */
  reduction?: 'mean' | 'sum' | 'none'
}

type Reduction = NonNullable<CrossEntropyOptions['reduction']>

const operation = defineOperation<Reduction>({
  name: 'crossEntropy',
  inputs: { logits: 'rows', labels: 'rows' },
  output: 'rows',
  makes: ['logProbabilities'],
  made: ([logits]) => [{ shape: logits.shape }],
  gradients: { logits: ['logProbabilities', 'labels'] },
  shape: ([logits], reduction) => (reduction === 'none' ? [logits.shape[0]] : []),
  forward(call) {
    const [logits, labels] = call.inputs
    const [n, classes] = logits.shape
    const losses = call.attributes === 'none' ? call.output : call.temporary([n])
    const bad = crossEntropyForward({
      n,
      classes,
      logits: logits.storage,
      labels: labels.storage,
      logProbabilities: call.made[0].storage,
      losses: losses.storage,
    })
    if (bad >= 0) {
      throw new ArgumentError(
        `crossEntropy: label ${bad} is ${labels.storage.readFloat(bad)}, expected a whole number from 0 to ${classes - 1} (logits [${logits.shape}])`,
      )
    }
    if (losses === call.output) return
    const scale = call.attributes === 'mean' ? 1 / n : 1
    sumForward({ outer: 1, n, inner: 1, x: losses.storage, scale, y: call.output.storage })
  },
  backward(call) {
    const dlogits = call.gradient(0)
    if (!dlogits) return
    const [, labels] = call.inputs
    const [logProbabilities] = call.made
    const [n, classes] = dlogits.shape
    let scale = call.dy
    if (call.attributes === 'mean') {
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

/** Labels as a tensor that the caller owns. */
function labelTensor(operationName: string, labels: Labels, n: number): Tensor {
  if (!(labels instanceof Tensor) && !isList(labels)) {
    throw new ArgumentError(
      `${operationName}: labels are class indices, in a tensor or an array of whole numbers; got ${listOf(labels)}`,
    )
  }
  const given = labels instanceof Tensor ? labels.shape : [labels.length]
  if (given.length !== 1 || given[0] !== n) {
    throw new ShapeError(
      `${operationName}: expected one class index for each of the ${n} rows of logits, got shape [${given}]`,
    )
  }
  return labels instanceof Tensor ? labels.detach() : fromValues(labels, [n])
}

/** Whether it is an array of numbers, typed or not. */
function isList(labels: unknown): labels is ArrayLike<number> {
  if (ArrayBuffer.isView(labels)) {
    return 'length' in labels && !(labels instanceof BigInt64Array) && !(labels instanceof BigUint64Array)
  }
  return Array.isArray(labels) && labels.every((label) => typeof label === 'number')
}

/** What labels that will not do are, and what to do about them. */
function listOf(labels: unknown): string {
  const cure = '; turn 64-bit integers into numbers with Array.from(labels, Number)'
  if (!Array.isArray(labels)) return `${kindOf(labels)}${labels instanceof BigInt64Array ? cure : ''}`
  const wrong: unknown = labels.find((label) => typeof label !== 'number')
  return `${kindOf(wrong)} in it${typeof wrong === 'bigint' ? cure : ''}`
}

/** Whether a label is one of so many classes. */
export function isClass(label: number, classes: number): boolean {
  return Number.isInteger(label) && label >= 0 && label < classes
}

function checkLogits(operationName: string, logits: Tensor): void {
  checkTensor(operationName, 'logits', logits)
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
  return crossEntropyFor('crossEntropy', logits, labels, options)
}

/** Checks the options for who asks. @throws {ArgumentError} */
export function checkReduction(name: string, options: CrossEntropyOptions): Reduction {
  checkOptions(name, options, ['reduction'])
  const { reduction = 'mean' } = options
  if (['mean', 'sum', 'none'].includes(reduction)) return reduction
  throw new ArgumentError(`${name}: reduction is 'mean', 'sum' or 'none', not ${kindOf(reduction)}`)
}

/** As `crossEntropy`; errors name who asks. */
export function crossEntropyFor(
  name: string,
  logits: Tensor,
  labels: Labels,
  options: CrossEntropyOptions,
): Tensor {
  const reduction = checkReduction(name, options)
  checkLogits(name, logits)
  // The labels as an input, so that backward notices when they were changed since.
  const own = labelTensor(name, labels, logits.shape[0])
  try {
    return run(operation, [logits, own], reduction)
  } finally {
    own.release()
  }
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
  const own = [labelTensor('correct', labels, n)]
  const wrong = own[0].toFloat32Array().findIndex((label) => !isClass(label, classes))
  if (wrong >= 0) {
    const label = own[0].toFloat32Array()[wrong]
    own[0].release()
    throw new ArgumentError(
      `correct: label ${wrong} is ${label}, expected a whole number from 0 to ${classes - 1} (logits [${logits.shape}])`,
    )
  }
  const inRows = (x: Tensor) => {
    if (x.layout === 'rows') return x.storage
    const rows = toLayout(x, 'rows')
    own.push(rows)
    return rows.storage
  }
  try {
    return countCorrect({ n, classes, logits: inRows(logits), labels: inRows(own[0]) })
  } finally {
    for (const x of own) x.release()
  }
}
