/** Twins of the normalisations. */
import { lines, need, type Shape, sizeOf, type Value, value } from './value.js'

interface Affine {
  weight?: Value | null
  bias?: Value | null
  eps?: number
}

export interface BatchNormOptions extends Affine {
  runningMean?: Value | null
  runningVar?: Value | null
  training?: boolean
  momentum?: number
}

/** The mean and the mean square of the deviations from it. */
function moments(line: Float64Array): [mean: number, variance: number] {
  const mean = line.reduce((sum, v) => sum + v, 0) / line.length
  return [mean, line.reduce((sum, v) => sum + (v - mean) ** 2, 0) / line.length]
}

/**
 * `(x − mean) / √(var + eps) · weight + bias` for each channel, which is dimension 1. In training with the
 * batch's biased variance, and the running statistics are changed in place, with the unbiased one.
 */
export function batchNorm(x: Value, options: BatchNormOptions = {}): Value {
  const { runningMean, runningVar, weight, bias, training = false, momentum = 0.1, eps = 1e-5 } = options
  const c = x.shape[1]
  need(x.shape.length >= 2 && x.shape.length <= 5, 'from two to five dimensions')
  for (const own of [runningMean, runningVar, weight, bias]) {
    need(!own || (own.shape.length === 1 && own.shape[0] === c), `${c} channels`)
  }
  need(training || Boolean(runningMean && runningVar), 'running statistics in evaluation')
  need(!training || x.shape[0] * sizeOf(x.shape.slice(2)) > 1, 'more than one value per channel in training')
  const y = value(x.shape)
  let channel = 0
  const others = x.shape.map((_, d) => d).filter((d) => d !== 1)
  lines(x, others, (line, from) => {
    const own = channel++
    const count = line.length
    const batch = training ? moments(line) : [0, 1]
    const mean = training ? batch[0] : (runningMean?.data[own] ?? 0)
    const variance = training ? batch[1] : (runningVar?.data[own] ?? 1)
    const scale = (weight?.data[own] ?? 1) / Math.sqrt(variance + eps)
    from.forEach((at, i) => {
      y.data[at] = (line[i] - mean) * scale + (bias?.data[own] ?? 0)
    })
    if (!training || !runningMean || !runningVar) return
    const move = (running: Value, to: number) => {
      running.data[own] = (1 - momentum) * running.data[own] + momentum * to
    }
    move(runningMean, mean)
    move(runningVar, (variance * count) / (count - 1))
  })
  return y
}

/** As batch normalisation, but each sample for itself, over its last dimensions; weight and bias have their shape. */
export function layerNorm(x: Value, normalizedShape: Shape | number, options: Affine = {}): Value {
  const { weight, bias, eps = 1e-5 } = options
  const inner = [normalizedShape].flat()
  const first = x.shape.length - inner.length
  need(first >= 0 && inner.every((s, d) => s === x.shape[first + d]), `[${x.shape}] ends in [${inner}]`)
  for (const own of [weight, bias]) {
    need(
      !own || (own.shape.length === inner.length && sizeOf(own.shape) === sizeOf(inner)),
      'as many weights',
    )
  }
  const y = value(x.shape)
  lines(
    x,
    inner.map((_, d) => first + d),
    (line, from) => {
      const [mean, variance] = moments(line)
      from.forEach((at, i) => {
        const normal = (line[i] - mean) / Math.sqrt(variance + eps)
        y.data[at] = normal * (weight?.data[i] ?? 1) + (bias?.data[i] ?? 0)
      })
    },
  )
  return y
}
