/** The stateless forms of the layers: https://pytorch.org/docs/stable/nn.functional.html */
export { type BatchNormOptions, batchNorm } from '../autograd/ops/batch-norm.js'
export { type Conv2dOptions, conv2d, type Pair } from '../autograd/ops/conv2d.js'
export {
  type CrossEntropyOptions,
  correct,
  crossEntropy,
  type Labels,
} from '../autograd/ops/cross-entropy.js'
export { dropout } from '../autograd/ops/dropout.js'
export { linear } from '../autograd/ops/matmul.js'
export { type MaxPool2dOptions, maxPool2d } from '../autograd/ops/max-pool2d.js'
export { cat, flatten } from '../autograd/ops/rearrange.js'
export { logSoftmax, softmax } from '../autograd/ops/softmax.js'
export { relu, sigmoid, tanh } from '../autograd/ops/unary.js'
