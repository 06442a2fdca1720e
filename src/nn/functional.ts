/** The stateless forms of the layers: https://pytorch.org/docs/stable/nn.functional.html */
export { adaptiveAvgPool1d, adaptiveAvgPool2d, type OutputSize } from '../autograd/ops/adaptive-pool.js'
export {
  type AttentionOptions,
  type MaskType,
  scaledDotProductAttention,
} from '../autograd/ops/attention.js'
export { type AvgPool2dOptions, avgPool2d } from '../autograd/ops/avg-pool2d.js'
export { type BatchNormOptions, batchNorm } from '../autograd/ops/batch-norm.js'
export {
  type BinaryCrossEntropyOptions,
  type BinaryCrossEntropyWithLogitsOptions,
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
} from '../autograd/ops/binary-cross-entropy.js'
export type { Labels } from '../autograd/ops/class-indices.js'
export { type ConvTranspose2dOptions, convTranspose2d } from '../autograd/ops/conv-transpose2d.js'
export { type Conv1dOptions, conv1d } from '../autograd/ops/conv1d.js'
export { type Conv2dOptions, conv2d } from '../autograd/ops/conv2d.js'
export { correct, crossEntropy } from '../autograd/ops/cross-entropy.js'
export type { CrossEntropyOptions } from '../autograd/ops/cross-entropy-composed.js'
export { dropout } from '../autograd/ops/dropout.js'
export { einsum } from '../autograd/ops/einsum.js'
export { type EmbeddingOptions, embedding } from '../autograd/ops/embedding.js'
export { type GeluOptions, gelu } from '../autograd/ops/gelu.js'
export {
  type GroupNormOptions,
  groupNorm,
  type InstanceNormOptions,
  instanceNorm,
} from '../autograd/ops/group-norm.js'
export { type InterpolateOptions, type InterpolationMode, interpolate } from '../autograd/ops/interpolate.js'
export { stack } from '../autograd/ops/joining.js'
export { type KLDivOptions, klDiv } from '../autograd/ops/kl-div.js'
export { type LayerNormOptions, layerNorm } from '../autograd/ops/layer-norm.js'
export type { LossOptions, Reduction } from '../autograd/ops/loss.js'
export { linear } from '../autograd/ops/matmul.js'
export {
  type MaxUnpool1dOptions,
  type MaxUnpool2dOptions,
  maxUnpool1d,
  maxUnpool2d,
} from '../autograd/ops/max-pool-indices.js'
export { type MaxPool2dOptions, maxPool2d } from '../autograd/ops/max-pool2d.js'
export { type NLLLossOptions, nllLoss } from '../autograd/ops/nll-loss.js'
export { oneHot } from '../autograd/ops/one-hot.js'
export { type PadOptions, pad } from '../autograd/ops/pad.js'
export {
  type AvgPool1dOptions,
  avgPool1d,
  type MaxPool1dOptions,
  maxPool1d,
} from '../autograd/ops/pool1d.js'
export { prelu } from '../autograd/ops/prelu.js'
export { cat, flatten } from '../autograd/ops/rearrange.js'
export {
  type HuberLossOptions,
  huberLoss,
  l1Loss,
  mseLoss,
  type SmoothL1LossOptions,
  smoothL1Loss,
} from '../autograd/ops/regression-losses.js'
export { type RMSNormOptions, rmsNorm } from '../autograd/ops/rms-norm.js'
export { logSoftmax, softmax } from '../autograd/ops/softmax.js'
export * from '../autograd/ops/unary.generated.js'
export { where } from '../autograd/ops/where.js'
export type { Pair } from '../check.js'
