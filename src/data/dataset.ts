import { kindOf } from '../check.js'
import { ArgumentError, ShapeError } from '../errors.js'
import { gather, Indices } from '../tensor/gather.js'
import { Tensor } from '../tensor/tensor.js'
import { isSize } from './idx.js'

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
   * @param tensors at least one, such as x [N, ...] and y [N, ...], class indices or numbers of any shape
   * @throws {ArgumentError} for none, or for what is no tensor
   * @throws {ShapeError} where their first dimensions differ
   */
  constructor(...tensors: Tensor[]) {
    if (tensors.length === 0) throw new ArgumentError('TensorDataset: expected at least one tensor')
    for (const [i, tensor] of tensors.entries()) checkTensor(i, tensor)
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

  /**
   * Samples `indices[first … first + count)` of each tensor.
   *
   * @throws {ArgumentError} for indices that no DataLoader made, or more samples than they are
   */
  batch(indices: Indices, first: number, count: number): Tensor[] {
    checkSpan('TensorDataset', indices, first, count)
    return this.tensors.map((tensor) => gather(tensor, indices, first, count))
  }

  /** @internal */
  get libraryBatch(): unknown {
    return TensorDataset.prototype.batch
  }
}

function checkTensor(i: number, given: unknown): void {
  if (given instanceof Tensor) return
  const list = Array.isArray(given) && given.length > 0 && given.every((one) => one instanceof Tensor)
  const numbers = Array.isArray(given) || ArrayBuffer.isView(given)
  const hint = list
    ? '; each tensor is an argument of its own: new data.TensorDataset(x, y)'
    : numbers
      ? '; tensor(…) makes one of numbers'
      : ''
  throw new ArgumentError(`TensorDataset: argument ${i} is ${kindOf(given)}, expected a tensor${hint}`)
}

/** @throws {ArgumentError} unless `indices[first … first + count)` are of an order that a DataLoader made */
export function checkSpan(name: string, indices: unknown, first: unknown, count: unknown): void {
  if (!(indices instanceof Indices)) {
    throw new ArgumentError(
      `${name}: batch is called by a data.DataLoader, with the indices that it made; got ${kindOf(indices)}`,
    )
  }
  if (!isSize(first) || !isSize(count) || first + count > indices.length) {
    throw new ArgumentError(
      `${name}: batch takes ${kindOf(count)} samples from ${kindOf(first)} on, and there are ${indices.length}`,
    )
  }
}
