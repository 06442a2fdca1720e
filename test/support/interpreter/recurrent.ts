/** Twins of one step of the recurrent layers, from a state of zeros. */
import { linear } from './products.js'
import { map, need, type Value, value, watch, zip } from './value.js'

/** The parameters, by their fields. */
export type CellTensors = { readonly [field: string]: Value | undefined }

/** The two parts of the gates: the input's, and that of a state of zeros, which is its bias. */
function parts(x: Value, { weightIh, weightHh, biasIh, biasHh }: CellTensors): [Value, Value] {
  if (!weightIh || !weightHh) throw new Error('weights')
  need(x.shape.length === 2 && x.shape[1] === weightIh.shape[1], 'rows of inputs')
  const p = linear(x, weightIh, biasIh ?? null)
  // What saturates hides how large the sums were whose roundings are in the result.
  watch.largest = p.data.reduce((most, v) => Math.max(most, Math.abs(v)), watch.largest)
  return [p, zip(value(p.shape), biasHh ?? 0, (a, b) => a + b)]
}

export function rnnCell(x: Value, tensors: CellTensors, nonlinearity: 'tanh' | 'relu'): Value {
  const [p, q] = parts(x, tensors)
  const sum = zip(p, q, (a, b) => a + b)
  return nonlinearity === 'tanh' ? map(sum, Math.tanh) : map(sum, (v) => Math.max(v, 0), [0])
}

export function gruCell(x: Value, tensors: CellTensors): Value {
  const [p, q] = parts(x, tensors)
  const [n, width] = p.shape
  const h = width / 3
  const y = value([n, h])
  const sigmoid = (v: number) => 1 / (1 + Math.exp(-v))
  for (let at = 0; at < n * h; at++) {
    const gate = (of: Value, g: number) => of.data[Math.floor(at / h) * width + g * h + (at % h)]
    const [r, z] = [0, 1].map((g) => sigmoid(gate(p, g) + gate(q, g)))
    y.data[at] = (1 - z) * Math.tanh(gate(p, 2) + r * gate(q, 2))
  }
  return y
}
