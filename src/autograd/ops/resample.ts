/**
 * Resampling along one direction of images: each output is a weighted sum of a few inputs, so all are a product with
 * a matrix that is mostly zeros. Its gradient is the product's.
 */
import { tensor } from '../../tensor/create.js'
import { scoped } from '../../tensor/scope.js'
import type { Tensor } from '../../tensor/tensor.js'
import { matmul } from './matmul.js'

/** What each of the `outputs` is made of: which of the `size` inputs, and how much of each. */
export interface Weights {
  size: number
  outputs: number
  of(i: number): readonly (readonly [input: number, weight: number])[]
}

/** [outputs, size], or transposed. */
function matrix({ size, outputs, of }: Weights, transposed: boolean): Tensor {
  const values = new Float32Array(outputs * size)
  for (let i = 0; i < outputs; i++) {
    for (const [input, weight] of of(i)) values[transposed ? input * outputs + i : i * size + input] += weight
  }
  return tensor(values, { shape: transposed ? [size, outputs] : [outputs, size] })
}

/** [..., H, W] → [..., outputs, W]. */
export function alongRows(x: Tensor, weights: Weights): Tensor {
  return scoped(() => matmul(matrix(weights, false), x))
}

/** [..., H, W] → [..., H, outputs]. */
export function alongColumns(x: Tensor, weights: Weights): Tensor {
  return scoped(() => matmul(x, matrix(weights, true)))
}
