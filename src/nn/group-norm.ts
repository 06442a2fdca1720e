import { checkTensor } from '../autograd/arguments.js'
import { groupNorm } from '../autograd/ops/group-norm.js'
import { checkBoolean, checkNumber, checkOptions } from '../check.js'
import { ArgumentError, ShapeError } from '../errors.js'
import { ones, zeros } from '../tensor/create.js'
import type { Tensor } from '../tensor/tensor.js'
import { numberText } from './layer.js'
import { Module, Parameter } from './module.js'

/** Options of GroupNorm. */
export interface GroupNormLayerOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number
  /** Whether weight and bias are trained. Default true. */
  affine?: boolean
}

/**
 * `(x − mean) / √(var + eps) · weight + bias` of (N, C, ...), mean and biased variance being those of a group of a
 * sample's channels; weight and bias are the channel's (Wu and He, 2018).
 * https://pytorch.org/docs/stable/generated/torch.nn.GroupNorm.html
 */
export class GroupNorm extends Module {
  /** [numChannels], γ; null without `affine`. */
  readonly weight: Parameter | null
  /** [numChannels], β; null without `affine`. */
  readonly bias: Parameter | null
  /** Added to the variance. */
  readonly eps: number

  /**
   * @param numGroups into how many groups the channels are cut, in order
   * @param numChannels channels C of the input, a multiple of `numGroups`
   * @param options eps, affine
   * @throws {ArgumentError} for an option that is unknown or out of range, or groups that do not divide the channels
   */
  constructor(
    readonly numGroups: number,
    readonly numChannels: number,
    options: GroupNormLayerOptions = {},
  ) {
    super()
    checkNumber('GroupNorm', 'numGroups', numGroups, { least: 1, whole: true })
    checkNumber('GroupNorm', 'numChannels', numChannels, { least: 1, whole: true })
    if (numChannels % numGroups !== 0) {
      throw new ArgumentError(
        `GroupNorm: numGroups divides numChannels, got ${numGroups} for ${numChannels} channels`,
      )
    }
    checkOptions('GroupNorm', options, ['eps', 'affine'])
    const { eps = 1e-5, affine = true } = options
    checkNumber('GroupNorm', 'eps', eps, { least: 0 })
    checkBoolean('GroupNorm', 'affine', affine)
    this.eps = eps
    this.weight = affine ? new Parameter(ones([numChannels])) : null
    this.bias = affine ? new Parameter(zeros([numChannels])) : null
  }

  /** `groupNorm(x, numGroups, …)`. @throws {ShapeError} for other channels, or one value in a group */
  override forward(x: Tensor): Tensor {
    const { numGroups, numChannels, weight, bias, eps } = this
    const name = `GroupNorm(${numGroups}, ${numChannels})`
    checkTensor(name, 'input', x)
    if (x.shape.length < 2 || x.shape[1] !== numChannels) {
      throw new ShapeError(`${name}: expected an input of shape [N, ${numChannels}, ...], got [${x.shape}]`)
    }
    return groupNorm(x, numGroups, { weight, bias, eps })
  }

  /** @internal */
  override get libraryForward(): unknown {
    return GroupNorm.prototype.forward
  }

  override extraRepr(): string {
    const { numGroups, numChannels, eps, weight } = this
    return `${numGroups}, ${numChannels}, eps=${numberText(eps)}, affine=${weight !== null}`
  }
}
