/** Normalisation by the root of the mean square, made of other operations. */
import { checkNumber, checkOptions } from '../../check.js'
import { ShapeError } from '../../errors.js'
import { scoped } from '../../tensor/scope.js'
import { type Shape, sameShape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkOptionalTensor, checkTensor } from '../arguments.js'
import { add, mul } from './arithmetic.js'
import { normalized } from './normalized-shape.js'
import { mean } from './reduce.js'
import { pow } from './unary.js'

/** What `rmsNorm` takes besides its input and the shape. */
export interface RMSNormOptions {
  /** Of the normalised shape; default 1. */
  weight?: Tensor | null
  /** Added to the mean square. Default null: what float32 resolves at 1, 2⁻²³. */
  eps?: number | null
}

/** The distance from 1 to the next float32, PyTorch's `torch.finfo(torch.float32).eps`. */
const FLOAT32_EPS = 2 ** -23

/**
 * `x / √(mean(x²) + eps) · weight`, the mean being over the last dimensions (Zhang and Sennrich, 2019).
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.rms_norm.html
 *
 * @param x [..., ...normalizedShape]
 * @param normalizedShape the sizes of the last dimensions, or the last one's
 * @returns the shape of `x`
 * @throws {ShapeError} where `x` does not end in the normalised shape, or weight is not of it
 * @throws {ArgumentError} for an unknown option, or an eps below 0
 */
export function rmsNorm(x: Tensor, normalizedShape: Shape | number, options: RMSNormOptions = {}): Tensor {
  checkTensor('rmsNorm', 'input', x)
  checkOptions('rmsNorm', options, ['weight', 'eps'])
  const { weight = null, eps = null } = options
  const shape = normalized('rmsNorm', normalizedShape)
  if (eps !== null) checkNumber('rmsNorm', 'eps', eps, { least: 0 })
  checkOptionalTensor('rmsNorm', 'weight', weight)
  const first = x.shape.length - shape.length
  if (first < 0 || !sameShape(x.shape.slice(first), shape)) {
    throw new ShapeError(
      `rmsNorm: expected an input of shape [..., ${shape}] (normalizedShape), got [${x.shape}]`,
    )
  }
  if (weight && !sameShape(weight.shape, shape)) {
    throw new ShapeError(`rmsNorm: weight has shape [${weight.shape}], expected [${shape}]`)
  }
  return scoped(() => {
    const squares = mean(mul(x, x), { dim: shape.map((_, d) => first + d), keepdim: true })
    const y = mul(x, pow(add(squares, eps ?? FLOAT32_EPS), -0.5))
    return weight ? mul(y, weight) : y
  })
}
