/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The operations as methods of Tensor. They are added here, above the operations, because tensor.ts lies
 * below them: so nothing imports upwards.
 */

import type { Shape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { type BackwardOptions, backward } from './backward.js'
import { add, div, maximum, mul, sub } from './ops/arithmetic.js'
import { matmul } from './ops/matmul.js'
import { cat, flatten, permute, reshape, slice, transpose } from './ops/rearrange.js'
import { argmax, max, mean, type ReduceOptions, sum } from './ops/reduce.js'
import { logSoftmax, softmax } from './ops/softmax.js'
import * as unary from './ops/unary.generated.js'
import { pow } from './ops/unary.js'
import { type VarOptions, variance } from './ops/variance.js'

/** The rows of the unary table are all methods. */
type UnaryMethods = { [name in keyof typeof unary]: () => Tensor }

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
  ...unary,
  pow,
  matmul,
  sum,
  mean,
  var: variance,
  max,
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

for (const [name, operation] of Object.entries(OPERATIONS)) {
  const apply = operation as (x: Tensor, ...rest: unknown[]) => unknown
  Object.defineProperty(Tensor.prototype, name, {
    value(this: Tensor, ...rest: unknown[]) {
      return apply(this, ...rest)
    },
  })
}

// Older browsers have no Symbol.dispose, and then no `using` either.
if (Symbol.dispose) {
  Object.defineProperty(Tensor.prototype, Symbol.dispose, {
    value(this: Tensor) {
      this.dispose()
    },
  })
}

export { cat, Tensor }
