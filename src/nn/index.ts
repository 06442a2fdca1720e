export * from './activations.js'
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
export { ParameterList } from './parameter-list.js'
export { AvgPool2d, MaxPool2d } from './pooling.js'
export { Sequential } from './sequential.js'
