import { type Conv2dOptions, conv2d } from '../autograd/ops/conv2d.js'
import { checkBoolean, checkOptions, kindOf, type Pair, pair } from '../check.js'
import { ArgumentError } from '../errors.js'
import type { Tensor } from '../tensor/tensor.js'
import { fanIn, uniformByFanIn } from './init.js'
import { checkInput, pairText } from './layer.js'
import { Module, type Parameter } from './module.js'

/** Options of Conv2d. */
export interface Conv2dLayerOptions extends Conv2dOptions {
  /** Whether to add a bias. Default true. */
  bias?: boolean
}

/**
 * 2-D convolution: [N, inChannels, H, W] → [N, outChannels, H', W'], H' = ⌊(H + 2·padding − kernel) / stride⌋ + 1.
 * Initial weights and bias are uniform in ±1 / √(inChannels · kh · kw).
 * https://pytorch.org/docs/stable/generated/torch.nn.Conv2d.html
 */
export class Conv2d extends Module {
  /** [outChannels, inChannels, kh, kw]. */
  readonly weight: Parameter
  /** [outChannels], or null. */
  readonly bias: Parameter | null
  /** Stride and padding, as pairs. */
  readonly options: Required<{ [K in keyof Conv2dOptions]: readonly [number, number] }>

  /**
   * @param inChannels channels of the input
   * @param outChannels channels of the result
   * @param kernelSize a number, or [height, width]
   * @throws {ArgumentError} for a size below 1, a padding below 0 or an unknown option
   */
  constructor(
    readonly inChannels: number,
    readonly outChannels: number,
    readonly kernelSize: Pair,
    options: Conv2dLayerOptions = {},
  ) {
    super()
    checkOptions('Conv2d', options, ['stride', 'padding', 'bias'])
    const { stride = 1, padding = 0, bias = true } = options
    if (![inChannels, outChannels].every((n) => Number.isInteger(n) && n > 0)) {
      throw new ArgumentError(
        `Conv2d: channels are whole numbers of at least 1, got ${kindOf(inChannels)} and ${kindOf(outChannels)}`,
      )
    }
    checkBoolean('Conv2d', 'bias', bias)
    const shape = [outChannels, inChannels, ...pair('Conv2d', 'kernelSize', kernelSize, 1)]
    this.options = {
      stride: pair('Conv2d', 'stride', stride, 1),
      padding: pair('Conv2d', 'padding', padding, 0),
    }
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
    const { stride, padding } = this.options
    const kernel = pairText(pair('Conv2d', 'kernelSize', this.kernelSize, 1))
    const more = [
      `kernelSize=${kernel}`,
      `stride=${pairText(stride)}`,
      ...(padding.some((p) => p > 0) ? [`padding=${pairText(padding)}`] : []),
      ...(this.bias ? [] : ['bias=false']),
    ]
    return [this.inChannels, this.outChannels, ...more].join(', ')
  }
}
