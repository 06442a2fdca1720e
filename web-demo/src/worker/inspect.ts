/** Looks into a net from outside: its layers are run one at a time, and nothing of the net is changed. */
import { nn, noGrad, type Tensor } from 'simdgrad'
import { BINS, type ChannelNumbers, type LayerStatistics, type Look, RANGE } from '../protocol.js'
import { isBatchNorm, isNorm } from './nets.js'

/** Values of a channel that are sent to the page, at most. */
const MOST_NUMBERS = 64

/** What goes through the net's layers, in the mode in which they train or in evaluation mode. */
export function look(net: nn.Sequential, x: Tensor, training: boolean): Look {
  const before: Float32Array[] = []
  const after: Float32Array[] = []
  const units: number[] = []
  noGrad(() => {
    net.train(training)
    let h = x
    let last: Float32Array | undefined
    for (const module of net.modules) {
      if (isNorm(module)) last = h.toFloat32Array()
      if (module instanceof nn.ReLU) {
        const values = h.toFloat32Array()
        after.push(values)
        before.push(last ?? values)
        units.push(values.length / h.shape[0])
        last = undefined
      }
      h = training ? forwardTraining(module, h) : module.forward(h)
    }
    net.train()
  })
  return {
    before: columns(before),
    after: columns(after),
    deviation: Float32Array.from(after, deviation),
    signal: Float32Array.from(after, (values, i) => signal(values, units[i])),
  }
}

function columns(layers: readonly Float32Array[]): Uint8Array {
  const all = new Uint8Array(layers.length * BINS)
  for (const [i, values] of layers.entries()) all.set(histogram(values), i * BINS)
  return all
}

/** Counts in bins of −RANGE … RANGE, as bytes; the square root makes thin tails visible. */
export function histogram(values: Float32Array): Uint8Array {
  const counts = new Uint32Array(BINS)
  let finite = 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (Number.isNaN(value)) continue
    const bin = Math.floor(((value + RANGE) / (2 * RANGE)) * BINS)
    counts[bin < 0 ? 0 : bin < BINS ? bin : BINS - 1]++
    finite++
  }
  // A quarter of all values in one bin is as dark as it gets.
  return Uint8Array.from(counts, (count) =>
    Math.round(255 * Math.min(1, Math.sqrt((4 * count) / Math.max(1, finite)))),
  )
}

function deviation(values: Float32Array): number {
  let mean = 0
  for (let i = 0; i < values.length; i++) mean += values[i]
  mean /= values.length
  let squares = 0
  for (let i = 0; i < values.length; i++) squares += (values[i] - mean) ** 2
  return Math.sqrt(squares / values.length)
}

/** The deviation over the digits of each of `units` values, averaged over them. */
function signal(values: Float32Array, units: number): number {
  const digits = values.length / units
  let sum = 0
  for (let unit = 0; unit < units; unit++) {
    let mean = 0
    for (let i = unit; i < values.length; i += units) mean += values[i]
    mean /= digits
    let squares = 0
    for (let i = unit; i < values.length; i += units) squares += (values[i] - mean) ** 2
    sum += Math.sqrt(squares / digits)
  }
  return sum / units
}

/** Runs one layer as training mode does, without moving its running statistics. */
function forwardTraining(module: nn.Module, h: Tensor): Tensor {
  if (!isBatchNorm(module)) return module.forward(h)
  const { weight, bias, eps } = module
  return nn.functional.batchNorm(h, { weight, bias, eps, training: true })
}

/** Logits as training mode computes them, without moving running statistics. */
export function logitsInTraining(net: nn.Sequential, x: Tensor): Tensor {
  return net.modules.reduce((h, module) => forwardTraining(module, h), x)
}

/** What a batch norm layer (counted from 0) gets of a batch in training mode. */
function inputOf(net: nn.Sequential, norm: nn.Module, x: Tensor): Tensor {
  let h = x
  for (const module of net.modules) {
    if (module === norm) break
    h = forwardTraining(module, h)
  }
  return h
}

/** The statistics of a batch norm layer on a batch, beside the running ones. */
export function statisticsOf(net: nn.Sequential, x: Tensor, layer: number): LayerStatistics | undefined {
  const norm = net.modules.filter(isBatchNorm)[layer]
  if (!norm?.runningMean || !norm.runningVar || !norm.weight || !norm.bias) return undefined
  const { runningMean, runningVar, weight, bias } = norm
  return noGrad(() => {
    const h = inputOf(net, norm, x)
    const dim = h.shape.length === 4 ? [0, 2, 3] : [0]
    return {
      layer,
      batchMean: h.mean({ dim }).toFloat32Array(),
      batchVar: h.var({ dim }).toFloat32Array(),
      runningMean: runningMean.toFloat32Array(),
      runningVar: runningVar.toFloat32Array(),
      gamma: weight.toFloat32Array(),
      beta: bias.toFloat32Array(),
    }
  })
}

/** One channel of a batch norm layer on a batch: its values, and what the formula has besides. */
export function numbersOf(
  net: nn.Sequential,
  x: Tensor,
  layer: number,
  channel: number,
): ChannelNumbers | undefined {
  const norm = net.modules.filter(isBatchNorm)[layer]
  if (!norm?.weight || !norm.bias) return undefined
  const { weight, bias, eps } = norm
  const h = noGrad(() => inputOf(net, norm, x))
  const [digits, channels, ...size] = h.shape
  const place = Math.min(channel, channels - 1)
  const values = h.toFloat32Array()
  const pixels = size.reduce((a, b) => a * b, 1)
  // Of an image all pixels count; the page gets the numbers of the middle one, and of no more digits than it draws.
  const given = Math.min(digits, MOST_NUMBERS)
  const chosen = Float32Array.from(
    { length: given },
    (_, i) => values[(i * channels + place) * pixels + Math.floor(pixels / 2)],
  )
  return {
    layer,
    channel: place,
    eps,
    gamma: weight.toFloat32Array()[place],
    beta: bias.toFloat32Array()[place],
    x: chosen,
  }
}
