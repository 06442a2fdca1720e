import { ArgumentError, ShapeError } from '../errors.js'
import { gather, type Indices } from '../tensor/gather.js'
import type { Tensor } from '../tensor/tensor.js'

/** Samples with an order, of which a DataLoader takes batches. */
export interface Dataset {
  /** Number of samples. */
  readonly length: number
  /** The `batch` that the library has written for this class, where it has: it keeps nothing of what it gives. @internal */
  readonly libraryBatch?: unknown
  /** Samples `indices[first … first + count)` as tensors [`count`, ...], such as [x, y]. */
  batch(indices: Indices, first: number, count: number): Tensor[]
}

/**
 * A dataset of tensors whose first dimension counts the samples.
 * https://pytorch.org/docs/stable/data.html#torch.utils.data.TensorDataset
 */
export class TensorDataset implements Dataset {
  /** What it is made of. */
  readonly tensors: readonly Tensor[]
  readonly length: number

  /**
   * @param tensors at least one, such as x [N, ...] and y [N]
   * @throws {ArgumentError} for none
   * @throws {ShapeError} where their first dimensions differ
   */
  constructor(...tensors: Tensor[]) {
    if (tensors.length === 0) throw new ArgumentError('TensorDataset: expected at least one tensor')
    for (const { shape } of tensors) {
      if (shape.length === 0 || shape[0] !== tensors[0].shape[0]) {
        throw new ShapeError(
          `TensorDataset: the tensors differ in their first dimension: [${tensors[0].shape}] and [${shape}]`,
        )
      }
    }
    this.tensors = tensors.map((tensor) => tensor.toRows_())
    this.length = tensors[0].shape[0]
  }

  batch(indices: Indices, first: number, count: number): Tensor[] {
    return this.tensors.map((tensor) => gather(tensor, indices, first, count))
  }

  /** @internal */
  get libraryBatch(): unknown {
    return TensorDataset.prototype.batch
  }
}
