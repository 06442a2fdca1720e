/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The operations as methods of Tensor. They are added here, above the operations, because tensor.ts lies
 * below them: so nothing imports upwards.
 */

import type { Shape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { addMethods } from './add-methods.js'
import { type BackwardOptions, backward } from './backward.js'
import { add, div, maximum, minimum, mul, sub } from './ops/arithmetic.js'
import { type ClampOptions, clamp } from './ops/clamp.js'
import { clone } from './ops/clone.js'
import { eq, ge, gt, le, lt, ne } from './ops/compare.js'
import { type GeluOptions, gelu } from './ops/gelu.js'
import { matmul } from './ops/matmul.js'
import { type NormOptions, norm, std } from './ops/norm.js'
import { cat, flatten, permute, reshape, slice, transpose } from './ops/rearrange.js'
import { argmax, max, mean, min, type ReduceOptions, sum } from './ops/reduce.js'
import { logSoftmax, softmax } from './ops/softmax.js'
import * as unary from './ops/unary.generated.js'
import { pow, type UnaryWith } from './ops/unary.js'
import { type VarOptions, variance } from './ops/variance.js'
import { maskedFill } from './ops/where.js'

/** The rows of the unary table are all methods; those that take numbers have them as options. */
type UnaryMethods = {
  [name in keyof typeof unary]: (typeof unary)[name] extends UnaryWith<infer O>
    ? (options?: O) => Tensor
    : () => Tensor
}

declare module '../tensor/tensor.js' {
  interface Tensor extends UnaryMethods {
    /** `this + other`, broadcast. @throws {ShapeError} where the shapes do not broadcast */
    add(other: Tensor | number): Tensor
    /** `this − other`, broadcast. @throws {ShapeError} where the shapes do not broadcast */
    sub(other: Tensor | number): Tensor
    /** `this · other`, broadcast. @throws {ShapeError} where the shapes do not broadcast */
    mul(other: Tensor | number): Tensor
    /** `this / other`, broadcast. @throws {ShapeError} where the shapes do not broadcast */
    div(other: Tensor | number): Tensor
    /**
     * The larger of `this` and `other`, broadcast; equals share the gradient in halves.
     * @throws {ShapeError} where the shapes do not broadcast
     */
    maximum(other: Tensor | number): Tensor
    /**
     * The smaller of `this` and `other`, broadcast; equals share the gradient in halves.
     * @throws {ShapeError} where the shapes do not broadcast
     */
    minimum(other: Tensor | number): Tensor
    /** 1 where `this = other`, else 0; broadcast, without a gradient. @throws {ShapeError} where the shapes do not broadcast */
    eq(other: Tensor | number): Tensor
    /** 1 where `this ≠ other`, else 0; broadcast, without a gradient. @throws {ShapeError} where the shapes do not broadcast */
    ne(other: Tensor | number): Tensor
    /** 1 where `this < other`, else 0; broadcast, without a gradient. @throws {ShapeError} where the shapes do not broadcast */
    lt(other: Tensor | number): Tensor
    /** 1 where `this ≤ other`, else 0; broadcast, without a gradient. @throws {ShapeError} where the shapes do not broadcast */
    le(other: Tensor | number): Tensor
    /** 1 where `this > other`, else 0; broadcast, without a gradient. @throws {ShapeError} where the shapes do not broadcast */
    gt(other: Tensor | number): Tensor
    /** 1 where `this ≥ other`, else 0; broadcast, without a gradient. @throws {ShapeError} where the shapes do not broadcast */
    ge(other: Tensor | number): Tensor
    /**
     * `value` where `mask` is not 0, `this` elsewhere; both broadcast. What is filled over gets no gradient.
     * https://pytorch.org/docs/stable/generated/torch.Tensor.masked_fill.html
     *
     * @param value a number, or a tensor of no dimension
     * @throws {ShapeError} where the shapes do not broadcast, or for a value with dimensions
     */
    maskedFill(mask: Tensor, value: Tensor | number): Tensor
    /**
     * `this`, no smaller than `min` and no larger than `max`, one of which may be missing. The gradient passes within
     * the bounds and on them. https://pytorch.org/docs/stable/generated/torch.clamp.html
     * @throws {ArgumentError} without a bound, or for one that is no number
     */
    clamp(options: ClampOptions): Tensor
    /**
     * `x Φ(x)`, with Φ the normal distribution; or with `approximate: 'tanh'` a formula that is near to it.
     * https://pytorch.org/docs/stable/generated/torch.nn.functional.gelu.html
     * @throws {ArgumentError} for an option that is unknown, or none of its values
     */
    gelu(options?: GeluOptions): Tensor
    /** A copy, through which gradients flow. */
    clone(): Tensor
    /** `this` to the power of a number `exponent`; NaN where a negative base meets a broken exponent. */
    pow(exponent: number): Tensor
    /**
     * The matrix product. [m, k]·[k, n] → [m, n]; a vector counts as a row (left) or a column (right), and
     * that dimension goes again; leading dimensions are a batch and broadcast.
     * https://pytorch.org/docs/stable/generated/torch.matmul.html
     *
     * @param other [k], [k, n] or [..., k, n]
     * @throws {ShapeError} when the inner sizes differ, or for a tensor of no dimension
     */
    matmul(other: Tensor): Tensor
    /**
     * The sum over some dimensions, or all.
     * @returns [] or the shape without (`keepdim`: with size 1 in) the reduced dimensions
     * @throws {ArgumentError} for a dimension that is not there
     * @throws {ShapeError} for a dimension that is named twice
     */
    sum(options?: ReduceOptions): Tensor
    /** The mean over some dimensions, or all; shapes and errors as of `sum`. */
    mean(options?: ReduceOptions): Tensor
    /**
     * The variance over some dimensions, or all; unbiased unless said otherwise. Shapes and errors as of
     * `sum`. A mean that is large against the spread does no harm.
     * https://pytorch.org/docs/stable/generated/torch.var.html
     */
    var(options?: VarOptions): Tensor
    /**
     * The largest value over one dimension, or all; the gradient goes to the first of equals. Unlike PyTorch's
     * it gives no indices: `argmax` does.
     * @throws {ShapeError} for several dimensions, or where there is no element to choose
     * @throws {ArgumentError} for a dimension that is not there
     */
    max(options?: ReduceOptions): Tensor
    /** The smallest value over one dimension, or all; gradient, shapes and errors as of `max`. */
    min(options?: ReduceOptions): Tensor
    /**
     * The standard deviation over some dimensions, or all: the root of `var`, with its options and errors. The
     * gradient is 0 where it is 0. https://pytorch.org/docs/stable/generated/torch.std.html
     */
    std(options?: VarOptions): Tensor
    /**
     * The norm of order `p` (default 2) over some dimensions, or all: `(Σ |x|^p)^(1 / p)`; of order 0 how many are not
     * 0, of order ±Infinity the largest or smallest magnitude. The gradient is 0 where the norm is. Shapes and errors
     * as of `sum`. https://pytorch.org/docs/stable/generated/torch.norm.html
     * @throws {ArgumentError} for a p that is no number
     */
    norm(options?: NormOptions): Tensor
    /** The index of the largest value (the first of equals) over one dimension, or in the flattened tensor; errors as of `max`. */
    argmax(options?: ReduceOptions): Tensor
    /**
     * The same values under another `shape`, in which one size may be −1. They share memory where possible.
     * @throws {ShapeError} where the number of elements differs
     */
    reshape(shape: Shape): Tensor
    /** A copy with dimensions `a` and `b` swapped; −1 is the last. @throws {ArgumentError} for one that is not there */
    transpose(a: number, b: number): Tensor
    /** A copy with its dimensions in another order: dimension i is `order[i]`. @throws {ArgumentError} unless each is there once */
    permute(order: readonly number[]): Tensor
    /** The dimensions from `startDim` (default 0) to `endDim` (default −1) joined into one. @throws {ArgumentError} for one that is not there */
    flatten(startDim?: number, endDim?: number): Tensor
    /**
     * A copy of the part from `start` (default 0) up to, not including, `end` (default: the size) of dimension
     * `dim`. Both may count from the end, and are cut to the size, as in Python.
     * @throws {ArgumentError} for a dimension that is not there
     */
    slice(dim: number, start?: number, end?: number): Tensor
    /** `eˣ / Σ eˣ` over dimension `dim`. @throws {ArgumentError} for one that is not there */
    softmax(dim: number): Tensor
    /** `x − ln Σ eˣ` over dimension `dim`. @throws {ArgumentError} for one that is not there */
    logSoftmax(dim: number): Tensor
    /**
     * Adds the gradients of all leaves behind this tensor to their `grad`, and frees what the graph kept: it
     * can be used once, unless `retainGraph` is true. https://pytorch.org/docs/stable/generated/torch.Tensor.backward.html
     *
     * @param cotangent the gradient of this tensor, of its shape; needed unless it has one element
     * @param options whether the graph is retained
     * @throws {AutogradError} where there is no graph, or no longer one, or a value was changed in place since
     * @throws {ShapeError} for a cotangent that is missing or has another shape
     */
    backward(cotangent?: Tensor, options?: BackwardOptions): void
    /** `dispose()`, for `using`. Missing where the runtime has no Symbol.dispose. */
    [Symbol.dispose](): void
  }
}

const OPERATIONS = {
  add,
  sub,
  mul,
  div,
  maximum,
  minimum,
  eq,
  ne,
  lt,
  le,
  gt,
  ge,
  maskedFill,
  clamp,
  ...unary,
  gelu,
  clone,
  pow,
  matmul,
  sum,
  mean,
  var: variance,
  max,
  min,
  std,
  norm,
  argmax,
  reshape,
  transpose,
  permute,
  flatten,
  slice,
  softmax,
  logSoftmax,
  backward,
} as const

addMethods(OPERATIONS)

// Older browsers have no Symbol.dispose, and then no `using` either.
if (Symbol.dispose) {
  Object.defineProperty(Tensor.prototype, Symbol.dispose, {
    value(this: Tensor) {
      this.dispose()
    },
  })
}

export { cat, Tensor }
