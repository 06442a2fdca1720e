export * from './activations.js'
export type { AttentionMasks } from './attention-masks.js'
export { BatchNorm1d, BatchNorm2d, type BatchNormLayerOptions } from './batch-norm.js'
export { Conv2d, type Conv2dLayerOptions } from './conv2d.js'
export * as functional from './functional.js'
export * as init from './initialise.js'
export { LayerNorm, type LayerNormLayerOptions } from './layer-norm.js'
export { CrossEntropyLoss, Dropout, Flatten } from './layers.js'
export { Linear, type LinearOptions } from './linear.js'
export {
  AnyModule,
  type HookHandle,
  type HookOptions,
  type LoadOptions,
  type LoadResult,
  Module,
  Parameter,
  type StateDict,
} from './module.js'
export { ModuleDict } from './module-dict.js'
export { ModuleList } from './module-list.js'
export {
  MultiheadAttention,
  type MultiheadAttentionForwardOptions,
  type MultiheadAttentionOptions,
} from './multihead-attention.js'
export { ParameterList } from './parameter-list.js'
export { AvgPool2d, MaxPool2d } from './pooling.js'
export { GRU, LSTM, type LSTMState, RNN, type RNNOptions } from './recurrent.js'
export type { RecurrentOptions } from './recurrent-base.js'
export {
  type CellOptions,
  GRUCell,
  LSTMCell,
  RNNCell,
  type RNNCellOptions,
} from './recurrent-cells.js'
export { Sequential } from './sequential.js'
export {
  type EncoderMasks,
  TransformerEncoder,
  TransformerEncoderLayer,
  type TransformerEncoderLayerOptions,
  type TransformerEncoderOptions,
} from './transformer.js'
