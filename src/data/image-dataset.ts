import { ShapeError } from '../errors.js'
import { fromValues } from '../tensor/create.js'
import { ByteArray, gather, type Indices } from '../tensor/gather.js'
import type { Tensor } from '../tensor/tensor.js'
import type { PassKey } from './dataset.js'
import { GatheredDataset } from './gathered.js'
import { checkIdx, type IdxArray } from './idx.js'
import { imageBatch, normsOf } from './image-gather.js'
import { checkTransform, normalize, type Transform } from './transforms.js'

/** Images of bytes with a class each: batches are [x: [N, C, H, W], y: [N]]. */
export class ImageDataset extends GatheredDataset {
  /** Number of images. */
  readonly length: number
  /** [C, H, W]. */
  readonly imageShape: readonly number[]
  /** The class of each image. */
  readonly labels: Tensor
  /** The classes' names, where they are known. */
  readonly classes: readonly string[] | undefined
  readonly #images: ByteArray
  readonly #transform: Transform
  /** Each channel's scale and shift. */
  readonly #norms: Tensor

  /**
   * @param images bytes [N, H, W] of one channel, [N, C, H, W] or [N, H, W, C] with C = 1 to 4 (where both would do,
   *   the channels come first)
   * @param labels a class for each image, [N]
   * @param transform default: `normalize(0.5, 0.5)`, values from −1 to 1
   * @param classes the classes' names
   * @throws {ShapeError} for images of another shape, for bytes that are more or fewer than their shape says, where
   *   images and labels differ in number, or for a normalisation of other channels
   * @throws {ArgumentError} for images or labels that are no `{ shape, data }` of bytes, or a transform that is none
   */
  constructor(
    images: IdxArray,
    labels: IdxArray,
    transform: Transform = normalize(0.5, 0.5),
    classes?: readonly string[],
  ) {
    super()
    checkIdx('ImageDataset', 'images', images)
    checkIdx('ImageDataset', 'labels', labels)
    checkTransform('ImageDataset', transform)
    const [length] = images.shape
    const { shape, last } = imageShapeOf(images.shape)
    if (labels.shape.length !== 1 || labels.shape[0] !== length) {
      throw new ShapeError(
        `ImageDataset: expected a label for each of the ${length} images, got shape [${labels.shape}]`,
      )
    }
    this.imageShape = shape
    this.length = length
    this.classes = classes
    this.#norms = normsOf('ImageDataset', transform, shape[0])
    this.#images = new ByteArray(last ? channelsFirst(images.data, shape) : images.data)
    this.labels = fromValues(labels.data, [length])
    this.#transform = transform
  }

  /** @internal */
  protected gather(indices: Indices, first: number, count: number, key: PassKey): Tensor[] {
    const y = gather(this.labels, indices, first, count)
    const batch = { source: this.#images, shape: this.imageShape, norms: this.#norms, indices, first, count }
    return [imageBatch('ImageDataset', this.#transform, batch, key), y]
  }
}

/** [C, H, W] of images, and whether the channels come last. */
function imageShapeOf(shape: readonly number[]): { shape: readonly number[]; last: boolean } {
  const [n, ...sizes] = shape
  const image = sizes.length === 2 ? [1, ...sizes] : sizes
  const isChannels = (c: number | undefined) => c !== undefined && c >= 1 && c <= 4
  if (image.length === 3 && image.every((size) => size > 0)) {
    if (isChannels(image[0])) return { shape: image, last: false }
    if (isChannels(image[2])) return { shape: [image[2], image[0], image[1]], last: true }
  }
  throw new ShapeError(
    `ImageDataset: expected images of shape [N, H, W], [N, C, H, W] or [N, H, W, C] with C = 1 to 4, got [${[n, ...sizes]}]`,
  )
}

/** Bytes [N, H, W, C] as [N, C, H, W]. */
function channelsFirst(data: Uint8Array, [channels, height, width]: readonly number[]): Uint8Array {
  const plane = height * width
  const moved = new Uint8Array(data.length)
  for (let image = 0; image < data.length; image += plane * channels) {
    for (let c = 0; c < channels; c++) {
      for (let i = 0; i < plane; i++) moved[image + c * plane + i] = data[image + i * channels + c]
    }
  }
  return moved
}
