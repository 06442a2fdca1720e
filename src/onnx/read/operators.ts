/** All operators that are read, by their names in ONNX. */
import { ELEMENTS } from './elements.js'
import { LAYERS } from './layers.js'
import type { Operator } from './node.js'
import { ORDER } from './order.js'
import { PLACES } from './places.js'
import { RECURRENT } from './recurrent.js'
import { REDUCTIONS } from './reductions.js'
import { SHAPES } from './shapes.js'
import { WINDOWS } from './windows.js'

const ALL = new Map<string, Operator>(
  [ELEMENTS, SHAPES, PLACES, WINDOWS, LAYERS, REDUCTIONS, RECURRENT, ORDER].flatMap((table) =>
    Object.entries(table),
  ),
)

/** What computes a node; undefined where there is no such operator here. */
export function operatorOf(name: string): Operator | undefined {
  return ALL.get(name)
}

/** Options that change nothing here: what else tells the same, how exact a sum is, what only modes have that are not read. */
export const HARMLESS: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>([
  ['Conv', ['kernel_shape']],
  ['ConvTranspose', ['kernel_shape']],
  ['MaxPool', ['storage_order']],
  // Whether it trains the net says.
  ['BatchNormalization', ['training_mode', 'spatial']],
  ['Dropout', ['seed']],
  ['LayerNormalization', ['stash_type']],
  ['GroupNormalization', ['stash_type']],
  ['Resize', ['cubic_coeff_a', 'exclude_outside', 'extrapolation_value']],
  ['Cast', ['saturate', 'round_mode']],
  ['CastLike', ['saturate', 'round_mode']],
  ['TopK', ['sorted']],
  ...['RNN', 'LSTM', 'GRU'].map((layer) => [layer, ['hidden_size']] as const),
])

/** The names, in order. */
export const READ_OPERATORS: readonly string[] = [...ALL.keys()].sort()
