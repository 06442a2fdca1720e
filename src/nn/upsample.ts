import { checkInterpolation, type InterpolateOptions, interpolate } from '../autograd/ops/interpolate.js'
import type { Tensor } from '../tensor/tensor.js'
import { Module } from './module.js'

/**
 * Images or sequences at another size, of the nearest pixels or linearly between them:
 * [N, C, H, W] → [N, C, H', W'], [N, C, L] → [N, C, L'].
 * https://pytorch.org/docs/stable/generated/torch.nn.Upsample.html
 */
export class Upsample extends Module {
  /**
   * @param options `size` or `scaleFactor`, the mode ('nearest' unless given), `alignCorners`
   * @throws {ArgumentError} for both of `size` and `scaleFactor` or neither, or an option that is unknown or out of range
   */
  constructor(readonly options: InterpolateOptions = {}) {
    super()
    checkInterpolation('Upsample', options)
  }

  /**
   * `interpolate(x, options)`.
   * @throws {ShapeError} for an input of another rank, or without pixels
   * @throws {ArgumentError} for a mode that is not for its rank
   */
  override forward(x: Tensor): Tensor {
    return interpolate(x, this.options)
  }

  /** @internal */
  override get libraryForward(): unknown {
    return Upsample.prototype.forward
  }

  override extraRepr(): string {
    const { size, scaleFactor, mode = 'nearest' } = this.options
    const text = (given: number | readonly number[]) =>
      typeof given === 'number' ? String(given) : `[${given.join(', ')}]`
    const shown =
      size === undefined || size === null ? `scaleFactor=${text(scaleFactor ?? 1)}` : `size=${text(size)}`
    return `${shown}, mode='${mode}'`
  }
}
