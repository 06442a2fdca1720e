// Written by `cargo run --bin bindings` in crates/bnkernels from src/tables.rs: change it there.
import { unary } from './unary.js'

/**
 * `x Φ(x)`, with Φ the normal distribution: `x (1 + erf(x / √2)) / 2`.
 *
 * @function
 */
export const gelu = unary('gelu', 8, ['x'])

/**
 * `gelu` with Φ by the tangent: `x (1 + tanh(√(2 / π) (x + 0.044715 x³))) / 2`.
 *
 * @function
 */
export const geluTanh = unary('geluTanh', 9, ['x'])

/** Options of `clamp`. */
export interface ClampOptions {
  /** The least. Default none. */
  min?: number
  /** The largest. Default none. */
  max?: number
}

/**
 * `x` from `min` to `max`; `max` where that is the smaller. On the bounds there is no gradient.
 *
 * @function
 */
export const clamp = unary<ClampOptions>('clamp', 10, ['x'], { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY })
