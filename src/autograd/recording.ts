/** What JavaScript does in the midst of operations, told to whoever writes a step down (bindings/recording.ts). */
import { eachRun, type Storage } from '../bindings/recording.js'
import type { Shape } from '../tensor/shape.js'
import { empty, type Tensor, toLayout } from '../tensor/tensor.js'

export { reliesOn } from '../bindings/recording.js'

/** Runs JavaScript that reads and changes tensors which stay (parameters, their gradients): here, and in every later run. */
export function eachTime(run: () => void): void {
  eachRun([], run)
}

/** Looks at the one value of `x`, here and in every later run of the step; what `look` throws ends the run. */
export function eachValue(x: Tensor, look: (value: number) => void): void {
  eachRun([x.storage], ([storage]) => look(storage.readFloat(0)))
}

/** Looks at all values of some tensors, in row-major order, as `eachValue` does. */
export function eachValues(sources: readonly Tensor[], look: (...values: Float32Array[]) => void): void {
  inRows(sources, (storages) => eachRun(storages, (now) => look(...now.map(valuesOf))))
}

/**
 * An unrecorded tensor, which the caller owns, whose values JavaScript computes from those of others: here, and in every
 * later run of the step.
 */
export function computeInJavaScript(
  sources: readonly Tensor[],
  shape: Shape,
  compute: (...values: Float32Array[]) => ArrayLike<number>,
): Tensor {
  const y = empty(shape)
  try {
    inRows(sources, (storages) =>
      eachRun([...storages, y.storage], (now) => {
        now[storages.length].write(compute(...now.slice(0, storages.length).map(valuesOf)))
      }),
    )
  } catch (error) {
    y.release()
    throw error
  }
  return y
}

const valuesOf = (storage: Storage) => new Float32Array(storage.copyOut().buffer)

/** Runs `run` with the storages of tensors, all in rows. */
function inRows(sources: readonly Tensor[], run: (storages: readonly Storage[]) => void): void {
  const rows = sources.map((x) => (x.layout === 'rows' ? x : toLayout(x, 'rows')))
  try {
    run(rows.map(({ storage }) => storage))
  } finally {
    for (const [i, x] of rows.entries()) if (x !== sources[i]) x.release()
  }
}
