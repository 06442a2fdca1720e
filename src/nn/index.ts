export * from './activations.js'
export { AdaptiveAvgPool1d, AdaptiveAvgPool2d } from './adaptive-pooling.js'
export type { AttentionMasks } from './attention-masks.js'
export { AvgPool2d } from './avg-pooling.js'
export { BatchNorm1d, BatchNorm2d, BatchNorm3d, type BatchNormLayerOptions } from './batch-norm.js'
export {
  BatchRenorm1d,
  BatchRenorm2d,
  type BatchRenormLayerOptions,
  type RenormSchedule,
} from './batch-renorm.js'
export { ConvTranspose2d, type ConvTranspose2dLayerOptions } from './conv-transpose2d.js'
export { Conv1d, type Conv1dLayerOptions } from './conv1d.js'
export { Conv2d, type Conv2dLayerOptions } from './conv2d.js'
export { Embedding, type EmbeddingLayerOptions } from './embedding.js'
export * as functional from './functional.js'
export { GhostBatchNorm1d, GhostBatchNorm2d, type GhostBatchNormLayerOptions } from './ghost-batch-norm.js'
export { GroupNorm, type GroupNormLayerOptions } from './group-norm.js'
export { Identity } from './identity.js'
export * as init from './initialise.js'
export { InstanceNorm1d, InstanceNorm2d, type InstanceNormLayerOptions } from './instance-norm.js'
export { LayerNorm, type LayerNormLayerOptions } from './layer-norm.js'
export { Dropout, Flatten } from './layers.js'
export { Linear, type LinearOptions } from './linear.js'
export * from './losses/binary.js'
export * from './losses/classes.js'
export type { Answers } from './losses/loss.js'
export * from './losses/regression.js'
export * from './losses/weighted.js'
export { MaxPool2d } from './max-pooling.js'
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
export type { Pooled } from './pooling.js'
export { AvgPool1d, MaxPool1d } from './pooling1d.js'
export { PReLU, type PReLUOptions } from './prelu.js'
export { GRU, LSTM, type LSTMState, RNN, type RNNOptions } from './recurrent.js'
export type { RecurrentOptions } from './recurrent-base.js'
export {
  type CellOptions,
  GRUCell,
  LSTMCell,
  RNNCell,
  type RNNCellOptions,
} from './recurrent-cells.js'
export { RMSNorm, type RMSNormLayerOptions } from './rms-norm.js'
export { Sequential } from './sequential.js'
export { LogSoftmax, Softmax } from './softmax.js'
export {
  type ProcessGroup,
  SyncBatchNorm,
  type SyncBatchNormLayerOptions,
} from './sync-batch-norm.js'
export {
  type EncoderMasks,
  TransformerEncoder,
  TransformerEncoderLayer,
  type TransformerEncoderLayerOptions,
  type TransformerEncoderOptions,
} from './transformer.js'
export { MaxUnpool1d, MaxUnpool2d } from './unpooling.js'
export { Upsample } from './upsample.js'
export * as utils from './utils.js'
