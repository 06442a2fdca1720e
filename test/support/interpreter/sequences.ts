/** Twins of the layers of sequences, from states of zeros: step by step, of the twins of matrix products. */
import { linear, matmul } from './products.js'
import { cat, permute, reshape, slice } from './rearrange.js'
import { softmax } from './reduce.js'
import { map, need, sizeOf, type Value, value, zip } from './value.js'

/** The parameters, by their fields. */
export type LayerTensors = { readonly [field: string]: Value | undefined }

export interface SequenceOptions {
  nonlinearity?: 'tanh' | 'relu'
  numLayers?: number
  batchFirst?: boolean
  bidirectional?: boolean
}

const add = (a: Value, b: Value) => zip(a, b, (x, y) => x + y)
const mul = (a: Value, b: Value) => zip(a, b, (x, y) => x * y)
const sigmoid = (x: Value) => map(x, (v) => 1 / (1 + Math.exp(-v)))
const tanh = (x: Value) => map(x, Math.tanh)

interface State {
  h: Value
  c: Value
}

/** A step's state, from the parts of the gates of the input and of the state before. */
type Step = (p: Value, q: Value, before: State) => State

/** The `count` gates that lie side by side in a row. */
function gates(x: Value, count: number): Value[] {
  const h = x.shape[1] / count
  return Array.from({ length: count }, (_, g) => slice(x, 1, g * h, (g + 1) * h))
}

export const STEPS: { readonly [layer: string]: (options: SequenceOptions) => Step } = {
  RNN:
    ({ nonlinearity = 'tanh' }) =>
    (p, q, { c }) => {
      const sum = add(p, q)
      return { h: nonlinearity === 'tanh' ? tanh(sum) : map(sum, (v) => Math.max(v, 0), [0]), c }
    },
  LSTM: () => (p, q, before) => {
    const [i, f, g, o] = gates(add(p, q), 4)
    const c = add(mul(sigmoid(f), before.c), mul(sigmoid(i), tanh(g)))
    return { h: mul(sigmoid(o), tanh(c)), c }
  },
  GRU: () => (p, q, before) => {
    const [[pr, pz, pn], [qr, qz, qn]] = [gates(p, 3), gates(q, 3)]
    const [r, z] = [sigmoid(add(pr, qr)), sigmoid(add(pz, qz))]
    const n = tanh(add(pn, mul(r, qn)))
    return {
      h: add(
        n,
        mul(
          z,
          zip(before.h, n, (a, b) => a - b),
        ),
      ),
      c: before.c,
    }
  },
}

/** What a recurrent layer gives: its outputs, and the last states of all layers and directions, [layers, N, H]. */
export function recurrent(
  x: Value,
  step: Step,
  tensors: LayerTensors,
  { numLayers = 1, batchFirst = false, bidirectional = false }: SequenceOptions,
): { y: Value; h: Value; c: Value } {
  need(x.shape.length === 3 && sizeOf(x.shape) > 0, 'a sequence')
  let y = batchFirst ? permute(x, [1, 0, 2]) : x
  const [t, n] = y.shape
  const last: State[] = []
  for (let layer = 0; layer < numLayers; layer++) {
    const input = y
    const directions = (bidirectional ? ['', 'Reverse'] : ['']).map((suffix) => {
      const of = (what: string) => tensors[`inner.${what}L${layer}${suffix}`]
      const [weightIh, weightHh] = [of('weightIh'), of('weightHh')]
      if (!weightIh || !weightHh) throw new Error('weights')
      need(input.shape[2] === weightIh.shape[1], 'inputs of the size')
      const weightHr = of('weightHr')
      const first = (size: number) => value([n, size])
      let state: State = {
        h: first(weightHh.shape[1]),
        c: first(weightHr ? weightHr.shape[1] : weightHh.shape[1]),
      }
      const outputs = new Array<Value>(t)
      for (let k = 0; k < t; k++) {
        const at = suffix === '' ? k : t - 1 - k
        const one = reshape(slice(input, 0, at, at + 1), [n, input.shape[2]])
        const p = linear(one, weightIh, of('biasIh') ?? null)
        state = step(p, linear(state.h, weightHh, of('biasHh') ?? null), state)
        if (weightHr) state = { h: linear(state.h, weightHr, null), c: state.c }
        outputs[at] = reshape(state.h, [1, ...state.h.shape])
      }
      last.push(state)
      return cat(outputs, 0)
    })
    y = cat(directions, 2)
  }
  const stacked = (states: Value[]) =>
    cat(
      states.map((state) => reshape(state, [1, ...state.shape])),
      0,
    )
  return {
    y: batchFirst ? permute(y, [1, 0, 2]) : y,
    h: stacked(last.map(({ h }) => h)),
    c: stacked(last.map(({ c }) => c)),
  }
}

/**
 * Self-attention of several heads: the output, if there is a projection for it; and the mean of all heads' weights,
 * [N, T, S], S being T and what stands behind the keys.
 */
export function multiheadAttention(
  x: Value,
  heads: number,
  tensors: LayerTensors,
  { batchFirst, addZeroAttn = false }: { batchFirst: boolean; addZeroAttn?: boolean },
): { y: Value | undefined; weights: Value } {
  need(x.shape.length === 3 && sizeOf(x.shape) > 0, 'a sequence')
  const [weight, out] = [tensors['inner.inProjWeight'], tensors['inner.outProj.weight']]
  if (!weight) throw new Error('weights')
  const rows = batchFirst ? x : permute(x, [1, 0, 2])
  const [n, t, e] = rows.shape
  need(weight.shape[1] === e, 'inputs of the size')
  const all = linear(rows, weight, tensors['inner.inProjBias'] ?? null)
  const headsOf = (part: number) =>
    permute(reshape(slice(all, 2, part * e, (part + 1) * e), [n, t, heads, e / heads]), [0, 2, 1, 3])
  const [biasK, biasV] = [tensors['inner.biasK'], tensors['inner.biasV']]
  const withMore = (heads4: Value, bias: Value | undefined) => {
    const [, heads, , size] = heads4.shape
    const rows = [heads4]
    const each = bias && reshape(bias, [1, heads, 1, size])
    if (each) rows.push(cat(Array<Value>(n).fill(each), 0))
    if (addZeroAttn) rows.push(value([n, heads, 1, size]))
    return rows.length === 1 ? heads4 : cat(rows, 2)
  }
  const [q, k, v] = [headsOf(0), withMore(headsOf(1), biasK), withMore(headsOf(2), biasV)]
  const s = k.shape[2]
  const scores = map(matmul(q, permute(k, [0, 1, 3, 2])), (score) => score / Math.sqrt(e / heads))
  const each = softmax(scores, -1)
  const mixed = reshape(permute(matmul(each, v), [0, 2, 1, 3]), [n, t, e])
  const y = out && linear(mixed, out, tensors['inner.outProj.bias'] ?? null)
  const weights = value([n, t, s])
  each.data.forEach((one, at) => {
    const [matrix, place] = [Math.floor(at / (t * s)), at % (t * s)]
    weights.data[Math.floor(matrix / heads) * t * s + place] += one / heads
  })
  return { y: y && (batchFirst ? y : permute(y, [1, 0, 2])), weights }
}
