/**
 * Tensors count their changes. Of running statistics these are the forwards in training mode, but for those that
 * `recalibrate` made, which are kept here.
 */
import type { Tensor } from '../tensor/tensor.js'

const changes = new WeakMap<Tensor, number>()

/** Changes of `x` that were not training's. */
export function uncounted(x: Tensor): number {
  return changes.get(x) ?? 0
}

/** So many more of them. */
export function leaveOut(x: Tensor, count: number): void {
  changes.set(x, uncounted(x) + count)
}
