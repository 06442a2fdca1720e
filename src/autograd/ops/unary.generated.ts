// Written by `cargo run --bin bindings` in crates/bnkernels from src/tables.rs: change it there.
import { unary } from './unary.js'

/**
 * `−x`. `x` of any shape.
 *
 * @function
 */
export const neg = unary('neg', 0, [])

/**
 * `|x|`; gradient 0 at 0. `x` of any shape. https://pytorch.org/docs/stable/generated/torch.abs.html
 *
 * @function
 */
export const abs = unary('abs', 1, ['x'])

/**
 * `√x`; NaN below 0. `x` of any shape. https://pytorch.org/docs/stable/generated/torch.sqrt.html
 *
 * @function
 */
export const sqrt = unary('sqrt', 2, ['y'])

/**
 * `eˣ`. `x` of any shape. https://pytorch.org/docs/stable/generated/torch.exp.html
 *
 * @function
 */
export const exp = unary('exp', 3, ['y'])

/**
 * The natural logarithm; −Infinity at 0, NaN below. `x` of any shape.
 * https://pytorch.org/docs/stable/generated/torch.log.html
 *
 * @function
 */
export const log = unary('log', 4, ['x'])

/**
 * `max(x, 0)`; gradient 0 at 0. `x` of any shape.
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.relu.html
 *
 * @function
 */
export const relu = unary('relu', 5, ['y'])

/**
 * `1 / (1 + e⁻ˣ)`. `x` of any shape. https://pytorch.org/docs/stable/generated/torch.sigmoid.html
 *
 * @function
 */
export const sigmoid = unary('sigmoid', 6, ['y'])

/**
 * The hyperbolic tangent. `x` of any shape. https://pytorch.org/docs/stable/generated/torch.tanh.html
 *
 * @function
 */
export const tanh = unary('tanh', 7, ['y'])

/**
 * The sine, of whatever angle. `x` of any shape. https://pytorch.org/docs/stable/generated/torch.sin.html
 *
 * @function
 */
export const sin = unary('sin', 11, ['x'])

/**
 * The cosine, of whatever angle. `x` of any shape. https://pytorch.org/docs/stable/generated/torch.cos.html
 *
 * @function
 */
export const cos = unary('cos', 12, ['x'])

/**
 * The error function, `2 / √π ∫ e^(-t²) dt` from 0 to `x`. `x` of any shape. https://pytorch.org/docs/stable/generated/torch.erf.html
 *
 * @function
 */
export const erf = unary('erf', 13, ['x'])

/**
 * The largest whole number up to `x`; gradient 0. `x` of any shape. https://pytorch.org/docs/stable/generated/torch.floor.html
 *
 * @function
 */
export const floor = unary('floor', 14, [])

/**
 * The smallest whole number from `x` on; gradient 0. `x` of any shape. https://pytorch.org/docs/stable/generated/torch.ceil.html
 *
 * @function
 */
export const ceil = unary('ceil', 15, [])

/**
 * The nearest whole number, of two the even one (not as Math.round); gradient 0. `x` of any shape.
 * https://pytorch.org/docs/stable/generated/torch.round.html
 *
 * @function
 */
export const round = unary('round', 16, [])

/**
 * −1, 0 or 1; 0 for NaN, and gradient 0. `x` of any shape. https://pytorch.org/docs/stable/generated/torch.sign.html
 *
 * @function
 */
export const sign = unary('sign', 17, [])

/**
 * `1 / √x`; Infinity at 0, NaN below. `x` of any shape. https://pytorch.org/docs/stable/generated/torch.rsqrt.html
 *
 * @function
 */
export const rsqrt = unary('rsqrt', 18, ['y'])

/**
 * `1 / x`. `x` of any shape. https://pytorch.org/docs/stable/generated/torch.reciprocal.html
 *
 * @function
 */
export const reciprocal = unary('reciprocal', 19, ['y'])

/**
 * `ln(1 + x)`, with all digits near 0; −Infinity at −1, NaN below. `x` of any shape.
 * https://pytorch.org/docs/stable/generated/torch.log1p.html
 *
 * @function
 */
export const log1p = unary('log1p', 20, ['x'])

/**
 * `x / (1 + e⁻ˣ)`, also called swish. `x` of any shape.
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.silu.html
 *
 * @function
 */
export const silu = unary('silu', 21, ['x'])

/**
 * `x min(max(x + 3, 0), 6) / 6`. `x` of any shape.
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.hardswish.html
 *
 * @function
 */
export const hardswish = unary('hardswish', 22, ['x'])

/**
 * `x tanh(ln(1 + eˣ))`. `x` of any shape. https://pytorch.org/docs/stable/generated/torch.nn.functional.mish.html
 *
 * @function
 */
export const mish = unary('mish', 23, ['x'])

/**
 * `min(max(x, 0), 6)`; gradient 0 at 0 and at 6. `x` of any shape.
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.relu6.html
 *
 * @function
 */
export const relu6 = unary('relu6', 24, ['y'])

/** Options of `softplus`. */
export interface SoftplusOptions {
  /** The larger, the nearer to `relu`. Default 1. */
  beta?: number
  /** Where `beta x` is larger, the result is `x`. Default 20. */
  threshold?: number
}

/**
 * `ln(1 + e^(beta x)) / beta`: `relu`, smoothed. `x` of any shape.
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.softplus.html
 *
 * @function
 */
export const softplus = unary<SoftplusOptions>('softplus', 25, ['x'], { beta: 1, threshold: 20 })

/** Options of `elu`. */
export interface EluOptions {
  /** How far below 0 the results reach. Default 1. */
  alpha?: number
}

/**
 * `x` above 0, `alpha (eˣ − 1)` below. `x` of any shape.
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.elu.html
 *
 * @function
 */
export const elu = unary<EluOptions>('elu', 26, ['x'], { alpha: 1 })

/** Options of `leakyRelu`. */
export interface LeakyReluOptions {
  /** The slope below 0, and at it. Default 0.01. */
  negativeSlope?: number
}

/**
 * `x` above 0, `negativeSlope x` below. `x` of any shape.
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.leaky_relu.html
 *
 * @function
 */
export const leakyRelu = unary<LeakyReluOptions>('leakyRelu', 27, ['x'], { negativeSlope: 0.01 })
