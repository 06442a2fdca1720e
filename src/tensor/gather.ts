/** Batches of samples, gathered from a tensor or from bytes. */
import { gatherF32, gatherU8 } from '../bindings/kernels.generated.js'
import { Storage } from '../bindings/memory.js'
import { endStepIfLarge } from '../bindings/steps.js'
import { ArgumentError } from '../errors.js'
import { adopt } from './scope.js'
import { type Shape, sizeOf } from './shape.js'
import { empty, type Tensor } from './tensor.js'

/** Bytes in wasm memory, as of images. */
export class ByteArray {
  readonly storage: Storage

  constructor(values: Uint8Array) {
    this.storage = new Storage(values.length, 'rows', 'leaf', 1)
    this.storage.write(values, 'u8')
  }

  /** Frees the memory. */
  dispose(): void {
    this.storage.release()
  }
}

/** An order of samples, made by a DataLoader; a Dataset hands it on to another one's `batch`. */
export class Indices {
  /** @internal */
  readonly storage: Storage
  /** How many there are. */
  readonly length: number
  readonly #values: ArrayLike<number>

  /** `values` are not copied, and must not change. @internal */
  constructor(values: ArrayLike<number>) {
    this.length = values.length
    this.#values = values
    this.storage = new Storage(values.length, 'rows', 'leaf')
    this.storage.write(values, 'u32')
  }

  /** Some of them, for as long as `run` runs: also after `dispose`. @internal */
  withPart(first: number, count: number, run: (part: Storage) => void): void {
    const part = new Storage(count)
    try {
      part.write(Array.prototype.slice.call(this.#values, first, first + count), 'u32')
      run(part)
    } finally {
      part.release()
    }
  }

  /** Frees the memory. */
  dispose(): void {
    this.storage.release()
  }
}

function check(bad: number, rows: number): void {
  if (bad >= 0)
    throw new ArgumentError(`gather: index ${bad} of the batch is out of range for ${rows} samples`)
}

/** What a kernel needs to gather a batch of bytes; `norms` has the scale and the shift of each channel. */
export interface BytesBatch {
  readonly source: ByteArray
  /** [channels, ...] */
  readonly shape: Shape
  readonly norms: Tensor
  readonly indices: Indices
  readonly first: number
  readonly count: number
  /**
   * Of bytes that are there for this batch alone, the samples that they are: what is random in a sample goes by these.
   * Without it, the indices tell.
   */
  readonly samples?: ArrayLike<number>
}

/** A gathering kernel's call, but for what it fills. */
export type GatherBytes = (numbers: {
  sourceRows: number
  channels: number
  source: Storage
  norms: Storage
  first: number
  count: number
  indices: Storage
  y: Storage
}) => number

/**
 * A batch of shape [count, ...out], which can be gathered again when it was dropped meanwhile.
 *
 * @throws {ArgumentError} for an index that is out of range
 */
export function gatherWith(batch: BytesBatch, out: Shape, call: GatherBytes): Tensor {
  const { source, shape, norms, indices, first, count } = batch
  const row = sizeOf(shape)
  const sourceRows = row === 0 ? 0 : source.storage.length / row
  endStepIfLarge()
  const y = empty([count, ...out])
  adopt(y)
  const from = { sourceRows, channels: norms.size / 2, source: source.storage, norms: norms.storage, count }
  check(call({ first, indices: indices.storage, y: y.storage, ...from }), sourceRows)
  if (batch.samples) return y
  const { storage } = y
  storage.makeAgainBy(() =>
    indices.withPart(first, count, (part) => call({ first: 0, indices: part, y: storage, ...from })),
  )
  return y
}

/** A batch of bytes as `value · scale + shift` of its channel; of one for all, `norms` has two numbers. */
export function gatherBytes(batch: BytesBatch): Tensor {
  const plane = (sizeOf(batch.shape) * 2) / batch.norms.size
  return gatherWith(batch, batch.shape, (numbers) => gatherU8({ plane, ...numbers }))
}

/** Samples `indices[first … first + count)` of a tensor [rows, ...]. */
export function gather(source: Tensor, indices: Indices, first: number, count: number): Tensor {
  const [rows, ...shape] = source.shape
  endStepIfLarge()
  const y = empty([count, ...shape])
  adopt(y)
  const sizes = { sourceRows: rows, first, count, width: sizeOf(shape) }
  check(gatherF32({ source: source.storage, indices: indices.storage, y: y.storage, ...sizes }), rows)
  return y
}
