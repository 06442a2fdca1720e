/** Slips with recurrent layers, attention and transformers. */
import { ArgumentError, nn, ShapeError } from 'simdgrad'
import { made, type Slip, t } from './slip.js'

const tensor = /tensor/i
const argument = { error: ArgumentError }
const shape = { error: ShapeError }
const byName = /by name|option/
const attention = 'nn.functional.scaledDotProductAttention'
const q = t(2, 3, 4)

/** Each recurrent layer for inputs of 3 and states of 4. */
const RECURRENT: [string, () => unknown][] = [
  ['RNN', () => new nn.RNN(3, 4)],
  ['LSTM', () => new nn.LSTM(3, 4)],
  ['GRU', () => new nn.GRU(3, 4)],
  ['RNNCell', () => new nn.RNNCell(3, 4)],
  ['LSTMCell', () => new nn.LSTMCell(3, 4)],
  ['GRUCell', () => new nn.GRUCell(3, 4)],
]

const multihead = made('MultiheadAttention(4, 2)', () => new nn.MultiheadAttention(4, 2))
const layer = made('TransformerEncoderLayer(4, 2)', () => new nn.TransformerEncoderLayer(4, 2))
const encoder = made(
  'TransformerEncoder(…)',
  () => new nn.TransformerEncoder(new nn.TransformerEncoderLayer(4, 2), 2),
)
/** Errors of what is inside name that. */
const inside = { error: ArgumentError, names: /Attention|Transformer/ }

export const SEQUENCES: Slip[] = [
  ...RECURRENT.flatMap(([name, make]): Slip[] => {
    const one = made(`${name}(3, 4)`, make)
    return [
      [`nn.${name}`, [], /inputSize/],
      [`nn.${name}`, [3], /hiddenSize/],
      [`nn.${name}`, [3, 0], /hiddenSize/],
      [`nn.${name}`, ['3', 4], /inputSize/],
      [`nn.${name}`, [3, 4, 2], byName],
      [`nn.${name}`, [3, 4, { bias: 'no' }], /bias/],
      [`nn.${name}`, [3, 4, { batch_first: true }], /unknown option 'batch_first'/],
      [`nn.${name}.forward`, [one], tensor, argument],
      [`nn.${name}.forward`, [one, [[1, 2, 3]]], tensor, argument],
      [`nn.${name}.forward`, [one, t(2, 4)], /inputSize/, shape],
      [`nn.${name}.forward`, [one, t(2, 3), 3], /state/, argument],
    ]
  }),
  ...['RNN', 'LSTM', 'GRU'].flatMap((name): Slip[] => [
    [`nn.${name}`, [3, 4, { numLayers: 0 }], /numLayers/],
    [`nn.${name}`, [3, 4, { dropout: 2 }], /0 to 1/],
    [`nn.${name}`, [3, 4, { bidirectional: 1 }], /bidirectional/],
    [`nn.${name}`, [3, 4, { batchFirst: 'yes' }], /batchFirst/],
  ]),
  ['nn.RNN', [3, 4, { nonlinearity: 'sigmoid' }], /'tanh' or 'relu'/],
  ['nn.RNNCell', [3, 4, { nonlinearity: null }], /'tanh' or 'relu'/],
  ['nn.GRU.forward', [made('GRU(3, 4)', () => new nn.GRU(3, 4)), t(5, 2, 3), t(2, 4)], /\[1,2,4\]/, shape],
  [
    'nn.LSTM.forward',
    [made('LSTM(3, 4)', () => new nn.LSTM(3, 4)), t(5, 2, 3), t(1, 2, 4)],
    /pair \[h, c\]/,
    argument,
  ],
  [attention, [], tensor, argument],
  [attention, [q, q], tensor, argument],
  [attention, [q, [[1]], q], tensor, argument],
  [attention, [q, q, q, t(3, 3)], byName],
  [attention, [q, q, q, { mask: t(3, 3) }], /attnMask/],
  [attention, [q, q, q, { attnMask: [[0]] }], tensor, argument],
  [attention, [q, q, q, { attnMask: t(3, 3) }], /maskType/],
  [attention, [q, q, q, { attnMask: t(3, 3), maskType: 'bool' }], /'boolean' or 'additive'/],
  [attention, [q, q, q, { attnMask: t(3, 4), maskType: 'boolean' }], /\[2,3,3\]/, shape],
  [attention, [q, q, q, { attnMask: t(3, 3), maskType: 'boolean', isCausal: true }], /isCausal/],
  [attention, [q, q, q, { dropoutP: 2 }], /0 to 1/],
  [attention, [q, q, q, { isCausal: 1 }], /isCausal/],
  [attention, [q, q, q, { scale: '1' }], /scale/],
  [attention, [q, t(2, 3, 5), q], /\[\.\.\., S, E\]/, shape],
  ['nn.MultiheadAttention', [], /embedDim/],
  ['nn.MultiheadAttention', [4], /numHeads/],
  ['nn.MultiheadAttention', [4, 3], /multiple/],
  ['nn.MultiheadAttention', [4, 2, 0.1], byName],
  ['nn.MultiheadAttention', [4, 2, { batch_first: true }], /batchFirst/],
  ['nn.MultiheadAttention', [4, 2, { kdim: '3' }], /kdim/],
  ['nn.MultiheadAttention', [4, 2, { vdim: 0 }], /vdim/],
  ['nn.MultiheadAttention', [4, 2, { addBiasKv: 1 }], /addBiasKv/],
  ['nn.MultiheadAttention', [4, 2, { addZeroAttn: null }], /addZeroAttn/],
  ['nn.LSTM', [3, 4, { projSize: 4 }], /projSize/],
  ['nn.LSTM', [3, 4, { projSize: 1.5 }], /projSize/],
  ['nn.GRU', [3, 4, { projSize: 2 }], /projSize/],
  ['nn.MultiheadAttention.forward', [multihead, q], /forward\(x, x, x\)/, argument],
  ['nn.MultiheadAttention.forward', [multihead, q, q, [[1]]], tensor, argument],
  ['nn.MultiheadAttention.forward', [multihead, q, q, q, t(3)], byName],
  ['nn.MultiheadAttention.forward', [multihead, q, q, q, { needWeights: 0 }], /needWeights/],
  ['nn.MultiheadAttention.forward', [multihead, q, q, q, { attnMask: t(2, 2) }], /maskType/],
  ['nn.MultiheadAttention.forward', [multihead, q, q, t(2, 3, 5)], /\[S, N, 4\]/, shape],
  ['nn.TransformerEncoderLayer', [4], /numHeads/, inside],
  ['nn.TransformerEncoderLayer', [4, 2, 16], byName],
  ['nn.TransformerEncoderLayer', [4, 2, { activation: 'tanh' }], /'relu' or 'gelu'/],
  ['nn.TransformerEncoderLayer', [4, 2, { normFirst: 1 }], /normFirst/],
  ['nn.TransformerEncoderLayer', [4, 2, { dimFeedforward: 0 }], /dimFeedforward/],
  ['nn.TransformerEncoderLayer.forward', [layer, [[1]]], tensor, inside],
  ['nn.TransformerEncoderLayer.forward', [layer, q, t(2, 2)], byName],
  ['nn.TransformerEncoder', [4, 2], /to copy, got 4/],
  ['nn.TransformerEncoder', [layer], /numLayers/],
  ['nn.TransformerEncoder', [layer, 2, { norm: 'layer' }], /LayerNorm/],
  ['nn.TransformerEncoder.forward', [encoder, [[1]]], tensor, inside],
]
