/**
 * The table of layers: how to draw each for an input of a shape, and its twin. User's modules are here too: what
 * keeps its input, gives it back, or uses it twice is where early freeing goes wrong.
 */
import {
  gelu,
  geluTanh,
  hardswish,
  mish,
  prelu,
  sigmoid,
  softplus,
} from '../support/interpreter/elementwise.js'
import { embedding } from '../support/interpreter/indexing.js'
import { batchNorm, layerNorm } from '../support/interpreter/normalise.js'
import { linear } from '../support/interpreter/products.js'
import { flatten } from '../support/interpreter/rearrange.js'
import { gruCell, rnnCell } from '../support/interpreter/recurrent.js'
import { logSoftmax, softmax } from '../support/interpreter/reduce.js'
import { map, need, type Shape, type Value, zip } from '../support/interpreter/value.js'
import {
  avgPool2d,
  type ConvolutionOptions,
  conv2d,
  maxPool2d,
  type WindowOptions,
} from '../support/interpreter/windows.js'
import type { Draw } from './draw.js'
import { type LayerEntry, parameters, type Tensors } from './layer-entry.js'
import { NORMS } from './layers-norms.js'
import { SEQUENCES } from './layers-sequences.js'
import { WINDOWS } from './layers-windows.js'
import type { Arg, Kind } from './program.js'

/** A layer without parameters, for any shape. */
const plain = (twin: (x: Value) => Value): LayerEntry => ({ draw: () => ({ args: [], tensors: {} }), twin })

/** A layer of options, for any shape. */
const optional = <O extends { readonly [option: string]: Arg }>(
  options: (d: Draw) => O,
  twin: (x: Value, options: O) => Value,
): LayerEntry => ({
  draw: (d) => ({ args: d.chance(0.4) ? [] : [options(d)], tensors: {} }),
  twin: (x, [own]) => twin(x, (own ?? {}) as O),
})

/** A layer over one dimension. */
const overDimension = (twin: (x: Value, dim: number) => Value): LayerEntry => ({
  draw: (d, shape) => ({
    args: [d.below(Math.max(shape.length, 1)) - (d.chance(0.5) ? Math.max(shape.length, 1) : 0)],
    tensors: {},
  }),
  twin: (x, [dim]) => twin(x, dim as number),
})

interface BatchNormOptions {
  eps?: number
  momentum?: number | null
  affine?: boolean
  trackRunningStats?: boolean
}

const batchNormLayer = (ranks: readonly number[]): LayerEntry => ({
  draw(d, shape, training) {
    const [n, c] = shape
    if (!ranks.includes(shape.length) || c === 0) return undefined
    const tracks = d.chance(0.85)
    const values = shape.reduce((size, s) => size * s, 1) / c
    if ((training || !tracks) && values < 2) return undefined
    if (n === 0) return undefined
    const affine = d.chance(0.8)
    const options = {
      ...(d.chance(0.5) ? { eps: d.pick([1e-5, 0.1]) } : {}),
      ...(d.chance(0.5) ? { momentum: d.pick([0.1, 0.5, null]) } : {}),
      ...(affine ? {} : { affine }),
      ...(tracks ? {} : { trackRunningStats: false }),
    }
    const state = (own: Shape, kind: Kind) => d.leaf(own, { kind, state: true, requiresGrad: false }).ref
    const running = () => ({
      runningMean: state([c], 'any'),
      runningVar: state([c], 'positive'),
      numBatchesTracked: state([], 'zeros'),
    })
    const own = affine ? parameters(d, { weight: [c], bias: [c] }) : {}
    return { args: [c, options], tensors: { ...own, ...(tracks ? running() : {}) } }
  },
  twin(x, [c, given], { numBatchesTracked, ...tensors }, training) {
    need(ranks.includes(x.shape.length) && x.shape[1] === c, `${c} channels`)
    const { momentum = 0.1, eps } = (given ?? {}) as BatchNormOptions
    const counts = training && numBatchesTracked
    if (counts) counts.data[0]++
    const running = tensors.runningMean !== undefined
    return batchNorm(x, {
      ...tensors,
      training: training || !running,
      ...(eps === undefined ? {} : { eps }),
      momentum: momentum ?? (counts ? 1 / counts.data[0] : 1),
    })
  },
})

const poolLayer = (twin: (x: Value, kernel: number, options: WindowOptions) => Value): LayerEntry => ({
  draw(d, shape) {
    const [, , h, w] = shape
    const kernel = d.chance(0.7) ? 2 : d.between(1, 3)
    if (!isImage(shape) || kernel > Math.min(h, w)) return undefined
    const options = d.chance(0.5) ? { stride: d.pick([kernel, kernel, 1]) } : {}
    return { args: [kernel, options], tensors: {} }
  },
  twin: (x, [kernel, options]) => twin(x, kernel as number, (options ?? {}) as WindowOptions),
})

const cell = (
  gates: number,
  options: (d: Draw) => { [option: string]: Arg },
  twin: (x: Value, tensors: Tensors, options: Record<string, unknown>) => Value,
): LayerEntry => ({
  draw(d, shape) {
    const [, size] = shape
    if (shape.length !== 2 || size === 0) return undefined
    const h = d.between(1, 5)
    const bias = d.chance(0.7)
    const rows = gates * h
    const own = {
      weightIh: [rows, size],
      weightHh: [rows, h],
      ...(bias ? { biasIh: [rows], biasHh: [rows] } : {}),
    }
    return { args: [size, h, { bias, ...options(d) }], tensors: parameters(d, own) }
  },
  twin: (x, [, , given], tensors) => twin(x, tensors, given as Record<string, unknown>),
})

const isImage = (shape: Shape): boolean => shape.length === 4 && shape.slice(1).every((s) => s > 0)

/** Rows of every Embedding. */
export const WORDS = 7

export const LAYERS: Readonly<Record<string, LayerEntry>> = {
  ReLU: plain((x) => map(x, (v) => Math.max(v, 0), [0])),
  GELU: optional(
    (d) => ({ approximate: d.pick(['none', 'tanh']) }),
    (x, { approximate }: { approximate?: string }) => map(x, approximate === 'tanh' ? geluTanh : gelu),
  ),
  ReLU6: plain((x) => map(x, (v) => Math.min(Math.max(v, 0), 6), [0, 6])),
  Sigmoid: plain((x) => map(x, sigmoid)),
  Tanh: plain((x) => map(x, Math.tanh)),
  SiLU: plain((x) => map(x, (v) => v * sigmoid(v))),
  Hardswish: plain((x) => map(x, hardswish, [-3, 3])),
  Mish: plain((x) => map(x, mish)),
  Identity: plain((x) => x),
  LeakyReLU: optional(
    (d) => ({ negativeSlope: d.pick([0.2, -0.5]) }),
    (x, { negativeSlope = 0.01 }: { negativeSlope?: number }) =>
      map(x, (v) => (v > 0 ? v : negativeSlope * v), [0]),
  ),
  ELU: optional(
    (d) => ({ alpha: d.pick([0.3, 2]) }),
    (x, { alpha = 1 }: { alpha?: number }) => map(x, (v) => (v > 0 ? v : alpha * Math.expm1(v)), [0]),
  ),
  Softplus: optional((d) => ({ beta: d.pick([0.5, 2]) }), softplus),
  PReLU: {
    draw(d, shape) {
      const numParameters = shape.length > 1 && d.chance(0.6) ? shape[1] : 1
      if (numParameters === 0) return undefined
      return { args: [{ numParameters }], tensors: parameters(d, { weight: [numParameters] }) }
    },
    twin(x, _, { weight }) {
      if (!weight) throw new Error('a weight')
      return prelu(x, weight)
    },
  },
  Softmax: overDimension(softmax),
  LogSoftmax: overDimension(logSoftmax),
  Conv2d: {
    draw(d, shape) {
      if (!isImage(shape)) return undefined
      const [, c, h, w] = shape
      const out = d.between(1, 5)
      const kernel = d.between(1, Math.min(3, h, w))
      const bias = d.chance(0.7)
      const groups = d.chance(0.2) ? c : 1
      const options = {
        ...(groups > 1 ? { groups } : {}),
        ...(d.chance(0.3) ? { stride: d.between(1, 2) } : {}),
        ...(d.chance(0.7) ? { padding: Math.floor(kernel / 2) } : {}),
        ...(bias ? {} : { bias }),
      }
      const channels = groups * out
      const own = { weight: [channels, c / groups, kernel, kernel], ...(bias ? { bias: [channels] } : {}) }
      return { args: [c, channels, kernel, options], tensors: parameters(d, own) }
    },
    twin(x, [, , , given], { weight, bias }) {
      if (!weight) throw new Error('a weight')
      const { stride, padding, groups } = (given ?? {}) as ConvolutionOptions
      return conv2d(x, weight, bias ?? null, { stride, padding, groups })
    },
  },
  Linear: {
    draw(d, shape) {
      const features = shape.at(-1) ?? 0
      if (features === 0) return undefined
      const out = d.between(1, 7)
      const bias = d.chance(0.7)
      const own = { weight: [out, features], ...(bias ? { bias: [out] } : {}) }
      return { args: [features, out, ...(bias ? [] : [{ bias }])], tensors: parameters(d, own) }
    },
    twin(x, _, { weight, bias }) {
      if (!weight) throw new Error('a weight')
      return linear(x, weight, bias ?? null)
    },
  },
  RNNCell: cell(
    1,
    (d) => ({ nonlinearity: d.pick(['tanh', 'relu']) }),
    (x, tensors, { nonlinearity }) => rnnCell(x, tensors, nonlinearity as 'tanh' | 'relu'),
  ),
  GRUCell: cell(3, () => ({}), gruCell),
  MaxPool2d: poolLayer(maxPool2d),
  AvgPool2d: poolLayer(avgPool2d),
  LayerNorm: {
    draw(d, shape) {
      if (shape.length === 0 || shape.includes(0)) return undefined
      const inner = shape.slice(d.below(shape.length))
      // Of a single value nothing is left, and each normalisation of nothing that follows makes the rounding of the
      // gradient 1 / √eps times as large: after two of them it is not zero any more. (The operation is drawn so.)
      if (inner.every((size) => size === 1)) return undefined
      const eps = d.pick([undefined, 1e-5, 0.1])
      return {
        args: [inner, ...(eps ? [{ eps }] : [])],
        tensors: parameters(d, { weight: inner, bias: inner }),
      }
    },
    twin: (x, [inner, options], tensors) =>
      layerNorm(x, inner as number[], { ...tensors, ...(options as { eps?: number } | undefined) }),
  },
  BatchNorm1d: batchNormLayer([2, 3]),
  BatchNorm2d: batchNormLayer([4]),
  BatchNorm3d: batchNormLayer([5]),
  ...NORMS,
  ...WINDOWS,
  ...SEQUENCES,
  Flatten: {
    draw: (d, shape) => ({ args: shape.length > 1 && d.chance(0.8) ? [] : [0], tensors: {} }),
    twin: (x, [start = 1]) => flatten(x, start as number),
  },
  Dropout: {
    // Its mask can't be seen inside of a net: only where it does nothing.
    draw: (d, _, training) => ({ args: [training ? 0 : d.pick([0, 0.5])], tensors: {} }),
    twin: (x) => x,
  },
  // It takes indices, which no other layer gives: the first of a net on a leaf of them.
  Embedding: {
    draw(d) {
      const width = d.between(1, 5)
      return { args: [WORDS, width], tensors: parameters(d, { weight: [WORDS, width] }) }
    },
    twin(x, _, { weight }) {
      if (!weight) throw new Error('a weight')
      return embedding(x, weight)
    },
  },
  Keeps: { draw: (d) => ({ args: [], tensors: {}, kept: d.name('kept') }), twin: (x) => x },
  Same: plain((x) => x),
  Doubles: plain((x) => zip(x, x, (a, b) => a + b)),
}

/** The modules of a user's among the layers, as the executor has them and the printer writes them. */
export const USER_MODULES: Readonly<Record<string, string>> = {
  Keeps: 'kept; forward(x) { this.kept = x; return x }',
  Same: 'forward(x) { return x }',
  Doubles: 'forward(x) { return x.add(x) }',
}
