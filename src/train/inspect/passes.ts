/** A net's loss and accuracy over samples, in whatever mode it is in. */
import { crossEntropy } from '../../autograd/ops/cross-entropy.js'
import { noGrad } from '../../autograd/tape.js'
import { ShapeError } from '../../errors.js'
import { callForward } from '../../nn/layer.js'
import type { Module } from '../../nn/module.js'
import { inLoss } from '../../tensor/shape.js'
import { Tensor } from '../../tensor/tensor.js'
import { accuracyOf, answersOf, sumOf } from '../answers.js'
import type { Loss } from '../loss.js'
import { timeToYield, yieldToEvents } from '../yield.js'
import type { Batch } from './samples.js'

/** How well a net does. */
export interface Figures {
  /** The mean loss over the samples; undefined without a target. */
  loss: number | undefined
  /** The share of right answers; undefined where none is right or wrong. */
  accuracy: number | undefined
}

/** Cross entropy, where targets are classes and the prediction has a column for each. */
const CLASSES: Loss = { forward: (prediction, target) => crossEntropy(prediction, target) }

/** The loss to judge with: the one that was given, or that of classes where the targets are some. */
export function lossFor(loss: Loss | undefined, labels: readonly number[] | undefined, prediction: unknown) {
  if (loss) return loss
  if (!labels || !(prediction instanceof Tensor) || prediction.shape.length !== 2) return undefined
  return prediction.shape[1] > Math.max(...labels) && prediction.shape[1] > 1 ? CLASSES : undefined
}

/**
 * Goes through batches. What training mode can't normalise, a single value, has no figures.
 *
 * @param onOutput is shown each output
 */
export async function figuresOver(
  net: Module,
  batches: readonly Batch[],
  judge: (prediction: unknown) => Loss | undefined,
  onOutput: (output: Tensor, batch: number) => void = () => {},
): Promise<Figures | undefined> {
  let [total, count] = [0, 0]
  let answers: ReturnType<typeof answersOf> = { right: 0, of: 0 }
  let judged = true
  for (const [i, { x, y }] of batches.entries()) {
    try {
      noGrad(() => {
        const prediction = callForward(net, x)
        if (!(prediction instanceof Tensor)) {
          judged = false
          return
        }
        onOutput(prediction, i)
        const loss = y && judge(prediction)
        if (!loss || !y) {
          judged = false
          return
        }
        const [n] = x.shape
        total += n * inLoss(() => callForward(loss, prediction, y)).item()
        count += n
        answers = sumOf(answers, answersOf(loss, prediction, y))
      })
    } catch (error) {
      if (error instanceof ShapeError && /more than one value per channel/.test(error.message))
        return undefined
      throw error
    }
    if (timeToYield()) await yieldToEvents()
  }
  return judged && count > 0
    ? { loss: total / count, accuracy: accuracyOf(answers) }
    : { loss: undefined, accuracy: undefined }
}
