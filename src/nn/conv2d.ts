import { type Conv2dOptions, conv2d } from '../autograd/ops/conv2d.js'
import { convolutionAttributes } from '../autograd/ops/convolution.js'
import { checkBoolean, checkOptions, type Pair, pair } from '../check.js'
import type { Tensor } from '../tensor/tensor.js'
import { checkChannels, checkPaddingMode, convolutionText } from './convolution.js'
import { fanIn, uniformByFanIn } from './init.js'
import { checkInput, pairText } from './layer.js'
import { Module, type Parameter } from './module.js'

/** Options of Conv2d. */
export interface Conv2dLayerOptions extends Conv2dOptions {
  /** Whether to add a bias. Default true. */
  bias?: boolean
  /** What the padding is made of: 'zeros', the only one that there is here. */
  paddingMode?: 'zeros'
}

const OPTIONS = ['stride', 'padding', 'dilation', 'groups', 'bias', 'paddingMode']

/** How a Conv2d moves: pairs, and padding as a pair or the word that was given. */
interface Moves {
  stride: readonly [number, number]
  padding: readonly [number, number] | 'same' | 'valid'
  dilation: readonly [number, number]
  groups: number
}

/**
 * 2-D convolution: [N, inChannels, H, W] → [N, outChannels, H', W'],
 * H' = ⌊(H + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1.
 * Initial weights and bias are uniform in ±1 / √(inChannels / groups · kh · kw).
 * https://pytorch.org/docs/stable/generated/torch.nn.Conv2d.html
 */
export class Conv2d extends Module {
  /** [outChannels, inChannels / groups, kh, kw]. */
  readonly weight: Parameter
  /** [outChannels], or null. */
  readonly bias: Parameter | null
  /** Stride, padding and dilation, as pairs, and groups; a padding in words as it was given. */
  readonly options: Moves

  /**
   * @param inChannels channels of the input
   * @param outChannels channels of the result
   * @param kernelSize a number, or [height, width]
   * @throws {ArgumentError} for a size below 1, a padding below 0, groups that do not divide the channels, a padding
   *   mode other than 'zeros', or an unknown option
   */
  constructor(
    readonly inChannels: number,
    readonly outChannels: number,
    readonly kernelSize: Pair,
    options: Conv2dLayerOptions = {},
  ) {
    super()
    checkOptions('Conv2d', options, OPTIONS)
    const { stride = 1, padding = 0, dilation = 1, groups = 1, bias = true, paddingMode = 'zeros' } = options
    checkChannels('Conv2d', inChannels, outChannels, groups)
    checkBoolean('Conv2d', 'bias', bias)
    checkPaddingMode('Conv2d', paddingMode)
    const kernel = pair('Conv2d', 'kernelSize', kernelSize, 1)
    const checked = convolutionAttributes('Conv2d', { stride, padding, dilation, groups }, kernel)
    this.options = {
      stride: checked.stride,
      padding: typeof padding === 'string' ? padding : checked.before,
      dilation: checked.dilation,
      groups,
    }
    const shape = [outChannels, inChannels / groups, ...kernel]
    this.weight = uniformByFanIn(shape, fanIn(shape))
    this.bias = bias ? uniformByFanIn([outChannels], fanIn(shape)) : null
  }

  /** `conv2d(x, weight, bias)`. @throws {ShapeError} for other channels, or a kernel larger than the padded input */
  override forward(x: Tensor): Tensor {
    checkInput(
      `Conv2d(${this.inChannels}, ${this.outChannels}, ${this.kernelSize})`,
      x,
      [4],
      this.inChannels,
      `${this.inChannels} input channels`,
    )
    return conv2d(x, this.weight, this.bias, this.options)
  }

  /** @internal */
  override get libraryForward(): unknown {
    return Conv2d.prototype.forward
  }

  override extraRepr(): string {
    const { inChannels, outChannels, options } = this
    const kernel = pairText(pair('Conv2d', 'kernelSize', this.kernelSize, 1))
    return convolutionText({ inChannels, outChannels, kernel, bias: this.bias !== null, ...options })
  }
}
