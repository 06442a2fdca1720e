/** Class indices as rows of zeros with a one. */
import { ArgumentError } from '../../errors.js'
import { adopt } from '../../tensor/scope.js'
import { Tensor } from '../../tensor/tensor.js'
import { noteRecipe } from '../recipe-notes.js'
import { computeInJavaScript } from '../recording.js'
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
  try {
    const shape = labels instanceof Tensor ? labels.shape : own.shape
    const classes = numClasses === -1 ? classesOf(own) : numClasses
    const up = numClasses === -1 ? '' : ` to ${classes - 1}`
    const y = computeInJavaScript([own], [...shape, classes], (values) => {
      const rows = new Float32Array(values.length * classes)
      values.forEach((label, i) => {
        if (!(Number.isInteger(label) && label >= 0 && label < classes)) {
          throw new ArgumentError(
            `oneHot: label ${i} is ${label}, expected a whole number from 0${up} (labels [${shape}])`,
          )
        }
        rows[i * classes + label] = 1
      })
      return rows
    })
    noteRecipe({ name: 'oneHot' }, [own], classes, y)
    adopt(y)
    return y
  } finally {
    own.release()
  }
}

/** One more than the largest label. @throws {ArgumentError} where there is none */
function classesOf(labels: Tensor): number {
  if (labels.size === 0) throw new ArgumentError('oneHot: without any labels, give numClasses')
  return labels.toFloat32Array().reduce((most, label) => Math.max(most, label + 1), 1)
}
