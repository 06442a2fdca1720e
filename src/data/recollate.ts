/** Batches that a set of the library's gathers as a whole, for a loader with a collate of its own. */
import { fromValues } from '../tensor/create.js'
import { outside } from '../tensor/scope.js'
import { sizeOf } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { collate } from './collate.js'

/** The batch itself, or what a collate of a user's makes of its samples. */
export function recollate(batch: unknown, count: number, make: (samples: unknown[]) => unknown): unknown {
  if (make === collate) return batch
  const samples = samplesIn(batch, count)
  return outside([samples], () => make(samples))
}

/** The samples that a batch was made of, as `get` gives them. */
function samplesIn(batch: unknown, count: number): unknown[] {
  if (batch instanceof Tensor) {
    const [values, shape] = [batch.toFloat32Array(), batch.shape.slice(1)]
    const size = sizeOf(shape)
    return Array.from({ length: count }, (_, i) =>
      fromValues(values.subarray(i * size, (i + 1) * size), shape),
    )
  }
  const parts = (batch as readonly unknown[]).map((part) => samplesIn(part, count))
  return Array.from({ length: count }, (_, i) => parts.map((part) => part[i]))
}
