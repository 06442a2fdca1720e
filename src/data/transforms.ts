import { ArgumentError } from '../errors.js'
import type { Tensor } from '../tensor/tensor.js'

/** `byte · scale + shift`, which the gather of a batch does on the way. */
export interface Normalization {
  /** What each byte, 0 to 255, is multiplied with. */
  readonly scale: number
  /** What is then added. */
  readonly shift: number
}

/** What becomes of a batch of images: a normalisation, or a function of `x` [N, 1, H, W] with values in [0, 1]. */
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
  if (!(std > 0) || !Number.isFinite(mean)) {
    throw new ArgumentError(`normalize: expected a finite mean and a std above 0, got ${mean} and ${std}`)
  }
  return { scale: 1 / (255 * std), shift: -mean / std }
}
