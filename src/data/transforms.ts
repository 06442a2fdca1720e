import type { Tensor } from '../autograd/tensor.js'
import { ArgumentError } from '../errors.js'

/** `byte · scale + shift`, which the gather of a batch does on the way. */
export interface Normalization {
  readonly scale: number
  readonly shift: number
}

/** What becomes of a batch of images: a normalisation, or a function of the images in [0, 1]. */
export type Transform = Normalization | ((x: Tensor) => Tensor)

/**
 * `(byte / 255 − mean) / std`: PyTorch's ToTensor and Normalize in one.
 * https://pytorch.org/vision/stable/generated/torchvision.transforms.Normalize.html
 */
export function normalize(mean: number, std: number): Normalization {
  if (!(std > 0) || !Number.isFinite(mean)) {
    throw new ArgumentError(`normalize: expected a finite mean and a std above 0, got ${mean} and ${std}`)
  }
  return { scale: 1 / (255 * std), shift: -mean / std }
}
