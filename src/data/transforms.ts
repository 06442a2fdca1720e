import { checkNumber, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import type { BytesBatch } from '../tensor/gather.js'
import type { Tensor } from '../tensor/tensor.js'
import type { PassKey } from './dataset.js'

/** `byte · scale + shift`, which the gather of a batch does on the way: one for all, or one a channel. */
export interface Normalization {
  /** What each byte, 0 to 255, is multiplied with. */
  readonly scale: number | readonly number[]
  /** What is then added. */
  readonly shift: number | readonly number[]
}

/** A gather of its own: what `data.augment` gives. */
export interface Gathering {
  /** What becomes of the bytes after all else. */
  readonly normalization: Normalization
  /** @internal */
  gather(batch: BytesBatch, key: PassKey): Tensor
}

/**
 * What becomes of a batch of images: a normalisation, what `data.augment` gives, or a function of `x` [N, C, H, W] with
 * values in [0, 1].
 */
export type Transform = Normalization | Gathering | ((x: Tensor) => Tensor)

/**
 * `(byte / 255 − mean) / std`: PyTorch's ToTensor and Normalize in one.
 * https://pytorch.org/vision/stable/generated/torchvision.transforms.Normalize.html
 *
 * @param mean in units of white = 1; an array has one for each channel
 * @param std in the same, above 0
 * @throws {ArgumentError} for another std, a mean that is not finite, or arrays of different lengths
 */
export function normalize(mean: number | readonly number[], std: number | readonly number[]): Normalization {
  if (!Array.isArray(mean) && !Array.isArray(std)) {
    const [scale, shift] = normsOf(mean as number, std as number)
    return { scale, shift }
  }
  const [means, stds] = [mean, std].map((of) => (Array.isArray(of) ? (of as number[]) : undefined))
  const channels = (means ?? stds ?? []).length
  if (channels === 0 || (means && stds && means.length !== stds.length)) {
    throw new ArgumentError(
      `normalize: mean and std have a number for each channel, got ${means?.length} and ${stds?.length}`,
    )
  }
  const norms = Array.from({ length: channels }, (_, c) =>
    normsOf(means ? means[c] : (mean as number), stds ? stds[c] : (std as number)),
  )
  return { scale: norms.map(([scale]) => scale), shift: norms.map(([, shift]) => shift) }
}

function normsOf(mean: number, std: number): [scale: number, shift: number] {
  checkNumber('normalize', 'mean', mean, {})
  const [scale, shift] = [1 / (255 * std), -mean / std]
  // A std so small that it has no inverse is none either.
  const fits = typeof std === 'number' && std > 0 && Number.isFinite(scale) && Number.isFinite(shift)
  if (fits && scale !== 0) return [scale, shift]
  throw new ArgumentError(`normalize: std is a number above 0, got ${kindOf(std)}`)
}

/** @throws {ArgumentError} for what is neither a function nor a normalisation */
export function checkTransform(name: string, transform: unknown): asserts transform is Transform {
  if (typeof transform === 'function') return
  const { scale, shift, gather } = (transform ?? {}) as Partial<Normalization & Gathering>
  if (typeof gather === 'function') return
  const [scales, shifts] = [scale, shift].map((of): unknown[] => (Array.isArray(of) ? of : [of]))
  const fits = scales.length === shifts.length && [...scales, ...shifts].every(Number.isFinite)
  if (!fits) {
    throw new ArgumentError(
      `${name}: transform is a function of a tensor, or what data.normalize(mean, std) or data.augment({ … }) gives, got ${kindOf(transform)}`,
    )
  }
}
