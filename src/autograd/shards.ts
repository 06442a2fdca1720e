/**
 * Shards: a function of tensors that runs on several parts of a batch at once, operation by operation (as
 * https://docs.jax.dev/en/latest/_autosummary/jax.vmap.html maps one over a dimension). Each part is computed by itself,
 * by its shape alone, so that its bits do not depend on who computes the others; and all parts come to an operation
 * before one goes on, so that batch norm over all of them can be had.
 *
 * A tensor stands for all parts of it: it is that of the first part, and the others are known here.
 */
import type { Tensor } from '../tensor/tensor.js'
import type { Exchange } from './ops/sync-batch-norm.js'

/** Parts that are computed at once. */
export interface Shards extends Exchange {
  /** Runs what takes all parts of `x`, and gives as many. */
  together(x: Tensor, run: (xs: readonly Tensor[]) => Tensor[]): Tensor
}

let current: Shards | undefined

/** The shards that are at work; undefined outside of them. */
export function currentShards(): Shards | undefined {
  return current
}

/** Lets `shards` be those at work while `run` runs. */
export function withShards<T>(shards: Shards | undefined, run: () => T): T {
  const before = current
  current = shards
  try {
    return run()
  } finally {
    current = before
  }
}

let weight = 1

/** How much a gradient of this process counts beside those of the others, as in a mean over samples of all. */
export function currentWeight(): number {
  return weight
}

/** Lets the gradients of what `run` computes count so much. */
export function withWeight<T>(next: number, run: () => T): T {
  const before = weight
  weight = next
  try {
    return run()
  } finally {
    weight = before
  }
}
