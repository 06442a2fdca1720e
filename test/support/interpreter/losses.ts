/** Twins of the losses, and of dropout. */
import { logSoftmax, mean, sum } from './reduce.js'
import { need, type Value, value } from './value.js'

export interface CrossEntropyOptions {
  reduction?: 'mean' | 'sum' | 'none'
}

/** The negative log-probability of each row's label. */
export function crossEntropy(
  logits: Value,
  labels: Value | readonly number[],
  { reduction = 'mean' }: CrossEntropyOptions = {},
): Value {
  need(logits.shape.length === 2, 'logits of two dimensions')
  const [n, classes] = logits.shape
  const indices = 'data' in labels ? Array.from(labels.data) : labels
  need(
    indices.length === n && indices.every((label) => label >= 0 && label < classes),
    'a class for each row',
  )
  const log = logSoftmax(logits, 1)
  const losses = value(
    [n],
    Float64Array.from(indices, (label, i) => -log.data[i * classes + label]),
  )
  if (reduction === 'none') return losses
  return reduction === 'sum' ? sum(losses) : mean(losses)
}

/**
 * `x` times a mask of 0 and 1 / (1 − p). The mask is random: it is read off the library's own result, see
 * `maskOf`; before that is known, all is kept.
 */
export function dropout(x: Value, p = 0.5, training = true, mask?: Value): Value {
  if (!training || p === 0) return x
  const kept = p === 1 ? 0 : 1 / (1 - p)
  return value(
    x.shape,
    x.data.map((v, i) => v * (mask ? mask.data[i] : kept)),
  )
}

/**
 * The mask of a dropout, from what went in and what came out. An element must be 0 or the input's times
 * 1 / (1 − p), up to rounding; where the input is 0 nothing can be told, and it counts as kept.
 *
 * @throws {Error} where an element is neither
 */
export function maskOf(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  p: number,
  training: boolean,
): Float64Array {
  const kept = !training || p === 0 ? 1 : p === 1 ? 0 : 1 / (1 - p)
  return Float64Array.from({ length: x.length }, (_, i) => {
    const is = (scale: number) => Math.abs(y[i] - x[i] * scale) <= 1e-5 * Math.abs(x[i] * scale)
    if (is(kept)) return kept
    if (p > 0 && training && y[i] === 0) return 0
    throw new Error(`dropout of ${x[i]} gave ${y[i]}, expected 0 or ${x[i] * kept}`)
  })
}
