/**
 * Resampling along one direction of images: each output is a weighted sum of a few inputs side by side, so all are a
 * product with a matrix that is mostly zeros, of which the kernel reads the rest only.
 */
import { needWhole } from '../../bindings/whole.js'
import { resample } from '../../bindings/whole-kernels.generated.js'
import { tensor } from '../../tensor/create.js'
import { scoped } from '../../tensor/scope.js'
import type { Shape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { defineOperation, unchanged } from '../operation.js'
import { run } from '../tape.js'

/** What each of the `outputs` is made of: which of the `size` inputs, neighbours, and how much of each. */
export interface Weights {
  size: number
  outputs: number
  of(i: number): readonly (readonly [input: number, weight: number])[]
}

interface Attributes {
  /** 2 for rows, 3 for columns. */
  dim: 2 | 3
  outputs: number
}

/** The images as [N, outer, size, inner]. */
function sizesOf([n, c, h, w]: Shape, dim: 2 | 3) {
  return dim === 2 ? { n, outer: c, size: h, inner: w } : { n, outer: c * h, size: w, inner: 1 }
}

const operation = defineOperation<Attributes>({
  name: 'resample',
  inputs: { x: 'lanes', matrix: 'rows' },
  output: 'lanes',
  gradients: { x: ['matrix'] },
  shape: ([{ shape }], { dim, outputs }) => shape.map((size, d) => (d === dim ? outputs : size)),
  forward({ inputs: [x, matrix], output, attributes: { dim, outputs } }) {
    const sizes = sizesOf(x.shape, dim)
    const [from, to] = [x.storage, output.storage]
    resample({ outputs, transposed: false, matrix: matrix.storage, x: from, y: to, ...sizes })
  },
  repeats: unchanged,
  backward(call) {
    const dx = call.gradient(0)
    if (!dx) return
    const { dim, outputs } = call.attributes
    const { n, outer, size, inner } = sizesOf(dx.shape, dim)
    const [matrix, from, to] = [call.inputs[1].storage, call.dy.storage, dx.storage]
    resample({ n, outer, size: outputs, outputs: size, inner, transposed: true, matrix, x: from, y: to })
  },
})

/** [outputs, size]. */
function matrix({ size, outputs, of }: Weights): Tensor {
  const values = new Float32Array(outputs * size)
  for (let i = 0; i < outputs; i++) for (const [input, weight] of of(i)) values[i * size + input] += weight
  return tensor(values, { shape: [outputs, size] })
}

function along(x: Tensor, dim: 2 | 3, weights: Weights): Tensor {
  needWhole('resample')
  return scoped(() => run(operation, [x, matrix(weights)], { dim, outputs: weights.outputs }))
}

/** [N, C, H, W] → [N, C, outputs, W]. */
export const alongRows = (x: Tensor, weights: Weights): Tensor => along(x, 2, weights)

/** [N, C, H, W] → [N, C, H, outputs]. */
export const alongColumns = (x: Tensor, weights: Weights): Tensor => along(x, 3, weights)
