/** Twins of the losses, and of dropout. */
import { logSoftmax, mean, sum } from './reduce.js'
import { lines, need, type Value, value } from './value.js'

export interface NLLOptions {
  reduction?: 'mean' | 'sum' | 'none'
  weight?: Value
  ignoreIndex?: number
}

export interface CrossEntropyOptions extends NLLOptions {
  labelSmoothing?: number
}

/** The lines of log-probabilities, one for each label, and the shape that labels have. */
function linesOf(logs: Value): { each: Float64Array[]; shape: number[]; classes: number } {
  const { shape } = logs
  need(shape.length > 0, 'classes')
  const dim = Math.min(1, shape.length - 1)
  const each: Float64Array[] = []
  lines(logs, [dim], (line) => each.push(line))
  return { each, shape: shape.filter((_, d) => d !== dim), classes: shape[dim] }
}

/** The losses of each label by `f`, and what a mean is over: the weights of those that are not ignored. */
function ofLabels(
  logs: Value,
  labels: Value | readonly number[],
  { reduction = 'mean', weight, ignoreIndex = -100 }: NLLOptions,
  f: (line: Float64Array, label: number, weights: ArrayLike<number>) => number,
): Value {
  const { each, shape, classes } = linesOf(logs)
  const indices = 'data' in labels ? Array.from(labels.data) : labels
  need(indices.length === each.length && ('data' in labels || shape.length === 1), 'a class for each row')
  const weights = weight?.data ?? new Float64Array(classes).fill(1)
  let over = 0
  const losses = Float64Array.from(each, (line, i) => {
    const label = indices[i]
    if (label === ignoreIndex) return 0
    need(label >= 0 && label < classes, 'a class')
    over += weights[label]
    return f(line, label, weights)
  })
  if (reduction === 'none') return value(shape, losses)
  const total = losses.reduce((a, b) => a + b, 0)
  return value([], Float64Array.of(reduction === 'sum' ? total : total / over))
}

/** The negative log-likelihood of each label, times its weight. */
export const nllLoss = (logs: Value, labels: Value | readonly number[], options: NLLOptions = {}): Value =>
  ofLabels(logs, labels, options, (line, label, weights) => -weights[label] * line[label])

/** The negative log-probability of what each label stands for, which smoothing spreads over all classes. */
export function crossEntropy(
  logits: Value,
  target: Value | readonly number[],
  { labelSmoothing: s = 0, ...options }: CrossEntropyOptions = {},
): Value {
  const logs = logSoftmax(logits, Math.min(1, logits.shape.length - 1))
  if (!('data' in target) || target.shape.length < logits.shape.length) {
    return ofLabels(logs, target, options, (line, label, weights) =>
      line.reduce((loss, log, k) => {
        const smooth = (s / line.length) * weights[k]
        return loss - log * (k === label ? smooth + (1 - s) * weights[k] : smooth)
      }, 0),
    )
  }
  const [{ each, shape, classes }, probabilities] = [linesOf(logs), linesOf(target)]
  const losses = each.map((line, i) =>
    line.reduce((loss, log, k) => {
      const share = (1 - s) * probabilities.each[i][k] + s / classes
      return loss - log * share * (options.weight?.data[k] ?? 1)
    }, 0),
  )
  const result = value(shape, Float64Array.from(losses))
  if (options.reduction === 'none') return result
  return options.reduction === 'sum' ? sum(result) : mean(result)
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
