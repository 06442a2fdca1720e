/** The stateless forms of the layers: https://pytorch.org/docs/stable/nn.functional.html */
export { adaptiveAvgPool1d, adaptiveAvgPool2d, type OutputSize } from '../autograd/ops/adaptive-pool.js'
export { type AvgPool2dOptions, avgPool2d } from '../autograd/ops/avg-pool2d.js'
export { type BatchNormOptions, batchNorm } from '../autograd/ops/batch-norm.js'
export { type ConvTranspose2dOptions, convTranspose2d } from '../autograd/ops/conv-transpose2d.js'
export { type Conv1dOptions, conv1d } from '../autograd/ops/conv1d.js'
export { type Conv2dOptions, conv2d } from '../autograd/ops/conv2d.js'
export {
  type CrossEntropyOptions,
  correct,
  crossEntropy,
  type Labels,
} from '../autograd/ops/cross-entropy.js'
export { dropout } from '../autograd/ops/dropout.js'
export {
  type GroupNormOptions,
  groupNorm,
  type InstanceNormOptions,
  instanceNorm,
} from '../autograd/ops/group-norm.js'
export { type InterpolateOptions, type InterpolationMode, interpolate } from '../autograd/ops/interpolate.js'
export { type LayerNormOptions, layerNorm } from '../autograd/ops/layer-norm.js'
export { linear } from '../autograd/ops/matmul.js'
export { type MaxPool2dOptions, maxPool2d } from '../autograd/ops/max-pool2d.js'
export {
  type AvgPool1dOptions,
  avgPool1d,
  type MaxPool1dOptions,
  maxPool1d,
} from '../autograd/ops/pool1d.js'
export { cat, flatten } from '../autograd/ops/rearrange.js'
export { type RMSNormOptions, rmsNorm } from '../autograd/ops/rms-norm.js'
export { logSoftmax, softmax } from '../autograd/ops/softmax.js'
export * from '../autograd/ops/unary.generated.js'
export type { Pair } from '../check.js'
