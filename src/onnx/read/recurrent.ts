/** Recurrent layers of ONNX: each direction is one operation here, whose gates come in another order. */
import { indexSelect } from '../../autograd/ops/indexing.js'
import { stack } from '../../autograd/ops/joining.js'
import { reshape, slice } from '../../autograd/ops/rearrange.js'
import { type Cell, GATES, recurrent } from '../../autograd/ops/recurrent.js'
import type { Tensor } from '../../tensor/tensor.js'
import { Host } from './host.js'
import type { Operator, Results, Use } from './node.js'

/** Where PyTorch's gates stand in ONNX: i f g o among i o f c, r z n among z r h. */
const ORDER: Readonly<Record<Cell, readonly number[]>> = {
  tanh: [0],
  relu: [0],
  lstm: [0, 2, 3, 1],
  gru: [1, 0, 2],
}

/** Only the usual functions. @throws {DataError} */
function cellOf(use: Use, operator: 'RNN' | 'LSTM' | 'GRU', directions: number): Cell {
  const { node } = use
  const usual = { RNN: ['Tanh'], LSTM: ['Sigmoid', 'Tanh', 'Tanh'], GRU: ['Sigmoid', 'Tanh'] }[operator]
  const given = node.strings('activations') ?? []
  const all = given.length > 0 ? given : Array.from({ length: directions }, () => usual).flat()
  const is = (names: readonly string[]) =>
    all.length === directions * names.length &&
    all.every((name, i) => name.toLowerCase() === names[i % names.length].toLowerCase())
  if (operator === 'RNN' && is(['Relu'])) return 'relu'
  if (!is(usual)) throw node.fail(`its functions are ${all.join(', ')}, expected ${usual.join(', ')}`)
  return operator === 'RNN' ? 'tanh' : operator === 'LSTM' ? 'lstm' : 'gru'
}

function layer(operator: 'RNN' | 'LSTM' | 'GRU'): Operator {
  return (use): Results => {
    const { node } = use
    const [x, w, r] = [use.tensor(0), use.tensor(1), use.tensor(2)]
    const direction = node.text8('direction', 'forward')
    const reverses = { forward: [false], reverse: [true], bidirectional: [false, true] }[direction]
    if (!reverses) throw node.fail(`it goes '${direction}'`)
    const cell = cellOf(use, operator, reverses.length)
    check(use, operator, x, w, r, reverses.length, cell)
    const hidden = r.shape[2]
    const rows = ORDER[cell].flatMap((gate) => Array.from({ length: hidden }, (_, i) => gate * hidden + i))
    const sorted = (of: Tensor) => (rows.length === hidden ? of : indexSelect(of, 0, rows))
    const ofDirection = (of: Tensor, d: number) => reshape(slice(of, 0, d, d + 1), of.shape.slice(1))
    const bias = use.tensorOr(3)
    const states = (i: number, d: number) => {
      const state = use.tensorOr(i)
      return state && ofDirection(state, d)
    }
    const results = reverses.map((reverse, d) => {
      const both = bias && ofDirection(bias, d)
      const half = rows.length
      return recurrent(
        x,
        {
          weightIh: sorted(ofDirection(w, d)),
          weightHh: sorted(ofDirection(r, d)),
          biasIh: both && sorted(slice(both, 0, 0, half)),
          biasHh: both && sorted(slice(both, 0, half, 2 * half)),
        },
        states(5, d),
        cell === 'lstm' ? states(6, d) : undefined,
        { cell, reverse },
      )
    })
    const n = x.shape[1]
    const last = (parts: readonly (Tensor | undefined)[]) =>
      stack(
        parts.flatMap((part) => (part ? [reshape(part, [n, hidden])] : [])),
        0,
      )
    return [
      stack(
        results.map(({ output }) => output),
        1,
      ),
      last(results.map(({ h }) => h)),
      cell === 'lstm' ? last(results.map(({ c }) => c)) : undefined,
    ]
  }
}

/** @throws {DataError} for options that are not read, or shapes that do not fit */
function check(
  use: Use,
  operator: string,
  x: Tensor,
  w: Tensor,
  r: Tensor,
  directions: number,
  cell: Cell,
): void {
  const { node } = use
  for (const name of ['clip', 'input_forget', 'layout']) {
    if (node.has(name) && (node.int(name, 0) !== 0 || node.float(name, 0) !== 0))
      throw node.fail(`its option ${name} is not read`)
  }
  if (operator === 'GRU' && node.int('linear_before_reset', 0) !== 1)
    throw node.fail('it resets before the product (linear_before_reset = 0), as PyTorch does not')
  const lengths = use.inputs[4]
  if (
    lengths !== undefined &&
    !(lengths instanceof Host && Array.from(lengths.values).every((n) => n === x.shape[0]))
  )
    throw node.fail('it has sequences of different lengths')
  if (use.inputs[7] !== undefined) throw node.fail('it has peepholes')
  const hidden = r.shape[2] ?? 0
  const width = GATES[cell] * hidden
  const fits =
    x.shape.length === 3 &&
    x.shape[0] > 0 &&
    same(w.shape, [directions, width, x.shape[2]]) &&
    same(r.shape, [directions, width, hidden]) &&
    (use.inputs[3] === undefined || same(use.shape(3), [directions, 2 * width])) &&
    [5, 6].every((i) => use.inputs[i] === undefined || same(use.shape(i), [directions, x.shape[1], hidden]))
  if (!fits) throw node.fail(`its shapes [${x.shape}], [${w.shape}] and [${r.shape}] do not fit each other`)
}

const same = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((n, d) => n === b[d])

export const RECURRENT: Readonly<Record<string, Operator>> = {
  RNN: layer('RNN'),
  LSTM: layer('LSTM'),
  GRU: layer('GRU'),
}
