/** A recurrent layer in one direction: all of its steps are one operation. */
import { accumulate, matmul, sumForward } from '../../bindings/kernels.generated.js'
import { Part } from '../../bindings/part.js'
import { needWhole } from '../../bindings/whole.js'
import {
  type RecurrentForward,
  recurrentBackward,
  recurrentForward,
} from '../../bindings/whole-kernels.generated.js'
import type { Shape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { defineOperation, type OperationCall, unchanged } from '../operation.js'
import '../recipe.js'
import { run } from '../tape.js'
import { slice } from './rearrange.js'

/** What a step computes. */
export type Cell = RecurrentForward['cell']

/** How many gates a cell has: its weights have as many times `hiddenSize` rows. */
export const GATES: Readonly<Record<Cell, number>> = { tanh: 1, relu: 1, lstm: 4, gru: 3 }

/** The layers, for errors. */
const NAMES: Readonly<Record<Cell, string>> = { tanh: 'RNN', relu: 'RNN', lstm: 'LSTM', gru: 'GRU' }

interface Attributes {
  cell: Cell
  reverse: boolean
}

const PLAIN = ['weightHh', 'h0', 'output']
const GATED = ['weightHh', 'h0', 'c0', 'gates', 'kept', 'output']
const isPlain = (cell: Cell) => cell === 'tanh' || cell === 'relu'

/** The two lists of what a gradient reads: of a plain cell, and of one with gates. */
function reads(...more: string[]): (attributes: Attributes) => readonly string[] {
  const [plain, gated] = [
    [...PLAIN, ...more],
    [...GATED, ...more],
  ]
  return ({ cell }) => (isPlain(cell) ? plain : gated)
}

interface Sizes {
  t: number
  n: number
  h: number
  /** Values of a row's gates. */
  width: number
}

function sizesOf(x: Shape, weightHh: Shape): Sizes {
  return { t: x[0], n: x[1], h: weightHh[1], width: weightHh[0] }
}

const NO_BATCH: [[], [], []] = [[], [], []]

const operation = defineOperation<Attributes>({
  name: 'recurrent',
  inputs: {
    x: 'rows',
    weightIh: 'rows',
    weightHh: 'rows',
    biasIh: 'rows',
    biasHh: 'rows',
    h0: 'rows',
    c0: 'rows',
  },
  output: 'rows',
  makes: ['gates', 'kept'],
  made([x, , weight], { cell }) {
    const { t, n, h, width } = sizesOf(x.shape, weight.shape)
    return [{ shape: [t, n, width] }, { shape: isPlain(cell) ? [0] : [t, n, h] }]
  },
  gradients: {
    x: reads('weightIh'),
    weightIh: reads('x'),
    weightHh: reads(),
    biasIh: reads(),
    biasHh: reads(),
    h0: reads(),
    c0: reads(),
  },
  // All states, and behind them an LSTM's last cell. (The layers have checked the shapes.)
  shape: ([x, , weight], { cell }) => [x.shape[0] + (cell === 'lstm' ? 1 : 0), x.shape[1], weight.shape[1]],
  forward({ inputs, output, made: [gates, kept], attributes: { cell, reverse } }) {
    const [x, weightIh, weightHh, biasIh, biasHh, h0, c0] = inputs as readonly (Tensor | undefined)[]
    if (!x || !weightIh || !weightHh) return
    const { t, n, h, width } = sizesOf(x.shape, weightHh.shape)
    matmul({
      form: 'NT',
      m: t * n,
      n: width,
      k: x.shape[2],
      a: x.storage,
      b: weightIh.storage,
      bias: biasIh?.storage,
      c: gates.storage,
      dims: NO_BATCH,
    })
    recurrentForward({
      cell,
      t,
      n,
      h,
      weight: weightHh.storage,
      bias: biasHh?.storage,
      h0: h0?.storage,
      c0: c0?.storage,
      gates: gates.storage,
      y: new Part(output.storage, 0, t * n * h),
      kept: isPlain(cell) ? undefined : kept.storage,
      lastCell: cell === 'lstm' ? new Part(output.storage, t * n * h, n * h) : undefined,
      reverse,
    })
  },
  repeats: unchanged,
  backward(call) {
    const { cell, reverse } = call.attributes
    const [x, weightIh, weightHh, , , h0, c0] = call.inputs as readonly (Tensor | undefined)[]
    if (!weightHh) return
    const sizes = sizesOf(call.shapeOf(0), weightHh.shape)
    const { t, n, h, width } = sizes
    const [gates, kept] = call.made as readonly (Tensor | undefined)[]
    const [dy, y] = [call.dy.storage, call.output.storage]
    const dp = call.temporary([t, n, width])
    const dq = cell === 'gru' ? call.temporary([t, n, width]) : undefined
    recurrentBackward({
      cell,
      t,
      n,
      h,
      weight: weightHh.storage,
      h0: h0?.storage,
      c0: c0?.storage,
      gates: gates?.storage,
      y: new Part(y, 0, t * n * h),
      kept: isPlain(cell) ? undefined : kept?.storage,
      dy: new Part(dy, 0, t * n * h),
      dlastCell: cell === 'lstm' ? new Part(dy, t * n * h, n * h) : undefined,
      dp: dp.storage,
      dq: dq?.storage,
      dh0: call.gradient(5)?.storage,
      dc0: call.gradient(6)?.storage,
      reverse,
    })
    const dx = call.gradient(0)
    if (dx && weightIh) {
      const shape = { m: t * n, n: dx.shape[2], k: width }
      const arrays = { a: dp.storage, b: weightIh.storage, bias: undefined, c: dx.storage }
      matmul({ form: 'NN', dims: NO_BATCH, ...shape, ...arrays })
    }
    const dweightIh = call.gradient(1)
    if (dweightIh && x) {
      const shape = { m: width, n: x.shape[2], k: t * n }
      const arrays = { a: dp.storage, b: x.storage, bias: undefined, c: dweightIh.storage }
      matmul({ form: 'TN', dims: NO_BATCH, ...shape, ...arrays })
    }
    const dweightHh = call.gradient(2)
    if (dweightHh) stateWeightGradient(call, sizes, dq ?? dp, h0, dweightHh)
    for (const [i, of] of [
      [3, dp],
      [4, dq ?? dp],
    ] as const) {
      const dbias = call.gradient(i)
      if (dbias) {
        sumForward({ outer: 1, n: t * n, inner: width, x: of.storage, scale: 1, y: dbias.storage })
      }
    }
  },
})

/** `dWₕₕ = Σ dqᵀ h`, over all steps and the state before each. */
function stateWeightGradient(
  call: OperationCall<Attributes>,
  { t, n, h, width }: Sizes,
  dq: Tensor,
  h0: Tensor | undefined,
  dweight: Tensor,
): void {
  const { reverse } = call.attributes
  const others = (t - 1) * n
  // The states that another step follows, and the gradients of the steps that follow one.
  const states = new Part(call.output.storage, reverse ? n * h : 0, others * h)
  const steps = new Part(dq.storage, reverse ? 0 : n * width, others * width)
  const shape = { form: 'TN', m: width, n: h, bias: undefined, dims: NO_BATCH } as const
  matmul({ k: others, a: steps, b: states, c: dweight.storage, ...shape })
  if (!h0) return
  const first = new Part(dq.storage, reverse ? others * width : 0, n * width)
  const part = call.temporary(dweight.shape)
  matmul({ k: n, a: first, b: h0.storage, c: part.storage, ...shape })
  accumulate({ x: part.storage, y: dweight.storage })
}

/** The parameters of a layer in one direction. */
export interface RecurrentWeights {
  /** [gates · H, I]. */
  weightIh: Tensor
  /** [gates · H, H]. */
  weightHh: Tensor
  /** [gates · H]; both or none. */
  biasIh: Tensor | undefined
  biasHh: Tensor | undefined
}

/** What a layer in one direction gives. */
export interface RecurrentResult {
  /** [T, N, H]. */
  output: Tensor
  /** The state after the last step, [1, N, H]; and an LSTM's cell. */
  h: Tensor
  c: Tensor | undefined
}

/**
 * All steps of `x`, [T, N, I] with a T of at least 1, from the states `h0` and `c0`, [N, H], or zeros on. With
 * `reverse` the last step comes first. To be called in a scope, by layers that have checked the shapes.
 */
export function recurrent(
  x: Tensor,
  { weightIh, weightHh, biasIh, biasHh }: RecurrentWeights,
  h0: Tensor | undefined,
  c0: Tensor | undefined,
  attributes: Attributes,
): RecurrentResult {
  needWhole(`nn.${NAMES[attributes.cell]}`)
  const packed = run(operation, [x, weightIh, weightHh, biasIh, biasHh, h0, c0], attributes)
  const [t] = x.shape
  const last = attributes.reverse ? 0 : t - 1
  const h = slice(packed, 0, last, last + 1)
  if (attributes.cell !== 'lstm') return { output: packed, h, c: undefined }
  return { output: slice(packed, 0, 0, t), h, c: slice(packed, 0, t, t + 1) }
}
