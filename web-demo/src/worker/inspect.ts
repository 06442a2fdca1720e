/** Looks into a net from outside: its layers are run one at a time, and nothing of the net is changed. */
import { nn, noGrad, type Tensor } from 'simdgrad'
import { BINS, type LayerStatistics, RANGE } from '../protocol.js'
import { isBatchNorm } from './nets.js'

/** Densities of the inputs of every ReLU, in evaluation mode: BINS bytes for each. */
export function histograms(net: nn.Sequential, x: Tensor): Uint8Array {
  const columns: Uint8Array[] = []
  noGrad(() => {
    net.eval()
    let h = x
    for (const module of net.modules) {
      if (module instanceof nn.ReLU) columns.push(histogram(h.toFloat32Array()))
      h = module.forward(h)
    }
    net.train()
  })
  const all = new Uint8Array(columns.length * BINS)
  for (const [i, column] of columns.entries()) all.set(column, i * BINS)
  return all
}

/** Counts in bins of −RANGE … RANGE, as bytes; the square root makes thin tails visible. */
function histogram(values: Float32Array): Uint8Array {
  const counts = new Uint32Array(BINS)
  let finite = 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (Number.isNaN(value)) continue
    const bin = Math.floor(((value + RANGE) / (2 * RANGE)) * BINS)
    counts[Math.max(0, Math.min(BINS - 1, bin))]++
    finite++
  }
  // A quarter of all values in one bin is as dark as it gets.
  return Uint8Array.from(counts, (count) =>
    Math.round(255 * Math.min(1, Math.sqrt((4 * count) / Math.max(1, finite)))),
  )
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

/** The statistics of a batch norm layer (counted from 0) on a batch, beside the running ones. */
export function statisticsOf(net: nn.Sequential, x: Tensor, layer: number): LayerStatistics | undefined {
  const norms = net.modules.filter(isBatchNorm)
  const norm = norms[layer]
  if (!norm?.runningMean || !norm.runningVar || !norm.weight || !norm.bias) return undefined
  const { runningMean, runningVar, weight, bias } = norm
  return noGrad(() => {
    let h = x
    for (const module of net.modules) {
      if (module === norm) break
      h = forwardTraining(module, h)
    }
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
