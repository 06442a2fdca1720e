import { kindOf } from '../check.js'
import { ArgumentError, ShapeError } from '../errors.js'
import { gather, type Indices } from '../tensor/gather.js'
import { Tensor } from '../tensor/tensor.js'
import { GatheredDataset } from './gathered.js'

/**
 * A dataset of tensors whose first dimension counts the samples.
 * https://pytorch.org/docs/stable/data.html#torch.utils.data.TensorDataset
 */
export class TensorDataset extends GatheredDataset {
  /** What it is made of. */
  readonly tensors: readonly Tensor[]
  /** Number of samples. */
  readonly length: number

  /**
   * @param tensors at least one, such as x [N, ...] and y [N, ...], class indices or numbers of any shape
   * @throws {ArgumentError} for none, or for what is no tensor
   * @throws {ShapeError} where their first dimensions differ
   */
  constructor(...tensors: Tensor[]) {
    super()
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
    // Between two epochs it may idle for many steps, while a net is validated.
    for (const { storage } of this.tensors) storage.stay()
    this.length = tensors[0].shape[0]
  }

  /** @internal */
  protected gather(indices: Indices, first: number, count: number): Tensor[] {
    return this.tensors.map((tensor) => gather(tensor, indices, first, count))
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
