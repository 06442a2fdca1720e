import { ArgumentError, ShapeError } from '../errors.js'
import { ByteArray, gather, gatherBytes, type Indices } from '../tensor/gather.js'
import { outside } from '../tensor/scope.js'
import { fromValues, type Tensor } from '../tensor/tensor.js'
import type { Dataset } from './dataset.js'
import type { IdxArray } from './idx.js'
import { normalize, type Transform } from './transforms.js'

/** Images of bytes with a class each: batches are [x: [N, 1, H, W], y: [N]]. */
export class ImageDataset implements Dataset {
  readonly length: number
  /** [1, H, W]. */
  readonly imageShape: readonly number[]
  /** The class of each image. */
  readonly labels: Tensor
  readonly #images: ByteArray
  readonly #transform: Transform

  /**
   * @param images bytes [N, H, W]
   * @param labels a class for each image, [N]
   * @param transform default: `normalize(0.5, 0.5)`, values from −1 to 1
   * @throws {ShapeError} where images and labels differ in number
   * @throws {ArgumentError} for a transform that is none
   */
  constructor(images: IdxArray, labels: IdxArray, transform: Transform = normalize(0.5, 0.5)) {
    const [length, height, width] = images.shape
    const fits = typeof transform === 'function' || (transform instanceof Object && 'scale' in transform)
    if (!fits) {
      throw new ArgumentError(
        'ImageDataset: transform is a function of a tensor, or what normalize(mean, std) gives',
      )
    }
    if (labels.shape.length !== 1 || labels.shape[0] !== length) {
      throw new ShapeError(
        `ImageDataset: expected a label for each of the ${length} images, got shape [${labels.shape}]`,
      )
    }
    this.length = length
    this.imageShape = [1, height, width]
    this.#images = new ByteArray(images.data)
    this.labels = fromValues(labels.data, [length])
    this.#transform = transform
  }

  batch(indices: Indices, first: number, count: number): Tensor[] {
    const transform = this.#transform
    const y = gather(this.labels, indices, first, count)
    const [scale, shift] = typeof transform === 'function' ? [1 / 255, 0] : [transform.scale, transform.shift]
    const x = gatherBytes(this.#images, this.imageShape, indices, first, count, scale, shift)
    return [typeof transform === 'function' ? outside([x], () => transform(x)) : x, y]
  }

  /** @internal */
  get libraryBatch(): unknown {
    return ImageDataset.prototype.batch
  }
}
