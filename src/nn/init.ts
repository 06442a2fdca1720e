import { fillUniform } from '../tensor/random.js'
import { type Shape, sizeOf } from '../tensor/shape.js'
import { empty } from '../tensor/tensor.js'
import { Parameter } from './module.js'

/**
 * A parameter with uniform values from ±1/√fanIn: PyTorch's default for the weights (Kaiming's uniform
 * with a = √5) and biases of linear and convolution layers.
 * https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.kaiming_uniform_
 */
export function uniformByFanIn(shape: Shape, fanIn: number): Parameter {
  const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0
  return new Parameter(fillUniform(empty(shape, 'rows', 'leaf'), -bound, bound))
}

/** Inputs that each output of a weight [out, in, ...] sums over. */
export function fanIn(shape: Shape): number {
  return sizeOf(shape.slice(1))
}
