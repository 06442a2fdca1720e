/** How a fold changes weights: in float64, rounded once. */
import { fromValues, zeros } from '../tensor/create.js'
import { sizeOf } from '../tensor/shape.js'
import { BatchNorm } from './batch-norm.js'
import { ConvTranspose2d } from './conv-transpose2d.js'
import type { Fold, LinearLike } from './fold-plan.js'
import { Identity } from './identity.js'
import { type AnyModule, Parameter } from './module.js'
import { ModuleDict } from './module-dict.js'
import { ModuleList } from './module-list.js'
import { splitPath } from './paths.js'
import { Sequential } from './sequential.js'

/** What batch norm multiplies each channel with in evaluation, and then adds. */
export function factorsOf(norm: BatchNorm): { scale: Float64Array; shift: Float64Array } {
  const { weight, bias, runningMean, runningVar, eps, numFeatures } = norm
  const [gamma, beta] = [weight?.toFloat32Array(), bias?.toFloat32Array()]
  const [mean, variance] = [runningMean?.toFloat32Array(), runningVar?.toFloat32Array()]
  const [scale, shift] = [new Float64Array(numFeatures), new Float64Array(numFeatures)]
  for (let c = 0; c < numFeatures; c++) {
    scale[c] = (gamma?.[c] ?? 1) / Math.sqrt((variance?.[c] ?? 1) + eps)
    shift[c] = (beta?.[c] ?? 0) - (mean?.[c] ?? 0) * scale[c]
  }
  return { scale, shift }
}

/** The output and the input channel of the weight at `i`; `perChannel` inputs are one channel's. */
function channelsOf(
  layer: LinearLike,
  perChannel: number,
): (i: number) => readonly [out: number, into: number] {
  const [rows, columns] = layer.weight.shape
  const taps = sizeOf(layer.weight.shape.slice(2))
  const groups = 'options' in layer ? layer.options.groups : 1
  const per = rows / groups
  if (layer instanceof ConvTranspose2d) {
    return (i) => {
      const into = Math.floor(i / (columns * taps))
      return [Math.floor(into / per) * columns + (Math.floor(i / taps) % columns), into]
    }
  }
  return (i) => {
    const out = Math.floor(i / (columns * taps))
    const into = Math.floor(out / per) * columns + (Math.floor(i / taps) % columns)
    return [out, Math.floor(into / perChannel)]
  }
}

/** How many channels a layer gives. */
function outputsOf(layer: LinearLike): number {
  return layer instanceof ConvTranspose2d ? layer.outChannels : layer.weight.shape[0]
}

/** Folds, in `net`, what was planned. @returns what undoes it */
export function applyFold(net: AnyModule, { path, into, side, perChannel }: Fold): () => void {
  const layer = net.getSubmodule(into) as LinearLike
  const norm = net.getSubmodule(path)
  if (!(norm instanceof BatchNorm)) throw new Error(`there is no batch norm at ${path}`)
  const { scale, shift } = factorsOf(norm)
  const old = layer.weight.toFloat32Array()
  const biases = Float64Array.from(layer.bias?.toFloat32Array() ?? new Float32Array(outputsOf(layer)))
  const channels = channelsOf(layer, perChannel)
  const before = side === 'before'
  const weights = old.map((w, i) => {
    const [out, input] = channels(i)
    if (!before) biases[out] += w * shift[input]
    return w * scale[before ? out : input]
  })
  if (before) for (const [c, b] of biases.entries()) biases[c] = b * scale[c] + shift[c]
  const kept = { weight: zeros(layer.weight.shape).copy_(layer.weight), bias: layer.bias }
  layer.weight.copy_(fromValues(weights, layer.weight.shape))
  setBias(layer, new Parameter(fromValues(biases, [biases.length]), layer.weight.requiresGrad))
  const places = net.namedModules().filter(([, module]) => module === norm)
  for (const [place] of places) replaceAt(net, place, new Identity())
  return () => {
    layer.weight.copy_(kept.weight)
    setBias(layer, kept.bias)
    for (const [place] of places) replaceAt(net, place, norm)
  }
}

function setBias(layer: LinearLike, bias: Parameter | null): void {
  Object.assign(layer, { bias })
}

/** Puts `module` in the place at `path`. */
function replaceAt(net: AnyModule, path: string, module: AnyModule): void {
  const [above, name] = splitPath('foldBatchNorm', path)
  const parent = net.getSubmodule(above)
  const child = net.getSubmodule(path)
  if (parent instanceof ModuleDict && parent.get(name) === child) parent.set(name, module as never)
  else if (parent instanceof Sequential || parent instanceof ModuleList) {
    const at = [...parent].indexOf(child as never)
    if (at >= 0) parent.set(at, module as never)
    else assign(parent, child, module)
  } else assign(parent, child, module)
}

function assign(parent: AnyModule, child: AnyModule, module: AnyModule): void {
  for (const [field, value] of Object.entries(parent)) {
    if (value === child) Object.defineProperty(parent, field, { value: module })
  }
}
