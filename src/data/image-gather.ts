/** Batches of images that are bytes: normalised, augmented, or given to a user's transform. */
import { kindOf } from '../check.js'
import { ArgumentError, ShapeError } from '../errors.js'
import { fromValues } from '../tensor/create.js'
import { type BytesBatch, gatherBytes } from '../tensor/gather.js'
import { outside } from '../tensor/scope.js'
import { Tensor } from '../tensor/tensor.js'
import type { PassKey } from './dataset.js'
import type { Normalization, Transform } from './transforms.js'

/** [count, channels, height, width] of a batch. @throws {ArgumentError} @throws {ShapeError} for a transform that gives something else */
export function imageBatch(name: string, transform: Transform, batch: BytesBatch, key: PassKey): Tensor {
  if ('gather' in transform) return transform.gather(batch, key)
  const x = gatherBytes(batch)
  if (typeof transform !== 'function') return x
  const given = outside([x], () => transform(x))
  return transformed(name, given, batch.count)
}

/** Scale and shift by turns: one pair for all channels, or one each. @throws {ShapeError} */
export function normsOf(name: string, transform: Transform, channels: number): Tensor {
  const byte: Normalization = { scale: 1 / 255, shift: 0 }
  const own = 'gather' in transform ? transform.normalization : transform
  const { scale, shift } = typeof own === 'function' ? byte : own
  const many = 'gather' in transform ? channels : 1
  const list = (of: number | readonly number[]) =>
    typeof of === 'number' ? Array<number>(many).fill(of) : of
  const [scales, shifts] = [list(scale), list(shift)]
  if (scales.length !== many && scales.length !== channels) {
    throw new ShapeError(
      `${name}: the normalisation is of ${scales.length} channels, and the images have ${channels}`,
    )
  }
  return fromValues(
    scales.flatMap((one, c) => [one, shifts[c]]),
    [2 * scales.length],
  )
}

/** What a user's transform gave, once it is a batch of as many samples. */
function transformed(name: string, x: unknown, count: number): Tensor {
  if (!(x instanceof Tensor)) {
    throw new ArgumentError(`${name}: transform gives a tensor, and it gave ${kindOf(x)}`)
  }
  if (x.shape[0] === count) return x
  throw new ShapeError(
    `${name}: transform gives as many images as it is given, ${count}, and it gave shape [${x.shape}]`,
  )
}
