/** Products, convolution, pooling, normalisation, losses, dropout. */
import * as losses from '../../support/interpreter/losses.js'
import * as normalise from '../../support/interpreter/normalise.js'
import * as products from '../../support/interpreter/products.js'
import { value } from '../../support/interpreter/value.js'
import * as windows from '../../support/interpreter/windows.js'
import type { Draw } from '../draw.js'
import type { Arg, Ref } from '../program.js'
import type { Table } from './entry.js'

/** A leaf (or what fits) as a weight, or nothing. */
export const optional = (d: Draw, shape: readonly number[], share = 0.7): Ref | null =>
  d.chance(share) ? weight(d, shape) : null

export const weight = (d: Draw, shape: readonly number[]): Ref => {
  const found = d.chance(0.2) ? d.candidates((v) => String(v.shape) === String(shape)) : []
  return found.length > 0 ? { ref: d.pick(found) } : d.leaf(shape)
}

/** A number for both directions or a pair of them. */
export const pair = (d: Draw, low: number, high: number): number | [number, number] =>
  d.chance(0.6) ? d.between(low, high) : [d.between(low, high), d.between(low, high)]

/** Options, each of which is there or left out. */
export const some = (d: Draw, options: { [key: string]: Arg }): { [key: string]: Arg } =>
  Object.fromEntries(Object.entries(options).filter(() => d.chance(0.5)))

function matmulArguments(d: Draw): [Ref, Ref] {
  const x = d.value(
    (v) => v.shape.length > 0,
    () => d.shape(1, 4),
  )
  const { shape } = d.known(x)
  const k = shape[shape.length - 1]
  if (d.chance(0.3)) {
    const found = d.candidates((v) => v.shape.length > 0 && v.shape[Math.max(v.shape.length - 2, 0)] === k)
    return [x, { ref: d.pick(found) }]
  }
  const batch = shape.slice(0, -2).map((s) => (d.chance(0.3) ? 1 : s === 1 ? d.between(1, 3) : s))
  const right = d.chance(0.2) ? [k] : [...batch.slice(d.below(batch.length + 1)), k, d.size()]
  return [x, d.leaf(right)]
}

function conv2dArguments(d: Draw): Arg[] {
  const x = d.image()
  const [, c, h, w] = d.known(x).shape
  const kernel = [d.between(1, Math.min(3, h)), d.between(1, Math.min(3, w))]
  const found = d.candidates((v) => v.shape.length === 4 && v.shape[1] === c && v.shape[0] > 0)
  const own: Ref =
    d.chance(0.15) && found.length > 0 ? { ref: d.pick(found) } : weight(d, [d.between(1, 5), c, ...kernel])
  const padding = d.chance(0.5) ? (kernel[0] - 1) / 2 : d.below(2)
  const options = some(d, { stride: pair(d, 1, 2), padding: Math.floor(padding) })
  if (d.chance(0.2)) return convolution(d, x, [c, ...kernel])
  return [x, own, optional(d, [d.known(own).shape[0]]), ...(d.chance(0.8) ? [options] : [])]
}

/** With all options: dilation, groups, padding in words. */
function convolution(d: Draw, x: Ref, [c, ...kernel]: readonly number[]): Arg[] {
  const groups = d.pick([1, c, ...[2, 3].filter((g) => c % g === 0)])
  const out = groups * d.between(1, 2)
  const own = weight(d, [out, c / groups, ...kernel])
  const word = d.pick(['same', 'valid', undefined])
  const options = {
    groups,
    ...some(d, { dilation: pair(d, 1, 3), ...(word ? { padding: word } : { stride: 2 }) }),
  }
  return [x, own, optional(d, [out]), options]
}

const poolArguments = (d: Draw, more: () => { [key: string]: Arg } = () => ({})): Arg[] => {
  const x = d.image()
  const kernel = d.chance(0.5) ? 2 : pair(d, 1, 3)
  const half = Math.floor(Math.min(...[kernel].flat()) / 2)
  const options = some(d, { stride: pair(d, 1, 3), padding: d.between(0, half), ...more() })
  return [x, kernel, ...(d.chance(0.8) ? [options] : [])]
}

function batchNormArguments(d: Draw): Arg[] {
  const x = d.value(
    (v) => v.shape.length > 1,
    () => [d.batch(), ...d.shape(1, 4)],
  )
  const c = d.known(x).shape[1]
  const training = d.chance(0.6)
  const state = (kind: 'any' | 'positive') => d.leaf([c], { kind, state: true, requiresGrad: false })
  const running =
    training && d.chance(0.3) ? {} : { runningMean: state('any'), runningVar: state('positive') }
  const rest = some(d, { momentum: d.pick([0.1, 0.5, 1, 0]), eps: d.pick([1e-5, 0.1]) })
  const affine = { weight: optional(d, [c]), bias: optional(d, [c]) }
  return [x, { ...running, ...affine, ...(training || d.chance(0.3) ? { training } : {}), ...rest }]
}

export const nets: Table = {
  matmul: { draw: matmulArguments, twin: products.matmul },
  linear: {
    draw: (d) => {
      const x = d.value(
        (v) => v.shape.length > 0,
        () => d.shape(1, 4),
      )
      const features = d.known(x).shape.at(-1) ?? 0
      const own = weight(d, [d.size(), features])
      return [x, own, optional(d, [d.known(own).shape[0]])]
    },
    twin: products.linear,
  },
  conv2d: { draw: conv2dArguments, twin: windows.conv2d },
  maxPool2d: {
    draw: (d) => poolArguments(d, () => ({ ceilMode: d.chance(0.5), dilation: pair(d, 1, 2) })),
    twin: windows.maxPool2d,
  },
  avgPool2d: {
    draw: (d) =>
      poolArguments(d, () => ({
        ceilMode: d.chance(0.5),
        countIncludePad: d.chance(0.5),
        divisorOverride: d.between(1, 5),
      })),
    twin: windows.avgPool2d,
  },
  batchNorm: { draw: batchNormArguments, twin: normalise.batchNorm },
  layerNorm: {
    draw: (d) => {
      const x = d.value(
        (v) => v.shape.length > 0,
        () => d.shape(1),
      )
      const { shape } = d.known(x)
      const inner = shape.slice(d.below(shape.length))
      const affine = { weight: optional(d, inner), bias: optional(d, inner) }
      return [x, inner, { ...affine, ...some(d, { eps: d.pick([1e-5, 0.1]) }) }]
    },
    twin: normalise.layerNorm,
  },
  crossEntropy: {
    draw: (d) => {
      const x = d.value(
        (v) => v.shape.length === 2 && v.shape[1] > 0,
        () => [d.batch(), d.between(1, 9)],
      )
      const [n, classes] = d.known(x).shape
      const labels: Arg = d.chance(0.5)
        ? Array.from({ length: n }, () => d.below(classes))
        : d.leaf([n], { kind: 'labels', classes, requiresGrad: false, parameter: false })
      const reduction = d.pick(['mean', 'sum', 'none', undefined])
      return [x, labels, ...(reduction ? [{ reduction }] : [])]
    },
    twin: losses.crossEntropy,
  },
  dropout: {
    draw: (d) => {
      // Where an input is 0 the mask can't be told, which does not matter behind ReLU: no gradient passes there.
      const x = d.value(
        (v, id) => d.at.maker.get(id)?.op === 'relu' || v.data.every((each) => Math.abs(each) > 1e-3),
      )
      return [x, d.pick([0, 0.1, 0.5, 0.9, 1]), d.chance(0.8)]
    },
    twin: losses.dropout,
    observe: (output, [x, p, training]) => {
      const input = x as Float32Array
      return value([output.length], losses.maskOf(input, output, p as number, training as boolean))
    },
  },
}
