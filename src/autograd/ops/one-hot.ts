/** Class indices as rows of zeros with a one. */
import { ArgumentError } from '../../errors.js'
import { fromValues } from '../../tensor/create.js'
import { adopt } from '../../tensor/scope.js'
import { Tensor } from '../../tensor/tensor.js'
import { type IndexList, indexTensor } from './indexing.js'

/**
 * For each index a row that is 1 at its place and 0 elsewhere. It has no gradient.
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.one_hot.html
 *
 * @param labels whole numbers of at least 0: a tensor of any shape, or an array
 * @param numClasses the length of the rows; −1 (default) makes it one more than the largest index
 * @returns [...labels' shape, numClasses]
 * @throws {ArgumentError} for what is no class, which the message names, or no number of classes
 */
export function oneHot(labels: IndexList, numClasses = -1): Tensor {
  if (!Number.isInteger(numClasses) || numClasses < -1 || numClasses === 0) {
    throw new ArgumentError(
      `oneHot: numClasses is a whole number of at least 1, or -1 to find it, got ${numClasses}`,
    )
  }
  const own = indexTensor('oneHot', labels)
  const shape = labels instanceof Tensor ? labels.shape : own.shape
  const values = own.toFloat32Array()
  own.release()
  if (numClasses === -1 && values.length === 0) {
    throw new ArgumentError('oneHot: without any labels, give numClasses')
  }
  const classes =
    numClasses === -1 ? values.reduce((most, label) => Math.max(most, label + 1), 1) : numClasses
  const bad = values.findIndex((label) => !(Number.isInteger(label) && label >= 0 && label < classes))
  if (bad >= 0) {
    throw new ArgumentError(
      `oneHot: label ${bad} is ${values[bad]}, expected a whole number from 0${numClasses === -1 ? '' : ` to ${classes - 1}`} (labels [${shape}])`,
    )
  }
  const rows = new Float32Array(values.length * classes)
  values.forEach((label, i) => {
    rows[i * classes + label] = 1
  })
  const y = fromValues(rows, [...shape, classes])
  adopt(y)
  return y
}
