/** Sums, means and maxima over some dimensions. */
import { BINARY, maxBackward, maxForward } from '../../bindings/kernels.generated.js'
import { checkBoolean, checkOptions } from '../../check.js'
import { ShapeError } from '../../errors.js'
import { scalar } from '../../tensor/create.js'
import { scoped } from '../../tensor/scope.js'
import { broadcastStrides, dimension, type Shape } from '../../tensor/shape.js'
import { type Tensor, view } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { defineOperation, unchanged } from '../operation.js'
import { combine, copyRegion, reducedPieces, sumOver } from '../strided.js'
import { run } from '../tape.js'
import { neg } from './unary.generated.js'

/** Which dimensions a reduction goes over. */
export interface ReduceOptions {
  /** A dimension or several, −1 being the last. Default: all. */
  dim?: number | readonly number[]
  /** Whether reduced dimensions stay, with size 1. Default false. */
  keepdim?: boolean
}

const REDUCE_OPTIONS = ['dim', 'keepdim']

/** A reduction over neighbouring dimensions: `first` … `last`, none of them where `last` comes before. */
interface Reduction {
  first: number
  last: number
  /** The input's shape with size 1 in the reduced dimensions. */
  kept: Shape
  /** The result's shape. */
  shape: Shape
}

/** The reduced dimensions, counted from 0, ascending and each once. */
export function reducedDimensions(operation: string, x: Tensor, options: ReduceOptions): number[] {
  checkTensor(operation, 'input', x)
  checkOptions(operation, options, REDUCE_OPTIONS)
  const { dim, keepdim = false } = options
  checkBoolean(operation, 'keepdim', keepdim)
  const rank = x.shape.length
  if (dim === undefined || (Array.isArray(dim) && dim.length === 0)) return x.shape.map((_, d) => d)
  if (!Array.isArray(dim)) {
    const only = dimension(operation, dim as number, rank)
    return rank === 0 ? [] : [only]
  }
  const dims = dim.map((d) => dimension(operation, d, rank))
  if (rank === 0) return []
  if (new Set(dims).size !== dims.length)
    throw new ShapeError(`${operation}: a dimension is named twice in [${dim}]`)
  return dims.sort((a, b) => a - b)
}

/** How to reduce `dims` of `shape`, which are neighbours. */
function plan(shape: Shape, dims: readonly number[], keepdim: boolean): Reduction {
  const kept = shape.map((size, d) => (dims.includes(d) ? 1 : size))
  return {
    first: dims[0] ?? 0,
    last: dims.at(-1) ?? -1,
    kept,
    shape: keepdim ? kept : shape.filter((_, d) => !dims.includes(d)),
  }
}

/** A batch in lanes stays there, unless it is reduced itself. */
const inLanes = ([x]: readonly (Tensor | undefined)[], { first, last }: Reduction) =>
  x?.layout === 'lanes' && first > 0 && last >= first

const sumOperation = defineOperation<Reduction & { scale: number }>({
  name: 'sum',
  inputs: { x: 'any' },
  output: 'any',
  gradients: { x: [] },
  lanes: inLanes,
  shape: (_, { shape }) => shape,
  forward({ inputs: [x], output, attributes: { first, last, scale } }) {
    sumOver(x, first, last, scale, output)
  },
  repeats: unchanged,
  backward(call) {
    const dx = call.gradient(0)
    if (!dx) return
    const { kept, scale } = call.attributes
    const dy = call.hold(view(call.dy, kept))
    if (scale === 1) copyRegion(dx.shape, { of: dy, strides: broadcastStrides(kept, dx.shape) }, { of: dx })
    else combine(BINARY.mul, dy, call.hold(scalar(scale)), dx)
  },
})

/**
 * Runs of neighbouring dimensions, the last first; the batch by itself, so that what is in lanes is reduced in
 * lanes as far as it goes.
 */
function runsOf(dims: readonly number[], x: Tensor): number[][] {
  const runs: number[][] = []
  for (const d of dims) {
    const run = runs.at(-1)
    const joins = run?.at(-1) === d - 1 && !(d === 1 && x.layout === 'lanes')
    if (run && joins) run.push(d)
    else runs.push([d])
  }
  return runs.length > 0 ? runs.reverse() : [[]]
}

function sumScaled(
  operation: string,
  x: Tensor,
  options: ReduceOptions,
  scale: (n: number) => number,
): Tensor {
  const dims = reducedDimensions(operation, x, options)
  const keepdim = options.keepdim ?? false
  const n = dims.reduce((product, d) => product * x.shape[d], 1)
  const runs = runsOf(dims, x)
  if (runs.length === 1) {
    return run(sumOperation, [x], { scale: scale(n), ...plan(x.shape, runs[0], keepdim) })
  }
  return scoped(() =>
    runs.reduce((current, dims, i) => {
      // Dimensions still to come lie before these, so they keep their numbers.
      const part = i === runs.length - 1 ? scale(n) : 1
      return run(sumOperation, [current], { scale: part, ...plan(current.shape, dims, keepdim) })
    }, x),
  )
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

const maxOperation = defineOperation<Reduction>({
  name: 'max',
  inputs: { x: 'any' },
  output: 'any',
  makes: ['index'],
  made: (_, { shape }, layout) => [{ shape, layout }],
  gradients: { x: ['index'] },
  lanes: inLanes,
  shape: (_, { shape }) => shape,
  forward({ inputs: [x], output, made: [index], attributes: { first, last } }) {
    findMax(x, first, last, output, index)
  },
  repeats: unchanged,
  backward(call) {
    const dx = call.gradient(0)
    if (!dx) return
    const { first, last } = call.attributes
    const index = reducedPieces(dx, first, last, call.made[0])
    for (const [i, piece] of reducedPieces(dx, first, last, call.dy).entries()) {
      const { outer, n, inner, x, y } = piece
      maxBackward({ outer, n, inner, index: index[i].y, dy: y, dx: x })
    }
  },
})

function findMax(x: Tensor, first: number, last: number, y: Tensor, index: Tensor): void {
  const places = reducedPieces(x, first, last, index)
  for (const [i, piece] of reducedPieces(x, first, last, y).entries()) {
    maxForward({ index: places[i].y, ...piece })
  }
}

const argmaxOperation = defineOperation<Reduction>({
  name: 'argmax',
  inputs: { x: 'any' },
  output: 'any',
  makes: ['max'],
  made: (_, { shape }, layout) => [{ shape, layout }],
  gradients: {},
  lanes: inLanes,
  shape: (_, { shape }) => shape,
  forward({ inputs: [x], output, made: [max], attributes: { first, last } }) {
    findMax(x, first, last, max, output)
  },
  repeats: unchanged,
  backward() {},
})

function planMax(operation: string, x: Tensor, options: ReduceOptions): Reduction {
  const dims = reducedDimensions(operation, x, options)
  if (options.dim !== undefined && dims.length > 1) {
    throw new ShapeError(`${operation}: takes one dimension or none (all), got [${options.dim}]`)
  }
  const reduction = plan(x.shape, dims, options.keepdim ?? false)
  // As PyTorch: along a dimension it must have an element, even where there is none to be found in.
  if (dims.some((d) => x.shape[d] === 0)) {
    throw new ShapeError(`${operation}: there is nothing to choose from in shape [${x.shape}]`)
  }
  return reduction
}

/**
 * The largest value over one dimension, or over all. The gradient goes to the first of equals.
 * https://pytorch.org/docs/stable/generated/torch.max.html
 */
export function max(x: Tensor, options: ReduceOptions = {}): Tensor {
  return run(maxOperation, [x], planMax('max', x, options))
}

/**
 * The smallest value over one dimension, or over all. The gradient goes to the first of equals.
 * https://pytorch.org/docs/stable/generated/torch.min.html
 */
export function min(x: Tensor, options: ReduceOptions = {}): Tensor {
  planMax('min', x, options)
  return scoped(() => neg(max(neg(x), options)))
}

/** The index of the largest value (the first of equals) over one dimension, or in the flattened tensor. */
export function argmax(x: Tensor, options: ReduceOptions = {}): Tensor {
  return run(argmaxOperation, [x], planMax('argmax', x, options))
}

/** The index of the smallest value (the first of equals) over one dimension, or in the flattened tensor. */
export function argmin(x: Tensor, options: ReduceOptions = {}): Tensor {
  const reduction = planMax('argmin', x, options)
  return scoped(() => run(argmaxOperation, [neg(x)], reduction))
}
