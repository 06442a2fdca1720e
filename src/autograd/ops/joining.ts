/** Tensors put beside each other and taken apart, and dimensions of size 1. */
import { checkNumber, kindOf } from '../../check.js'
import { ArgumentError, ShapeError } from '../../errors.js'
import { scoped } from '../../tensor/scope.js'
import { dimension, sameShape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { cat, reshape, slice } from './rearrange.js'

/** A new dimension's place in a shape of so many dimensions. */
function place(operation: string, dim: number, rank: number): number {
  // The result has one dimension more, and −1 is its last.
  return dimension(operation, dim, rank + 1)
}

/**
 * The same values with a new dimension of size 1. They share memory.
 * https://pytorch.org/docs/stable/generated/torch.unsqueeze.html
 *
 * @param x any shape
 * @param dim where it is in the result; −1 is the last
 * @throws {ArgumentError} for a dimension that the result does not have
 */
export function unsqueeze(x: Tensor, dim: number): Tensor {
  checkTensor('unsqueeze', 'input', x)
  const d = place('unsqueeze', dim, x.shape.length)
  return reshape(x, [...x.shape.slice(0, d), 1, ...x.shape.slice(d)])
}

/**
 * The same values without dimensions of size 1. They share memory.
 * https://pytorch.org/docs/stable/generated/torch.squeeze.html
 *
 * @param x any shape
 * @param dim only this one or these, where their size is 1. Default: all
 * @throws {ArgumentError} for a dimension that is not there
 */
export function squeeze(x: Tensor, dim?: number | readonly number[]): Tensor {
  checkTensor('squeeze', 'input', x)
  const named = dim === undefined ? x.shape.map((_, d) => d) : [dim].flat()
  const dims = named.map((d) => dimension('squeeze', d, x.shape.length))
  return reshape(
    x,
    x.shape.filter((size, d) => size !== 1 || !dims.includes(d)),
  )
}

/**
 * Tensors of one shape, along a new dimension. https://pytorch.org/docs/stable/generated/torch.stack.html
 *
 * @param tensors at least one
 * @param dim where the new dimension is in the result, default 0; −1 is the last
 * @returns their shape, with as many as there are tensors in dimension `dim`
 * @throws {ShapeError} where the shapes differ
 * @throws {ArgumentError} for no tensors, what is none, or a dimension that the result does not have
 */
export function stack(tensors: readonly Tensor[], dim = 0): Tensor {
  if (!Array.isArray(tensors)) {
    throw new ArgumentError(`stack: expected an array of tensors, got ${kindOf(tensors)}`)
  }
  if (tensors.length === 0) throw new ArgumentError('stack: expected at least one tensor')
  for (const [i, x] of tensors.entries()) checkTensor('stack', `element ${i}`, x)
  const { shape } = tensors[0]
  const other = tensors.find((x) => !sameShape(x.shape, shape))
  if (other) throw new ShapeError(`stack: shapes [${shape}] and [${other.shape}] differ`)
  const d = place('stack', dim, shape.length)
  return scoped(() =>
    cat(
      tensors.map((x) => unsqueeze(x, d)),
      d,
    ),
  )
}

/** Parts of these sizes, one after the other. */
function parts(x: Tensor, sizes: readonly number[], d: number): Tensor[] {
  return scoped(() => {
    let end = 0
    return sizes.map((size) => {
      end += size
      return slice(x, d, end - size, end)
    })
  })
}

/** The dimension to cut. @throws {ShapeError} for a tensor of none */
function cutDimension(operation: string, x: Tensor, dim: number): number {
  checkTensor(operation, 'input', x)
  const d = dimension(operation, dim, x.shape.length)
  if (x.shape.length > 0) return d
  throw new ShapeError(`${operation}: a tensor of no dimension has nothing to cut`)
}

/** Parts of `size`, the last of what is left; one that is empty where there is nothing. */
function equalParts(x: Tensor, size: number, d: number): Tensor[] {
  const all = x.shape[d]
  const count = Math.max(1, Math.ceil(all / size))
  return parts(
    x,
    Array.from({ length: count }, (_, i) => Math.min(size, all - i * size)),
    d,
  )
}

/**
 * Parts along a dimension, copied: of one size, the last being smaller where it does not go, or of given sizes.
 * https://pytorch.org/docs/stable/generated/torch.split.html
 *
 * @param x of at least one dimension
 * @param sizes the size of all parts, at least 1, or of each
 * @param dim default 0; −1 is the last
 * @throws {ArgumentError} for another size, or a dimension that is not there
 * @throws {ShapeError} for sizes whose sum is not the dimension's
 */
export function split(x: Tensor, sizes: number | readonly number[], dim = 0): Tensor[] {
  const d = cutDimension('split', x, dim)
  if (!Array.isArray(sizes)) {
    checkNumber('split', 'the size of a part', sizes, { least: 1, whole: true })
    return equalParts(x, sizes as number, d)
  }
  for (const size of sizes) checkNumber('split', 'the size of a part', size, { least: 0, whole: true })
  const sum = sizes.reduce((all, size) => all + size, 0)
  if (sum !== x.shape[d]) {
    throw new ShapeError(
      `split: the sizes [${sizes}] add up to ${sum}, but dimension ${d} of [${x.shape}] has ${x.shape[d]}`,
    )
  }
  return parts(x, sizes, d)
}

/**
 * So many parts along a dimension, copied: all but the last of one size. There may be fewer, as in PyTorch.
 * https://pytorch.org/docs/stable/generated/torch.chunk.html
 *
 * @param x of at least one dimension
 * @param chunks how many, at least 1
 * @param dim default 0; −1 is the last
 * @throws {ArgumentError} for another number, or a dimension that is not there
 */
export function chunk(x: Tensor, chunks: number, dim = 0): Tensor[] {
  const d = cutDimension('chunk', x, dim)
  checkNumber('chunk', 'the number of parts', chunks, { least: 1, whole: true })
  if (x.shape[d] === 0) return parts(x, new Array<number>(chunks).fill(0), d)
  return equalParts(x, Math.ceil(x.shape[d] / chunks), d)
}
