/** How many answers of a batch are right, where there are right ones. */
import { classAnswers } from '../autograd/ops/cross-entropy.js'
import { kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import type { Answers } from '../nn/losses/loss.js'
import { outside } from '../tensor/scope.js'
import { Tensor } from '../tensor/tensor.js'

/** As much of a loss as is looked at. */
interface Judge {
  answers?(prediction: never, target: never): Answers | undefined
  readonly libraryAnswers?: unknown
}

/** No label. */
const NONE_IGNORED = Number.NaN

/** Right answers as the loss counts them; without its word, those of classes. @throws {ArgumentError} for what are none */
export function answersOf(loss: Judge, prediction: unknown, target: unknown): Answers | undefined {
  if (target === undefined) return undefined
  if (!loss.answers) {
    const single = prediction instanceof Tensor && target instanceof Tensor
    return single ? classAnswers(prediction, target, NONE_IGNORED) : undefined
  }
  const [given, expected] = [prediction as never, target as never]
  if (loss.libraryAnswers === loss.answers) return loss.answers(given, expected)
  // A user's own may keep what it is given.
  const answers = outside([prediction, target], () => loss.answers?.(given, expected))
  if (answers === undefined) return undefined
  const { right, of } = (answers ?? {}) as Partial<Answers>
  if (typeof right === 'number' && typeof of === 'number' && right >= 0 && right <= of) return answers
  throw new ArgumentError(
    `fit: the loss's answers gives { right, of }, right ≤ of, or undefined; got ${kindOf(answers)} of ${kindOf(right)} and ${kindOf(of)}`,
  )
}

/** Both together; undefined where either is, for a share of a part would be another figure. */
export function sumOf(a: Answers | undefined, b: Answers | undefined): Answers | undefined {
  return a && b && { right: a.right + b.right, of: a.of + b.of }
}

/** The share of right ones; of none there is none. */
export function accuracyOf(answers: Answers | undefined): number | undefined {
  return answers && answers.of > 0 ? answers.right / answers.of : undefined
}
