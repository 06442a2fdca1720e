/** Layer normalisation. */

import { needWhole } from '../../bindings/whole.js'
import { layerNormBackward, layerNormForward } from '../../bindings/whole-kernels.generated.js'
import { checkNumber, checkOptions } from '../../check.js'
import { ShapeError } from '../../errors.js'
import { type Shape, sameShape, sizeOf } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkOptionalTensor, checkTensor } from '../arguments.js'
import { defineOperation, unchanged } from '../operation.js'
import '../recipe.js'
import { run } from '../tape.js'
import { normalized } from './normalized-shape.js'

/** What `layerNorm` takes besides its input and the shape. */
export interface LayerNormOptions {
  /** Of the normalised shape; default 1. */
  weight?: Tensor | null
  /** Of the normalised shape; default 0. */
  bias?: Tensor | null
  /** Added to the variance. Default 1e-5. */
  eps?: number
}

interface Attributes {
  rows: number
  cols: number
  eps: number
}

const operation = defineOperation<Attributes>({
  name: 'layerNorm',
  inputs: { x: 'rows', weight: 'rows', bias: 'rows' },
  output: 'rows',
  makes: ['mean', 'rstd'],
  made: (_, { rows }) => [{ shape: [rows] }, { shape: [rows] }],
  gradients: {
    x: ['x', 'weight', 'mean', 'rstd'],
    weight: ['x', 'mean', 'rstd'],
    bias: ['x', 'mean', 'rstd'],
  },
  shape: ([x]) => x.shape,
  forward({ inputs: [x, weight, bias], output, made: [mean, rstd], attributes: { rows, cols, eps } }) {
    layerNormForward({
      rows,
      cols,
      x: x.storage,
      weight: weight?.storage,
      bias: bias?.storage,
      eps,
      y: output.storage,
      mean: mean.storage,
      rstd: rstd.storage,
    })
  },
  repeats: unchanged,
  backward(call) {
    const [x, weight] = call.inputs
    const [mean, rstd] = call.made
    const [dx, dweight, dbias] = [call.gradient(0), call.gradient(1), call.gradient(2)]
    const { rows, cols } = call.attributes
    layerNormBackward({
      rows,
      cols,
      x: x.storage,
      dy: call.dy.storage,
      mean: mean.storage,
      rstd: rstd.storage,
      weight: weight?.storage,
      dx: dx?.storage,
      dweight: dweight?.storage,
      dbias: dbias?.storage,
    })
  },
})

/**
 * `(x − mean) / √(var + eps) · weight + bias` over the last dimensions, with the biased variance (Ba, Kiros and
 * Hinton, 2016). https://pytorch.org/docs/stable/generated/torch.nn.functional.layer_norm.html
 *
 * @param x [..., ...normalizedShape]
 * @param normalizedShape the sizes of the last dimensions, or the last one's
 * @returns the shape of `x`
 * @throws {ShapeError} where `x`, weight or bias do not end in (are not of) the normalised shape
 * @throws {ArgumentError} for an unknown option, or an eps below 0
 * @throws {InitError} where `init` loaded the binary without its kernels, see `kernels` there
 */
export function layerNorm(
  x: Tensor,
  normalizedShape: Shape | number,
  options: LayerNormOptions = {},
): Tensor {
  needWhole('layerNorm')
  checkTensor('layerNorm', 'input', x)
  checkOptions('layerNorm', options, ['weight', 'bias', 'eps'])
  const { weight = null, bias = null, eps = 1e-5 } = options
  const shape = normalized('layerNorm', normalizedShape)
  checkNumber('layerNorm', 'eps', eps, { least: 0 })
  if (x.shape.length < shape.length || !sameShape(x.shape.slice(-shape.length), shape)) {
    throw new ShapeError(
      `layerNorm: expected an input of shape [..., ${shape}] (normalizedShape), got [${x.shape}]`,
    )
  }
  for (const [what, tensor] of Object.entries({ weight, bias })) {
    checkOptionalTensor('layerNorm', what, tensor)
    if (tensor && !sameShape(tensor.shape, shape)) {
      throw new ShapeError(`layerNorm: ${what} has shape [${tensor.shape}], expected [${shape}]`)
    }
  }
  const rows = sizeOf(x.shape.slice(0, -shape.length))
  return run(operation, [x, weight ?? undefined, bias ?? undefined], { rows, cols: sizeOf(shape), eps })
}
