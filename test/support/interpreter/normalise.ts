/** Twins of the normalisations. */
import { reshape } from './rearrange.js'
import { lines, map, need, type Shape, sizeOf, type Value, value, zip } from './value.js'

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

/** `x · weight + bias` by channel. */
function byChannel(x: Value, { weight, bias }: Affine): Value {
  const c = x.shape[1]
  const shape = [c, ...x.shape.slice(2).map(() => 1)]
  for (const own of [weight, bias])
    need(!own || (own.shape.length === 1 && own.shape[0] === c), `${c} channels`)
  const scaled = weight ? zip(x, reshape(weight, shape), (a, b) => a * b) : x
  return bias ? zip(scaled, reshape(bias, shape), (a, b) => a + b) : scaled
}

/** Layer normalisation of each group of a sample's channels. */
export function groupNorm(x: Value, groups: number, options: Affine = {}): Value {
  need(x.shape.length >= 2 && x.shape[1] % groups === 0, `channels in ${groups} groups`)
  need(x.data.length !== groups, 'more than one value in a group')
  const width = sizeOf(x.shape.slice(1)) / groups
  const { eps } = options
  const normal = layerNorm(reshape(x, [x.shape[0] * groups, width]), width, eps === undefined ? {} : { eps })
  return byChannel(reshape(normal, x.shape), options)
}

export interface InstanceNormOptions extends Omit<BatchNormOptions, 'training'> {
  useInputStats?: boolean
}

/** Batch normalisation of each sample for itself; running statistics move by the mean over the samples. */
export function instanceNorm(x: Value, options: InstanceNormOptions = {}): Value {
  const { runningMean, runningVar, useInputStats = true, momentum = 0.1, eps = 1e-5, weight, bias } = options
  need(x.shape.length >= 3 && x.shape.length <= 5, 'from three to five dimensions')
  if (!useInputStats) return batchNorm(x, { runningMean, runningVar, weight, bias, eps })
  const [n, c] = x.shape
  const count = sizeOf(x.shape.slice(2))
  need(count !== 1, 'more than one value per channel')
  const normal = layerNorm(reshape(x, [n * c, count]), count, { eps })
  const y = byChannel(reshape(normal, x.shape), options)
  if (x.data.length === 0) return y
  const own = Array.from({ length: n * c }, (_, i) => moments(x.data.slice(i * count, (i + 1) * count)))
  for (const [k, running, correction] of [
    [0, runningMean, 1],
    [1, runningVar, count / (count - 1)],
  ] as const) {
    running?.data.forEach((old, channel) => {
      const samples = own.filter((_, i) => i % c === channel)
      const mean = samples.reduce((sum, each) => sum + each[k], 0) / n
      running.data[channel] = (1 - momentum) * old + momentum * mean * correction
    })
  }
  return y
}

/** `x / √(mean(x²) + eps) · weight` over the last dimensions. */
export function rmsNorm(
  x: Value,
  normalizedShape: Shape | number,
  options: { weight?: Value | null; eps?: number | null } = {},
): Value {
  const inner = [normalizedShape].flat()
  const first = x.shape.length - inner.length
  need(first >= 0 && inner.every((s, d) => s === x.shape[first + d]), `[${x.shape}] ends in [${inner}]`)
  const { weight } = options
  need(!weight || sizeOf(weight.shape) === sizeOf(inner), 'as many weights')
  const eps = options.eps ?? 2 ** -23
  const y = map(x, () => 0)
  lines(
    x,
    inner.map((_, d) => first + d),
    (line, from) => {
      const square = line.reduce((sum, v) => sum + v * v, 0) / line.length
      from.forEach((at, i) => {
        y.data[at] = (line[i] / Math.sqrt(square + eps)) * (weight?.data[i] ?? 1)
      })
    },
  )
  return y
}
