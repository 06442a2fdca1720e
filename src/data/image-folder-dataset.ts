/** Images in files, which are read when their batch is due. */
import { ArgumentError, DataError } from '../errors.js'
import { MOST_SAMPLES } from '../tensor/augment.js'
import { fromValues } from '../tensor/create.js'
import { ByteArray, Indices } from '../tensor/gather.js'
import { sizeOf } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { type Dataset, OPEN, type PassKey, type PassOptions, type Source } from './dataset.js'
import { isSize } from './idx.js'
import { imageBatch, normsOf } from './image-gather.js'
import { recollate } from './recollate.js'
import { type Image, resize } from './resize.js'
import type { Transform } from './transforms.js'

/** An image that is to be read. */
export interface ImageSource {
  /** Its path, for errors. */
  readonly where: string
  readonly label: string
  read(): Promise<Image>
}

/** How a folder's images are wanted. */
export interface Wanted {
  /** [channels, height, width] */
  readonly shape: readonly number[]
  /** Whether images of another size are brought to this one; else they are refused. */
  readonly resizes: boolean
  readonly transform: Transform
  readonly cache: boolean
}

type Batch = [x: Tensor, y: Tensor]

/**
 * The images of folders, one a class: batches are [x: [N, C, H, W], y: [N]], which come as promises. Of the images only
 * those of the batches at hand are in memory, and these one after the other as large as their files have them; with
 * `cache` all that were read once are, as bytes [C, H, W]. What `data.imageFolder` gives.
 */
export class ImageFolder implements Dataset<Tensor[]> {
  /** Number of images. */
  readonly length: number
  /** [C, H, W]. */
  readonly imageShape: readonly number[]
  /** The class of each image. */
  readonly labels: Tensor
  /** The classes' names, by code units. */
  readonly classes: readonly string[]
  readonly #sources: readonly ImageSource[]
  readonly #wanted: Wanted
  readonly #norms: Tensor
  readonly #classOf: Float32Array
  readonly #kept = new Map<number, Uint8Array>()

  /** @internal */
  constructor(sources: readonly ImageSource[], wanted: Wanted) {
    if (sources.length > MOST_SAMPLES) {
      throw new DataError(
        `imageFolder: there are ${sources.length} images, and ${MOST_SAMPLES} are the most. Take several folders, and a ConcatDataset of them.`,
      )
    }
    this.length = sources.length
    this.imageShape = wanted.shape
    // By code units: the same order everywhere.
    this.classes = [...new Set(sources.map(({ label }) => label))].sort()
    const places = new Map(this.classes.map((label, i) => [label, i]))
    this.#classOf = Float32Array.from(sources, ({ label }) => places.get(label) ?? 0)
    this.labels = fromValues(this.#classOf, [this.length])
    this.#sources = sources
    this.#wanted = wanted
    this.#norms = normsOf('imageFolder', wanted.transform, wanted.shape[0])
  }

  /**
   * Image `index`, [C, H, W], and its class.
   *
   * @throws {ArgumentError} for an index that there is not
   * @throws {DataError} for an image that can't be read, or has another size
   */
  async get(index: number): Promise<Tensor[]> {
    const batch = await this.getBatch(Int32Array.of(index))
    return batch.map((x) => fromValues(x.toFloat32Array(), x.shape.slice(1)))
  }

  /**
   * The images of those indices, [N, C, H, W], and their classes, [N].
   *
   * @param indices in the order of the batch
   * @throws {ArgumentError} for an index that there is not
   * @throws {DataError} for an image that can't be read, or has another size
   */
  async getBatch(indices: Int32Array): Promise<Tensor[]> {
    const bad = indices.find((i) => !(isSize(i) && i < this.length))
    if (bad === undefined) return this.#batch(Uint32Array.from(indices), { seed: 0, epoch: 0 })
    throw new ArgumentError(`imageFolder: index ${bad} is out of range for ${this.length} images`)
  }

  /** @internal */
  [OPEN](order: Uint32Array, options: PassOptions): Source {
    const take = async (first: number, count: number) =>
      recollate(await this.#batch(order.slice(first, first + count), options), count, options.collate)
    return { batch: take, close() {} }
  }

  async #batch(samples: Uint32Array, key: PassKey): Promise<Batch> {
    const { shape, transform } = this.#wanted
    const [size, count] = [sizeOf(shape), samples.length]
    const bytes = new Uint8Array(count * size)
    // One after the other: as read, an image may be large.
    for (const [i, sample] of samples.entries()) bytes.set(await this.#bytes(sample), i * size)
    const source = new ByteArray(bytes)
    const indices = new Indices(samples.map((_, i) => i))
    try {
      const batch = { source, shape, norms: this.#norms, indices, first: 0, count, samples }
      const x = imageBatch('imageFolder', transform, batch, key)
      return [
        x,
        fromValues(
          Float32Array.from(samples, (sample) => this.#classOf[sample]),
          [count],
        ),
      ]
    } finally {
      source.dispose()
      indices.dispose()
    }
  }

  /** Bytes [C, H, W]. */
  async #bytes(sample: number): Promise<Uint8Array> {
    const kept = this.#kept.get(sample)
    if (kept) return kept
    const { shape, resizes, cache } = this.#wanted
    const [channels, height, width] = shape
    const { where, read } = this.#sources[sample]
    const image = await read()
    if (!resizes && (image.height !== height || image.width !== width)) {
      throw new DataError(
        `${where} is ${image.height} × ${image.width} pixels, and the first image, ${this.#sources[0].where}, ${height} × ${width}. Give imageFolder a size, { size: [${height}, ${width}] }, that all are brought to.`,
      )
    }
    const { data } = resize(image, height, width)
    const plane = height * width
    const bytes = new Uint8Array(channels * plane)
    for (let c = 0; c < channels; c++) {
      for (let p = 0; p < plane; p++) bytes[c * plane + p] = data[p * channels + c]
    }
    if (cache) this.#kept.set(sample, bytes)
    return bytes
  }
}
