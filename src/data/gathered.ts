/** The library's own data sets: batches are gathered in wasm. */
import { ArgumentError } from '../errors.js'
import { fromValues } from '../tensor/create.js'
import { Indices } from '../tensor/gather.js'
import type { Tensor } from '../tensor/tensor.js'
import { collate } from './collate.js'
import { type Dataset, OPEN, type PassKey, type PassOptions, type Source } from './dataset.js'
import { isSize } from './idx.js'
import { recollate } from './recollate.js'

/** Samples that are tensors, of which the library makes batches. */
export abstract class GatheredDataset implements Dataset<Tensor[]> {
  /** Number of samples. */
  abstract readonly length: number

  /** Samples `indices[first … first + count)`. @internal */
  protected abstract gather(indices: Indices, first: number, count: number, key: PassKey): Tensor[]

  /**
   * Sample `index`, each of its tensors without the batch's dimension.
   *
   * @throws {ArgumentError} for an index that there is not
   */
  get(index: number): Tensor[] {
    return this.getBatch(Int32Array.of(index)).map((x) => fromValues(x.toFloat32Array(), x.shape.slice(1)))
  }

  /**
   * The samples of those indices as tensors [N, ...].
   *
   * @param indices of samples, in the order of the batch
   * @throws {ArgumentError} for an index that there is not
   */
  getBatch(indices: Int32Array): Tensor[] {
    const order = Uint32Array.from(indices)
    const bad = Array.prototype.findIndex.call(indices, (i) => !(isSize(i) && i < this.length))
    if (bad >= 0) {
      throw new ArgumentError(
        `${this.constructor.name}: index ${indices[bad]} is out of range for ${this.length} samples`,
      )
    }
    const source = this[OPEN](order, { seed: 0, epoch: 0, collate })
    try {
      return source.batch(0, order.length) as Tensor[]
    } finally {
      source.close()
    }
  }

  /** @internal */
  [OPEN](order: Uint32Array, options: PassKey & Pick<PassOptions, 'collate'>): Source {
    const indices = new Indices(order)
    return {
      batch: (first, count) => recollate(this.gather(indices, first, count, options), count, options.collate),
      close: () => indices.dispose(),
    }
  }
}
