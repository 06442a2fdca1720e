/** What the floors above tell whoever writes a step down, so that it can run again (bindings/recording.ts). */
import { eachRun } from '../bindings/recording.js'
import type { Tensor } from '../tensor/tensor.js'

export { reliesOn } from '../bindings/recording.js'

/** Looks at the one value of `x`, here and in every later run of the step; what `look` throws ends the run. */
export function eachValue(x: Tensor, look: (value: number) => void): void {
  eachRun([x.storage], ([storage]) => look(storage.readFloat(0)))
}
