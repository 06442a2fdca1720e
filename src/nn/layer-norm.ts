import { layerNorm } from '../autograd/ops/layer-norm.js'
import { normalized } from '../autograd/ops/normalized-shape.js'
import { checkBoolean, checkNumber, checkOptions } from '../check.js'
import { ArgumentError } from '../errors.js'
import { ones, zeros } from '../tensor/create.js'
import type { Shape } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { numberText } from './layer.js'
import { Module, Parameter } from './module.js'

/** Options of LayerNorm. */
export interface LayerNormLayerOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number
  /** Whether weight and bias are trained. Default true. */
  elementwiseAffine?: boolean
  /** Whether there is a bias beside the weight. Default true. */
  bias?: boolean
}

/**
 * `(x − mean) / √(var + eps) · weight + bias` over the last dimensions (Ba, Kiros and Hinton, 2016).
 * https://pytorch.org/docs/stable/generated/torch.nn.LayerNorm.html
 */
export class LayerNorm extends Module {
  /** The sizes of the dimensions that are normalised over. */
  readonly normalizedShape: Shape
  /** Of the normalised shape, γ; null without `elementwiseAffine`. */
  readonly weight: Parameter | null
  /** Of the normalised shape, β; null without `elementwiseAffine` or `bias`. */
  readonly bias: Parameter | null
  /** Added to the variance. */
  readonly eps: number

  /**
   * @param normalizedShape the sizes of the last dimensions, or the last one's
   * @param options eps, elementwiseAffine, bias
   * @throws {ArgumentError} for an option that is unknown or out of range, or a size below 1
   */
  constructor(normalizedShape: Shape | number, options: LayerNormLayerOptions = {}) {
    super()
    checkOptions('LayerNorm', options, ['eps', 'elementwiseAffine', 'bias'])
    const { eps = 1e-5, elementwiseAffine = true, bias = true } = options
    checkNumber('LayerNorm', 'eps', eps, { least: 0 })
    checkBoolean('LayerNorm', 'elementwiseAffine', elementwiseAffine)
    checkBoolean('LayerNorm', 'bias', bias)
    this.normalizedShape = normalized('LayerNorm', normalizedShape)
    if (this.normalizedShape.includes(0)) {
      throw new ArgumentError(
        `LayerNorm: normalizedShape is made of sizes of at least 1, got [${this.normalizedShape}]`,
      )
    }
    this.eps = eps
    this.weight = elementwiseAffine ? new Parameter(ones(this.normalizedShape)) : null
    this.bias = elementwiseAffine && bias ? new Parameter(zeros(this.normalizedShape)) : null
  }

  /** `layerNorm(x, normalizedShape, …)`. @throws {ShapeError} where `x` does not end in the normalised shape */
  override forward(x: Tensor): Tensor {
    const { normalizedShape, weight, bias, eps } = this
    return layerNorm(x, normalizedShape, { weight, bias, eps })
  }

  /** @internal */
  override get libraryForward(): unknown {
    return LayerNorm.prototype.forward
  }

  override extraRepr(): string {
    const { normalizedShape, eps, weight } = this
    return `[${normalizedShape.join(', ')}], eps=${numberText(eps)}, elementwiseAffine=${weight !== null}`
  }
}
