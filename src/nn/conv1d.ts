import { type Conv1dOptions, checkConv1dOptions, conv1d } from '../autograd/ops/conv1d.js'
import { checkBoolean, checkNumber, checkOptions } from '../check.js'
import type { Tensor } from '../tensor/tensor.js'
import { checkChannels, checkPaddingMode, convolutionText } from './convolution.js'
import { fanIn, uniformByFanIn } from './init.js'
import { checkInput } from './layer.js'
import { Module, type Parameter } from './module.js'

/** Options of Conv1d. */
export interface Conv1dLayerOptions extends Conv1dOptions {
  /** Whether to add a bias. Default true. */
  bias?: boolean
  /** What the padding is made of: 'zeros', the only one that there is here. */
  paddingMode?: 'zeros'
}

/**
 * 1-D convolution: [N, inChannels, L] → [N, outChannels, L'],
 * L' = ⌊(L + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1.
 * Initial weights and bias are uniform in ±1 / √(inChannels / groups · kernel).
 * https://pytorch.org/docs/stable/generated/torch.nn.Conv1d.html
 */
export class Conv1d extends Module {
  /** [outChannels, inChannels / groups, kernelSize]. */
  readonly weight: Parameter
  /** [outChannels], or null. */
  readonly bias: Parameter | null
  /** Stride, padding, dilation and groups. */
  readonly options: Required<Conv1dOptions>

  /**
   * @param inChannels channels of the input
   * @param outChannels channels of the result
   * @param kernelSize taps of the kernel
   * @throws {ArgumentError} for a size below 1, a padding below 0, groups that do not divide the channels, a padding
   *   mode other than 'zeros', or an unknown option
   */
  constructor(
    readonly inChannels: number,
    readonly outChannels: number,
    readonly kernelSize: number,
    options: Conv1dLayerOptions = {},
  ) {
    super()
    checkOptions('Conv1d', options, ['stride', 'padding', 'dilation', 'groups', 'bias', 'paddingMode'])
    const { stride = 1, padding = 0, dilation = 1, groups = 1, bias = true, paddingMode = 'zeros' } = options
    checkChannels('Conv1d', inChannels, outChannels, groups)
    checkNumber('Conv1d', 'kernelSize', kernelSize, { least: 1, most: 2 ** 31 - 1, whole: true })
    checkBoolean('Conv1d', 'bias', bias)
    checkPaddingMode('Conv1d', paddingMode)
    this.options = { stride, padding, dilation, groups }
    checkConv1dOptions('Conv1d', this.options)
    const shape = [outChannels, inChannels / groups, kernelSize]
    this.weight = uniformByFanIn(shape, fanIn(shape))
    this.bias = bias ? uniformByFanIn([outChannels], fanIn(shape)) : null
  }

  /** `conv1d(x, weight, bias)`. @throws {ShapeError} for other channels, or a kernel larger than the padded input */
  override forward(x: Tensor): Tensor {
    const { inChannels, outChannels, kernelSize } = this
    const name = `Conv1d(${inChannels}, ${outChannels}, ${kernelSize})`
    checkInput(name, x, [3], inChannels, `${inChannels} input channels`)
    return conv1d(x, this.weight, this.bias, this.options)
  }

  /** @internal */
  override get libraryForward(): unknown {
    return Conv1d.prototype.forward
  }

  override extraRepr(): string {
    const { inChannels, outChannels, kernelSize } = this
    const { stride, padding, dilation, groups } = this.options
    return convolutionText({
      inChannels,
      outChannels,
      kernel: `[${kernelSize}]`,
      stride: [stride],
      padding: typeof padding === 'string' ? padding : [padding],
      dilation: [dilation],
      groups,
      bias: this.bias !== null,
    })
  }
}
