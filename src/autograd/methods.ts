/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The operations as methods of Tensor. They are added here, above the operations, because tensor.ts lies
 * below them: so nothing imports upwards.
 */
import { add, div, maximum, mul, sub } from './ops/arithmetic.js'
import { matmul } from './ops/matmul.js'
import { cat, flatten, permute, reshape, slice, transpose } from './ops/rearrange.js'
import { argmax, max, mean, type ReduceOptions, sum } from './ops/reduce.js'
import { logSoftmax, softmax } from './ops/softmax.js'
import { abs, exp, log, neg, pow, relu, sigmoid, sqrt, tanh } from './ops/unary.js'
import { type VarOptions, variance } from './ops/variance.js'
import type { Shape } from './shape.js'
import { backward } from './tape.js'
import { Tensor } from './tensor.js'

declare module './tensor.js' {
  interface Tensor {
    /** `this + other`, broadcast. */
    add(other: Tensor | number): Tensor
    /** `this − other`, broadcast. */
    sub(other: Tensor | number): Tensor
    /** `this · other`, broadcast. */
    mul(other: Tensor | number): Tensor
    /** `this / other`, broadcast. */
    div(other: Tensor | number): Tensor
    /** The larger of both, broadcast; equals share the gradient in halves. */
    maximum(other: Tensor | number): Tensor
    /** `thisᵉ`. */
    pow(exponent: number): Tensor
    neg(): Tensor
    /** `|this|`; gradient 0 at 0. */
    abs(): Tensor
    sqrt(): Tensor
    exp(): Tensor
    /** The natural logarithm. */
    log(): Tensor
    /** `max(this, 0)`; gradient 0 at 0. */
    relu(): Tensor
    sigmoid(): Tensor
    tanh(): Tensor
    /** The matrix product, of vectors, matrices or batches of matrices. */
    matmul(other: Tensor): Tensor
    /** The sum over some dimensions, or all. */
    sum(options?: ReduceOptions): Tensor
    /** The mean over some dimensions, or all. */
    mean(options?: ReduceOptions): Tensor
    /** The variance over some dimensions, or all; unbiased unless said otherwise. */
    var(options?: VarOptions): Tensor
    /** The largest value over one dimension, or all. */
    max(options?: ReduceOptions): Tensor
    /** The index of the largest value over one dimension, or in the flattened tensor. */
    argmax(options?: ReduceOptions): Tensor
    /** The same values under another shape; one size may be −1. */
    reshape(shape: Shape): Tensor
    /** Two dimensions swapped. */
    transpose(a: number, b: number): Tensor
    /** The dimensions in another order. */
    permute(order: readonly number[]): Tensor
    /** The dimensions from `startDim` to `endDim` joined into one. */
    flatten(startDim?: number, endDim?: number): Tensor
    /** The part from `start` up to (not including) `end` of one dimension. */
    slice(dim: number, start?: number, end?: number): Tensor
    /** `eˣ / Σ eˣ` over one dimension. */
    softmax(dim: number): Tensor
    /** `x − ln Σ eˣ` over one dimension. */
    logSoftmax(dim: number): Tensor
    /** Adds the gradients of all leaves behind this tensor to their `grad`. */
    backward(cotangent?: Tensor): void
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
  pow,
  neg,
  abs,
  sqrt,
  exp,
  log,
  relu,
  sigmoid,
  tanh,
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
