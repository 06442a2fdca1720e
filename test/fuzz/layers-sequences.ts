/**
 * The layers that give several tensors, for the table of layers: in a net they stand inside of a user's module, which
 * hands on one part of what they give, so that the others are nobody's.
 */
import {
  multiheadAttention,
  recurrent,
  type SequenceOptions,
  STEPS,
} from '../support/interpreter/sequences.js'
import { need, sizeOf } from '../support/interpreter/value.js'
import type { Draw } from './draw.js'
import { type LayerEntry, parameters } from './layer-entry.js'
import type { Arg } from './program.js'

/** The user's module, as the printer writes it; the executor has the same. */
export const PART =
  'class Part extends nn.Module { constructor(name, args, path) { super(); this.inner = new nn[name](...args); this.path = path }' +
  " forward(x) { const all = 'embedDim' in this.inner ? this.inner.forward(x, x, x) : this.inner.forward(x);" +
  ' return this.path.reduce((at, i) => at[i], all) } }'

/** Parameters of the layer inside. */
const inner = (d: Draw, shapes: { [field: string]: readonly number[] }) =>
  parameters(d, Object.fromEntries(Object.entries(shapes).map(([field, shape]) => [`inner.${field}`, shape])))

const isSequence = (shape: readonly number[]) => shape.length === 3 && sizeOf(shape) > 0

/** A layer with so many gates, whose last state is at one of these paths. */
const recurrentLayer = (name: string, gates: number, states: readonly number[][]): LayerEntry => ({
  draw(d, shape) {
    if (!isSequence(shape)) return undefined
    const [h, size] = [d.between(1, 4), shape[2]]
    const [numLayers, bidirectional, bias] = [d.chance(0.3) ? 2 : 1, d.chance(0.3), d.chance(0.7)]
    const projSize = name === 'LSTM' && h > 1 && d.chance(0.3) ? d.between(1, h - 1) : 0
    const output = projSize || h
    const options: { [option: string]: Arg } = {
      ...(numLayers > 1 ? { numLayers } : {}),
      ...(bidirectional ? { bidirectional } : {}),
      ...(bias ? {} : { bias }),
      ...(d.chance(0.5) ? { batchFirst: true } : {}),
      ...(projSize > 0 ? { projSize } : {}),
      ...(name === 'RNN' ? { nonlinearity: d.pick(['tanh', 'relu']) } : {}),
    }
    const shapes: { [field: string]: readonly number[] } = {}
    for (let layer = 0; layer < numLayers; layer++) {
      for (const suffix of bidirectional ? ['', 'Reverse'] : ['']) {
        const [input, of] = [layer === 0 ? size : output * (bidirectional ? 2 : 1), `L${layer}${suffix}`]
        shapes[`weightIh${of}`] = [gates * h, input]
        shapes[`weightHh${of}`] = [gates * h, output]
        if (bias) shapes[`biasIh${of}`] = [gates * h]
        if (bias) shapes[`biasHh${of}`] = [gates * h]
        if (projSize > 0) shapes[`weightHr${of}`] = [projSize, h]
      }
    }
    return { args: [name, [size, h, options], d.pick([[0], ...states])], tensors: inner(d, shapes) }
  },
  twin(x, [, args, path], tensors) {
    const options = (args as readonly unknown[])[2] as SequenceOptions
    const { y, h, c } = recurrent(x, STEPS[name](options), tensors, options)
    if (String(path) === '0') return y
    return String(path) === '1,1' ? c : h
  },
})

export const SEQUENCES: Readonly<Record<string, LayerEntry>> = {
  RNN: recurrentLayer('RNN', 1, [[1]]),
  GRU: recurrentLayer('GRU', 3, [[1]]),
  LSTM: recurrentLayer('LSTM', 4, [
    [1, 0],
    [1, 1],
  ]),
  LSTMCell: {
    draw(d, shape) {
      const [, size] = shape
      if (shape.length !== 2 || sizeOf(shape) === 0) return undefined
      const [h, bias] = [d.between(1, 5), d.chance(0.7)]
      const own: { [field: string]: readonly number[] } = {
        weightIh: [4 * h, size],
        weightHh: [4 * h, h],
        ...(bias ? { biasIh: [4 * h], biasHh: [4 * h] } : {}),
      }
      return { args: ['LSTMCell', [size, h, { bias }], [d.below(2)]], tensors: inner(d, own) }
    },
    twin(x, [, , path], tensors) {
      need(x.shape.length === 2, 'rows of inputs')
      const named = Object.entries(tensors).map(([field, own]) => [`${field}L0`, own])
      const sequence = { shape: [1, ...x.shape], data: x.data }
      const { h, c } = recurrent(sequence, STEPS.LSTM({}), Object.fromEntries(named), {})
      const { shape, data } = String(path) === '0' ? h : c
      return { shape: shape.slice(1), data }
    },
  },
  MultiheadAttention: {
    draw(d, shape) {
      if (!isSequence(shape)) return undefined
      const e = shape[2]
      const heads = d.pick([1, 2, 3].filter((count) => e % count === 0))
      const [bias, batchFirst, path] = [d.chance(0.7), d.chance(0.5), d.below(2)]
      const [addBiasKv, addZeroAttn] = [d.chance(0.3), d.chance(0.3)]
      const own = {
        inProjWeight: [3 * e, e],
        // Without a value that the output reads, what stands behind the values has no gradient.
        ...(addBiasKv ? { biasK: [1, 1, e] } : {}),
        ...(addBiasKv && path === 0 ? { biasV: [1, 1, e] } : {}),
        ...(bias ? { inProjBias: [3 * e] } : {}),
        // The weights do not depend on the last projection.
        ...(path === 0 ? { 'outProj.weight': [e, e] } : {}),
        ...(path === 0 && bias ? { 'outProj.bias': [e] } : {}),
      }
      return {
        args: ['MultiheadAttention', [e, heads, { bias, batchFirst, addBiasKv, addZeroAttn }], [path]],
        tensors: inner(d, own),
      }
    },
    twin(x, [, args], tensors) {
      const [, heads, options] = args as readonly [
        number,
        number,
        { batchFirst: boolean; addZeroAttn: boolean },
      ]
      const { y, weights } = multiheadAttention(x, heads, tensors, options)
      return y ?? weights
    },
  },
}
