/** What pooling layers share: windows that move over images or sequences. */
import { type Pair, pair } from '../check.js'
import type { Tensor } from '../tensor/tensor.js'
import { pairText } from './layer.js'
import { Module } from './module.js'

/** What max pooling gives: the largest values and, where they are asked for, their places. */
export type Pooled<Indices extends boolean> = Indices extends true ? [y: Tensor, indices: Tensor] : Tensor

/** What all poolings are: they hold their window and options, and call the function of nn.functional. */
export abstract class Pooling<Kernel, Options extends object, Output = Tensor> extends Module<
  [x: Tensor],
  Output
> {
  constructor(
    /** The window. */
    readonly kernelSize: Kernel,
    /** As given. */
    readonly options: Options,
  ) {
    super()
  }

  /** The function with the window and the options. @internal */
  protected abstract pool(x: Tensor): unknown

  /**
   * The function of the same name in `nn.functional`, with the window and the options.
   *
   * @param x [N, C, H, W], of sequences [N, C, L]
   * @throws {ShapeError} for an input of another rank, or a window that does not fit
   * @throws {ArgumentError} for a padding of more than half the window
   */
  override forward(x: Tensor): Output {
    return this.pool(x) as Output
  }

  /** @internal */
  override get libraryForward(): unknown {
    return Pooling.prototype.forward
  }
}

export interface WindowOptions {
  stride?: Pair
  padding?: Pair
}

/** @throws {ArgumentError} for a size below 1, or a padding below 0 */
export function checkWindow(
  name: string,
  kernelSize: Pair,
  { stride = kernelSize, padding = 0 }: WindowOptions,
): void {
  pair(name, 'kernelSize', kernelSize, 1)
  pair(name, 'stride', stride, 1)
  pair(name, 'padding', padding, 0)
}

/** A window as PyTorch prints it. */
export function windowText({ kernelSize, options }: { kernelSize: Pair; options: WindowOptions }): string {
  const { stride = kernelSize, padding = 0 } = options
  return `kernelSize=${pairText(kernelSize)}, stride=${pairText(stride)}, padding=${pairText(padding)}`
}

/** What max pooling has besides. */
export function maxText({ dilation = 1, ceilMode = false }: { dilation?: Pair; ceilMode?: boolean }): string {
  return `, dilation=${pairText(dilation)}, ceilMode=${ceilMode}`
}
