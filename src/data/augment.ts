import { checkNumber, checkOptions, kindOf, type Pair, pair } from '../check.js'
import { ArgumentError, ShapeError } from '../errors.js'
import { augmentBytes, type Changes } from '../tensor/augment.js'
import type { BytesBatch } from '../tensor/gather.js'
import type { Tensor } from '../tensor/tensor.js'
import type { PassKey } from './dataset.js'
import { checkTransform, type Normalization, normalize } from './transforms.js'

/** What `augment` does; what is left out is not done. */
export interface AugmentOptions {
  /** How likely an image is mirrored left to right, from 0 to 1. */
  flip?: number
  /** How likely it is mirrored top to bottom, from 0 to 1. */
  flipVertical?: number
  /** Height and width of what is cut out of the image, anywhere in it. Default: all of it. */
  crop?: Pair
  /** Pixels around the image that a crop may reach into, as of torchvision's RandomCrop. */
  padding?: number
  /** The most pixels that the image is moved, up or down and left or right. */
  shift?: number
  /** The largest angle in degrees, to either side. */
  rotate?: number
  /** The least and the largest factor: above 1 the image grows. */
  scale?: readonly [least: number, most: number]
  /** The side in pixels of a square that is filled; its middle is anywhere (DeVries and Taylor, 2017). */
  cutout?: number
  /** The deviation of normal noise, in units of white = 1. */
  noise?: number
  /** The byte of what lies outside of the image. Default 0, black. */
  fill?: number
  /** What then becomes of the bytes. Default `normalize(0.5, 0.5)`, values from −1 to 1. */
  normalize?: Normalization
}

/** What `augment` gives: a transform for an ImageDataset. */
export class Augmentation {
  /** @internal */
  constructor(
    /** What becomes of the bytes after all changes. */
    readonly normalization: Normalization,
    /** Height and width of what is cut out; undefined for all. @internal */
    readonly crop: readonly [number, number] | undefined,
    /** How much of what. @internal */
    readonly changes: Changes,
  ) {}

  /** @internal @throws {ShapeError} for images that are smaller than the crop */
  gather(batch: BytesBatch, key: PassKey): Tensor {
    const [, h, w] = batch.shape
    const [outH, outW] = this.crop ?? [h, w]
    const room = 2 * this.changes.padding
    if (outH > h + room || outW > w + room) {
      throw new ShapeError(
        `augment: a crop of ${outH} × ${outW} does not fit into images of ${h} × ${w} with ${this.changes.padding} pixels of padding`,
      )
    }
    return augmentBytes(batch, [outH, outW], this.changes, key)
  }
}

const NAMES = [
  ...['flip', 'flipVertical', 'crop', 'padding', 'shift', 'rotate', 'scale'],
  ...['cutout', 'noise', 'fill', 'normalize'],
]

/**
 * Images that are changed at random while a batch is gathered: each by numbers that the loader's seed, the pass and the
 * image's index decide, so that neither threads, nor the batch size, nor resuming change them. Give it to the training
 * set alone:
 *
 *     new data.ImageDataset(images, labels, data.augment({ flip: 0.5, padding: 4 }))
 *
 * As RandomHorizontalFlip, RandomCrop, RandomAffine (bilinear) and RandomErasing of
 * https://pytorch.org/vision/stable/transforms.html; crop, shift, rotate and scale come first, then the mirror, cutout,
 * normalisation and noise.
 *
 * @throws {ArgumentError} for an option that is unknown or out of range
 */
export function augment(options: AugmentOptions): Augmentation {
  checkOptions('augment', options, NAMES)
  const { flip = 0, flipVertical = 0, padding = 0, shift = 0, rotate = 0, scale = [1, 1] } = options
  const { cutout = 0, noise = 0, fill = 0, normalize: normalization = normalize(0.5, 0.5) } = options
  for (const [what, value] of Object.entries({ flip, flipVertical })) {
    checkNumber('augment', what, value, { least: 0, most: 1 })
  }
  for (const [what, value] of Object.entries({ padding, shift, cutout })) {
    checkNumber('augment', what, value, { least: 0, most: 2 ** 14, whole: true })
  }
  checkNumber('augment', 'rotate', rotate, { least: 0, most: 180 })
  checkNumber('augment', 'noise', noise, { least: 0, most: 1e6 })
  checkNumber('augment', 'fill', fill, { least: 0, most: 255 })
  if (!Array.isArray(scale) || scale.length !== 2) {
    throw new ArgumentError(
      `augment: scale is the least and the largest factor, such as [0.9, 1.1], got ${kindOf(scale)}`,
    )
  }
  const [scaleLeast, scaleMost] = scale
  checkNumber('augment', 'the least scale', scaleLeast, { least: 0.01, most: 100 })
  checkNumber('augment', 'the largest scale', scaleMost, { least: scaleLeast, most: 100 })
  const crop = options.crop === undefined ? undefined : pair('augment', 'crop', options.crop, 1)
  checkTransform('augment', normalization)
  if (typeof normalization === 'function' || 'gather' in normalization) {
    throw new ArgumentError(
      `augment: normalize is what data.normalize(mean, std) gives, got ${kindOf(normalization)}`,
    )
  }
  const changes = {
    flip,
    flipVertical,
    padding,
    shift,
    cutout,
    noise,
    fill,
    degrees: rotate,
    scaleLeast,
    scaleMost,
  }
  return new Augmentation(normalization, crop, changes)
}
