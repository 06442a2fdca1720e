/** Recurrent layers in ONNX, whose gates come in another order: one layer in one direction. */

import { NONE } from './writer.js'
import type { Written } from './written.js'

interface Recurrent {
  cell: 'tanh' | 'relu' | 'lstm' | 'gru'
  reverse: boolean
}

const OPERATORS = { tanh: 'RNN', relu: 'RNN', lstm: 'LSTM', gru: 'GRU' }

/** Which of PyTorch's gates stands where in ONNX: i f g o as i o f c, and r z n as z r h. */
export const GATE_ORDER = { tanh: [0], relu: [0], lstm: [0, 3, 1, 2], gru: [1, 0, 2] }

export function recurrentOf({ w, step, in: name, sizes, fixed, attributes }: Written<Recurrent>): string {
  const { cell, reverse } = attributes
  const hidden = fixed(sizes(2)[1])
  const order = GATE_ORDER[cell]
  const rows = w.ints(order.flatMap((gate) => Array.from({ length: hidden }, (_, i) => gate * hidden + i)))
  const sorted = (i: number) => (order.length === 1 ? name(i) : w.add('Gather', [name(i), rows], { axis: 0 }))
  const one = w.ints([0])
  const ofDirection = (x: string) => w.add('Unsqueeze', [x, one])
  const bias = step.inputs[3] ? ofDirection(w.add('Concat', [sorted(3), sorted(4)], { axis: 0 })) : NONE
  const state = (i: number) => (step.inputs[i] ? ofDirection(name(i)) : NONE)
  const inputs = [name(0), ofDirection(sorted(1)), ofDirection(sorted(2)), bias, NONE, state(5)]
  if (cell === 'lstm') inputs.push(state(6))
  const lstm = cell === 'lstm'
  const [y, , last] = w.addAll(
    OPERATORS[cell],
    inputs,
    {
      hidden_size: hidden,
      direction: reverse ? 'reverse' : 'forward',
      linear_before_reset: cell === 'gru' ? 1 : undefined,
      activations: cell === 'relu' ? ['Relu'] : undefined,
    },
    lstm ? [true, false, true] : [true],
  )
  const states = w.add('Squeeze', [y, w.ints([1])])
  // The states, and behind them an LSTM's last cell.
  return lstm ? w.add('Concat', [states, last], { axis: 0 }) : states
}
