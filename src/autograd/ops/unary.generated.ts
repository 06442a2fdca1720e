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
 * `x Φ(x)`, with Φ the normal distribution: `x (1 + erf(x / √2)) / 2`. `x` of any shape.
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.gelu.html
 *
 * @function
 */
export const gelu = unary('gelu', 8, ['x'])
