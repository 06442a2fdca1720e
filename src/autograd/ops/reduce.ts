import { maxBackward, maxForward, type ReduceShape, sumForward } from '../../bindings/kernels.js'
import { ShapeError } from '../../errors.js'
import { checkOptions } from '../options.js'
import { dimension, reduceShape, type Shape } from '../shape.js'
import { type Operation, run } from '../tape.js'
import { empty, type Tensor, view } from '../tensor.js'
import { expandInto, permute } from './rearrange.js'

/** Which dimensions a reduction goes over. */
export interface ReduceOptions {
  /** A dimension or several, −1 being the last. Default: all. */
  dim?: number | readonly number[]
  /** Whether reduced dimensions stay, with size 1. Default false. */
  keepdim?: boolean
}

const REDUCE_OPTIONS = ['dim', 'keepdim']

interface Reduction {
  /** The input's shape, as the kernel sees it. */
  kernel: ReduceShape
  /** The result's shape. */
  shape: Shape
  /** The result's shape with reduced dimensions kept as 1. */
  kept: Shape
}

/** The reduced dimensions, counted from 0, ascending and each once. */
function reducedDimensions(operation: string, x: Tensor, dim: ReduceOptions['dim']): number[] {
  const rank = x.shape.length
  if (dim === undefined || (Array.isArray(dim) && dim.length === 0)) return x.shape.map((_, d) => d)
  if (typeof dim === 'number') {
    const only = dimension(operation, dim, rank)
    return rank === 0 ? [] : [only]
  }
  const dims = dim.map((d) => dimension(operation, d, rank))
  if (rank === 0) return []
  if (new Set(dims).size !== dims.length)
    throw new ShapeError(`${operation}: a dimension is named twice in [${dim}]`)
  return dims.sort((a, b) => a - b)
}

/** How to reduce `dims` of `shape`, which must be neighbours. */
function plan(shape: Shape, dims: readonly number[], keepdim: boolean): Reduction {
  const kept = shape.map((size, d) => (dims.includes(d) ? 1 : size))
  return {
    kernel: reduceShape(shape, dims[0] ?? 0, dims.at(-1) ?? -1),
    shape: keepdim ? kept : shape.filter((_, d) => !dims.includes(d)),
    kept,
  }
}

/** `x` and the dimensions, with the reduced ones moved next to each other at the end if they are not. */
function together(
  operation: string,
  x: Tensor,
  options: ReduceOptions,
): [Tensor, number[], Shape | undefined] {
  const dims = reducedDimensions(operation, x, options.dim)
  if (dims.every((d, i) => i === 0 || d === dims[i - 1] + 1)) return [x, dims, undefined]
  const others = x.shape.map((_, d) => d).filter((d) => !dims.includes(d))
  const kept = x.shape.map((size, d) => (dims.includes(d) ? 1 : size))
  return [permute(x, [...others, ...dims]), dims.map((_, i) => others.length + i), kept]
}

const sumOperation: Operation<{ reduction: Reduction; scale: number }> = {
  name: 'sum',
  shape: (_, { reduction }) => reduction.shape,
  forward(call) {
    const { reduction, scale } = call.attributes
    sumForward(reduction.kernel, call.input(0).storage, scale, call.output.storage)
  },
  backward(call, dy) {
    const { reduction, scale } = call.attributes
    return [expandInto(view(call.in('rows', dy), reduction.kept), call.inputs[0].shape, scale)]
  },
}

function sumScaled(
  operation: string,
  x: Tensor,
  options: ReduceOptions,
  scale: (n: number) => number,
): Tensor {
  checkOptions(operation, options, REDUCE_OPTIONS)
  const [source, dims, kept] = together(operation, x, options)
  const reduction = plan(source.shape, dims, kept === undefined && (options.keepdim ?? false))
  const y = run(sumOperation, [source], { reduction, scale: scale(reduction.kernel[1]) })
  return kept && options.keepdim ? reshaped(y, kept) : y
}

/** `y` under a shape that differs in dimensions of size 1 only. */
function reshaped(y: Tensor, shape: Shape): Tensor {
  const result = view(y, shape)
  result.requiresGrad = y.requiresGrad
  result.producer = y.producer
  return result
}

/**
 * The sum over some dimensions. https://pytorch.org/docs/stable/generated/torch.sum.html
 * @returns [] or the shape without (keepdim: with size 1 in) the reduced dimensions
 */
export function sum(x: Tensor, options: ReduceOptions = {}): Tensor {
  return sumScaled('sum', x, options, () => 1)
}

/** The mean over some dimensions, as `sum`. https://pytorch.org/docs/stable/generated/torch.mean.html */
export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  return sumScaled('mean', x, options, (n) => 1 / n)
}

const maxOperation: Operation<Reduction & { index: Tensor }> = {
  name: 'max',
  shape: (_, { shape }) => shape,
  forward(call) {
    const { kernel, index } = call.attributes
    call.keep(index)
    maxForward(kernel, call.input(0).storage, call.output.storage, index.storage)
  },
  backward(call, dy) {
    const { kernel, index } = call.attributes
    const dx = empty(call.inputs[0].shape)
    maxBackward(kernel, index.storage, call.in('rows', dy).storage, dx.storage)
    return [dx]
  },
}

function planMax(operation: string, x: Tensor, options: ReduceOptions): Reduction {
  checkOptions(operation, options, REDUCE_OPTIONS)
  const dims = reducedDimensions(operation, x, options.dim)
  if (options.dim !== undefined && dims.length > 1) {
    throw new ShapeError(`${operation}: takes one dimension or none (all), got [${options.dim}]`)
  }
  const reduction = plan(x.shape, dims, options.keepdim ?? false)
  if (reduction.kernel[1] === 0) {
    throw new ShapeError(`${operation}: there is nothing to choose from in shape [${x.shape}]`)
  }
  return reduction
}

/**
 * The largest value over one dimension, or over all. The gradient goes to the first of equals.
 * https://pytorch.org/docs/stable/generated/torch.max.html
 */
export function max(x: Tensor, options: ReduceOptions = {}): Tensor {
  const reduction = planMax('max', x, options)
  return run(maxOperation, [x], { ...reduction, index: empty(reduction.shape) })
}

/** The index of the largest value (the first of equals) over one dimension, or in the flattened tensor. */
export function argmax(x: Tensor, options: ReduceOptions = {}): Tensor {
  const reduction = planMax('argmax', x, options)
  const index = empty(reduction.shape)
  // Not differentiable: run on a detached input, and keep the index instead of the value.
  const source = x.detach()
  const best = run(maxOperation, [source], { ...reduction, index: view(index, index.shape) })
  best.dispose()
  source.dispose()
  return index
}
