import { checkNumber, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import type { Tensor } from '../tensor/tensor.js'

/** `byte · scale + shift`, which the gather of a batch does on the way. */
export interface Normalization {
  /** What each byte, 0 to 255, is multiplied with. */
  readonly scale: number
  /** What is then added. */
  readonly shift: number
}

/** What becomes of a batch of images: a normalisation, or a function of `x` [N, C, H, W] with values in [0, 1]. */
export type Transform = Normalization | ((x: Tensor) => Tensor)

/**
 * `(byte / 255 − mean) / std`: PyTorch's ToTensor and Normalize in one.
 * https://pytorch.org/vision/stable/generated/torchvision.transforms.Normalize.html
 *
 * @param mean in units of white = 1
 * @param std in the same, above 0
 * @throws {ArgumentError} for another std, or a mean that is not finite
 */
export function normalize(mean: number, std: number): Normalization {
  for (const [what, value] of Object.entries({ mean, std })) {
    if (Array.isArray(value)) {
      throw new ArgumentError(
        `normalize: ${what} is one number, for all channels, got an array; a transform that is a function can normalise each`,
      )
    }
  }
  checkNumber('normalize', 'mean', mean, {})
  const [scale, shift] = [1 / (255 * std), -mean / std]
  // A std so small that it has no inverse is none either.
  if (
    typeof std !== 'number' ||
    !(std > 0) ||
    !Number.isFinite(scale) ||
    !Number.isFinite(shift) ||
    scale === 0
  ) {
    throw new ArgumentError(`normalize: std is a number above 0, got ${kindOf(std)}`)
  }
  return { scale, shift }
}

/** @throws {ArgumentError} for what is neither a function nor a normalisation */
export function checkTransform(name: string, transform: unknown): asserts transform is Transform {
  if (typeof transform === 'function') return
  const fits =
    typeof transform === 'object' &&
    transform !== null &&
    'scale' in transform &&
    'shift' in transform &&
    Number.isFinite(transform.scale) &&
    Number.isFinite(transform.shift)
  if (!fits) {
    throw new ArgumentError(
      `${name}: transform is a function of a tensor, or what data.normalize(mean, std) gives, got ${kindOf(transform)}`,
    )
  }
}
