import { kindOf } from '../check.js'
import { ArgumentError, ShapeError } from '../errors.js'
import { fromValues } from '../tensor/create.js'
import { ByteArray, gather, gatherBytes, type Indices } from '../tensor/gather.js'
import { outside } from '../tensor/scope.js'
import { Tensor } from '../tensor/tensor.js'
import { GatheredDataset } from './gathered.js'
import { checkIdx, type IdxArray } from './idx.js'
import { checkTransform, normalize, type Transform } from './transforms.js'

/** Images of bytes with a class each: batches are [x: [N, C, H, W], y: [N]]. */
export class ImageDataset extends GatheredDataset {
  readonly length: number
  /** [C, H, W]. */
  readonly imageShape: readonly number[]
  /** The class of each image. */
  readonly labels: Tensor
  readonly #images: ByteArray
  readonly #transform: Transform

  /**
   * @param images bytes [N, H, W] of one channel, or [N, C, H, W] with C = 1 or 3
   * @param labels a class for each image, [N]
   * @param transform default: `normalize(0.5, 0.5)`, values from −1 to 1
   * @throws {ShapeError} for images of another shape, for bytes that are more or fewer than their shape says, or
   *   where images and labels differ in number
   * @throws {ArgumentError} for images or labels that are no `{ shape, data }` of bytes, or a transform that is none
   */
  constructor(images: IdxArray, labels: IdxArray, transform: Transform = normalize(0.5, 0.5)) {
    super()
    checkIdx('ImageDataset', 'images', images)
    checkIdx('ImageDataset', 'labels', labels)
    checkTransform('ImageDataset', transform)
    const [length] = images.shape
    this.imageShape = imageShapeOf(images.shape)
    if (labels.shape.length !== 1 || labels.shape[0] !== length) {
      throw new ShapeError(
        `ImageDataset: expected a label for each of the ${length} images, got shape [${labels.shape}]`,
      )
    }
    this.length = length
    this.#images = new ByteArray(images.data)
    this.labels = fromValues(labels.data, [length])
    this.#transform = transform
  }

  /** @internal */
  protected gather(indices: Indices, first: number, count: number): Tensor[] {
    const transform = this.#transform
    const y = gather(this.labels, indices, first, count)
    const [scale, shift] = typeof transform === 'function' ? [1 / 255, 0] : [transform.scale, transform.shift]
    const x = gatherBytes(this.#images, this.imageShape, indices, first, count, scale, shift)
    return [
      typeof transform === 'function'
        ? transformed(
            outside([x], () => transform(x)),
            count,
          )
        : x,
      y,
    ]
  }
}

/** A byte row of a sample is C·H·W, so channels must come before rows and columns. */
function imageShapeOf(shape: readonly number[]): readonly number[] {
  const [, ...image] = shape.length === 3 ? [shape[0], 1, ...shape.slice(1)] : shape
  const [channels, height, width] = image
  if (image.length === 3 && (channels === 1 || channels === 3) && height > 0 && width > 0) return image
  const last = shape.length === 4 && (shape[3] === 1 || shape[3] === 3)
  const hint = last
    ? `. Channels that come last are moved with tensor(values, { shape: [${shape}] }).permute([0, 3, 1, 2]), which a data.TensorDataset takes`
    : ''
  throw new ShapeError(
    `ImageDataset: expected images of shape [N, H, W], or [N, C, H, W] with C = 1 or 3, got [${shape}]${hint}`,
  )
}

/** What a user's transform gave, once it is a batch of as many samples. */
function transformed(x: unknown, count: number): Tensor {
  if (!(x instanceof Tensor)) {
    throw new ArgumentError(`ImageDataset: transform gives a tensor, and it gave ${kindOf(x)}`)
  }
  if (x.shape[0] === count) return x
  throw new ShapeError(
    `ImageDataset: transform gives as many images as it is given, ${count}, and it gave shape [${x.shape}]`,
  )
}
