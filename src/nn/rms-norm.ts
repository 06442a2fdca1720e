import { normalized } from '../autograd/ops/normalized-shape.js'
import { rmsNorm } from '../autograd/ops/rms-norm.js'
import { checkBoolean, checkNumber, checkOptions } from '../check.js'
import { ArgumentError } from '../errors.js'
import { ones } from '../tensor/create.js'
import type { Shape } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { numberText } from './layer.js'
import { Module, Parameter } from './module.js'

/** Options of RMSNorm. */
export interface RMSNormLayerOptions {
  /** Added to the mean square. Default null: what float32 resolves at 1, 2⁻²³. */
  eps?: number | null
  /** Whether a weight is trained. Default true. */
  elementwiseAffine?: boolean
}

/**
 * `x / √(mean(x²) + eps) · weight` over the last dimensions (Zhang and Sennrich, 2019).
 * https://pytorch.org/docs/stable/generated/torch.nn.RMSNorm.html
 */
export class RMSNorm extends Module {
  /** The sizes of the dimensions that are normalised over. */
  readonly normalizedShape: Shape
  /** Of the normalised shape, γ; null without `elementwiseAffine`. */
  readonly weight: Parameter | null
  /** Added to the mean square; null is 2⁻²³. */
  readonly eps: number | null

  /**
   * @param normalizedShape the sizes of the last dimensions, or the last one's
   * @param options eps, elementwiseAffine
   * @throws {ArgumentError} for an option that is unknown or out of range, or a size below 1
   */
  constructor(normalizedShape: Shape | number, options: RMSNormLayerOptions = {}) {
    super()
    checkOptions('RMSNorm', options, ['eps', 'elementwiseAffine'])
    const { eps = null, elementwiseAffine = true } = options
    if (eps !== null) checkNumber('RMSNorm', 'eps', eps, { least: 0 })
    checkBoolean('RMSNorm', 'elementwiseAffine', elementwiseAffine)
    this.normalizedShape = normalized('RMSNorm', normalizedShape)
    if (this.normalizedShape.includes(0)) {
      throw new ArgumentError(
        `RMSNorm: normalizedShape is made of sizes of at least 1, got [${this.normalizedShape}]`,
      )
    }
    this.eps = eps
    this.weight = elementwiseAffine ? new Parameter(ones(this.normalizedShape)) : null
  }

  /** `rmsNorm(x, normalizedShape, …)`. @throws {ShapeError} where `x` does not end in the normalised shape */
  override forward(x: Tensor): Tensor {
    const { normalizedShape, weight, eps } = this
    return rmsNorm(x, normalizedShape, { weight, eps })
  }

  /** @internal */
  override get libraryForward(): unknown {
    return RMSNorm.prototype.forward
  }

  override extraRepr(): string {
    const { normalizedShape, eps, weight } = this
    const shown = eps === null ? 'null' : numberText(eps)
    return `[${normalizedShape.join(', ')}], eps=${shown}, elementwiseAffine=${weight !== null}`
  }
}
