import {
  CONV_TRANSPOSE2D_OPTIONS,
  type ConvTranspose2dOptions,
  convTranspose2d,
  convTranspose2dAttributes,
} from '../autograd/ops/conv-transpose2d.js'
import { checkBoolean, checkOptions, type Pair, pair } from '../check.js'
import type { Tensor } from '../tensor/tensor.js'
import { checkChannels, checkPaddingMode, convolutionText } from './convolution.js'
import { fanIn, uniformByFanIn } from './init.js'
import { checkInput, pairText } from './layer.js'
import { Module, type Parameter } from './module.js'

/** Options of ConvTranspose2d. */
export interface ConvTranspose2dLayerOptions extends ConvTranspose2dOptions {
  /** Whether to add a bias. Default true. */
  bias?: boolean
  /** What the padding is made of: 'zeros', the only one that there is. */
  paddingMode?: 'zeros'
}

/**
 * 2-D transposed convolution: [N, inChannels, H, W] → [N, outChannels, H', W'],
 * H' = (H − 1)·stride − 2·padding + dilation·(kernel − 1) + outputPadding + 1.
 * Initial weights and bias are uniform in ±1 / √(outChannels / groups · kh · kw), as in PyTorch.
 * https://pytorch.org/docs/stable/generated/torch.nn.ConvTranspose2d.html
 */
export class ConvTranspose2d extends Module {
  /** [inChannels, outChannels / groups, kh, kw]. */
  readonly weight: Parameter
  /** [outChannels], or null. */
  readonly bias: Parameter | null
  /** Stride, padding, output padding and dilation, as pairs, and groups. */
  readonly options: {
    stride: readonly [number, number]
    padding: readonly [number, number]
    outputPadding: readonly [number, number]
    groups: number
    dilation: readonly [number, number]
  }

  /**
   * @param inChannels channels of the input
   * @param outChannels channels of the result
   * @param kernelSize a number, or [height, width]
   * @throws {ArgumentError} for a size below 1, a padding below 0, an output padding that is not smaller than the stride
   *   or the dilation, groups that do not divide the channels, or an unknown option
   */
  constructor(
    readonly inChannels: number,
    readonly outChannels: number,
    readonly kernelSize: Pair,
    options: ConvTranspose2dLayerOptions = {},
  ) {
    super()
    const name = 'ConvTranspose2d'
    checkOptions(name, options, [...CONV_TRANSPOSE2D_OPTIONS, 'bias', 'paddingMode'])
    const { groups = 1, bias = true, paddingMode = 'zeros' } = options
    checkChannels(name, inChannels, outChannels, groups)
    checkBoolean(name, 'bias', bias)
    checkPaddingMode(name, paddingMode)
    const kernel = pair(name, 'kernelSize', kernelSize, 1)
    const { stride, before, outputPadding, dilation } = convTranspose2dAttributes(name, options)
    this.options = { stride, padding: before, outputPadding, groups, dilation }
    const shape = [inChannels, outChannels / groups, ...kernel]
    this.weight = uniformByFanIn(shape, fanIn(shape))
    this.bias = bias ? uniformByFanIn([outChannels], fanIn(shape)) : null
  }

  /** `convTranspose2d(x, weight, bias)`. @throws {ShapeError} for other channels, or where the padding cuts off all */
  override forward(x: Tensor): Tensor {
    const { inChannels, outChannels, kernelSize } = this
    const name = `ConvTranspose2d(${inChannels}, ${outChannels}, ${kernelSize})`
    checkInput(name, x, [4], inChannels, `${inChannels} input channels`)
    return convTranspose2d(x, this.weight, this.bias, this.options)
  }

  /** @internal */
  override get libraryForward(): unknown {
    return ConvTranspose2d.prototype.forward
  }

  override extraRepr(): string {
    const { inChannels, outChannels, options } = this
    const kernel = pairText(pair('ConvTranspose2d', 'kernelSize', this.kernelSize, 1))
    return convolutionText({ inChannels, outChannels, kernel, bias: this.bias !== null, ...options })
  }
}
