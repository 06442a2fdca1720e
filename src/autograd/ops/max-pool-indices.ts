/** Where the largest values of windows are, and back. */
import { checkOptions, type Pair, pair } from '../../check.js'
import { ArgumentError, ShapeError } from '../../errors.js'
import { zeros } from '../../tensor/create.js'
import { adopt, scoped } from '../../tensor/scope.js'
import { type Shape, sameShape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { noteRecipe } from '../recipe-notes.js'
import { computeInJavaScript } from '../recording.js'
import { mul } from './arithmetic.js'
import { scatterAdd } from './indexing.js'
import { reshape } from './rearrange.js'
import type { MaxWindows } from './window.js'

/**
 * The place of the largest value of each window in its channel's plane, y · W + x: of equal ones the first, and of NaN the
 * last, as PyTorch has it. In numbers that a float32 has exactly below 2²⁴ pixels.
 *
 * @param x [N, C, H, W]
 * @param out the pooling's shape
 * @throws {ShapeError} for larger planes
 */
export function maxPoolIndices(x: Tensor, out: Shape, windows: MaxWindows): Tensor {
  const [, , h, w] = x.shape
  if (h * w > 2 ** 24) {
    throw new ShapeError(
      `maxPool2d: returnIndices counts the pixels of a plane in float32, which has each number up to 2^24; got ${h} × ${w}`,
    )
  }
  const [, , oh, ow] = out
  const { kernel, stride, padding, dilation } = windows
  /** The places of a window along one direction, within the image. */
  const places = (at: number, d: 0 | 1, size: number) =>
    Array.from({ length: kernel[d] }, (_, k) => at * stride[d] - padding[d] + k * dilation[d]).filter(
      (place) => place >= 0 && place < size,
    )
  const [rows, columns] = [
    Array.from({ length: oh }, (_, y) => places(y, 0, h)),
    Array.from({ length: ow }, (_, v) => places(v, 1, w)),
  ]
  const indices = computeInJavaScript([x], out, (values) => {
    const found = new Float32Array(out.reduce((product, size) => product * size, 1))
    for (let i = 0; i < found.length; i++) {
      const plane = Math.floor(i / (oh * ow)) * h * w
      const [ys, xs] = [rows[Math.floor(i / ow) % oh], columns[i % ow]]
      let best = ys[0] * w + xs[0]
      let most = Number.NEGATIVE_INFINITY
      for (const y of ys) {
        for (const v of xs) {
          const value = values[plane + y * w + v]
          if (!(value > most) && !Number.isNaN(value)) continue
          most = value
          best = y * w + v
        }
      }
      found[i] = best
    }
    return found
  })
  noteRecipe({ name: 'maxPoolIndices' }, [x], windows, indices)
  adopt(indices)
  return indices
}

/** What `maxUnpool2d` takes besides the kernel size; what the pooling was given. */
export interface MaxUnpool2dOptions {
  /** Step of the window; default: the kernel's size. */
  stride?: Pair
  /** Rows and columns that the pooling had on each side; default 0. */
  padding?: Pair
  /** H' and W' where the pooling has left a border out, or all of the shape. Default: the smallest. */
  outputSize?: readonly number[]
}

/** What `maxUnpool1d` takes besides the kernel size; what the pooling was given. */
export interface MaxUnpool1dOptions {
  /** Step of the window; default: the kernel's size. */
  stride?: number
  /** Elements that the pooling had on each side; default 0. */
  padding?: number
  /** L' where the pooling has left a border out, or all of the shape. Default: the smallest. */
  outputSize?: readonly number[]
}

export const UNPOOL_OPTIONS = ['stride', 'padding', 'outputSize'] as const

/**
 * The opposite of `maxPool2d` with `returnIndices`: each value at its place, and 0 elsewhere. Where windows overlap, a place
 * may come again: it has the last of its values, and that one its gradient.
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.max_unpool2d.html
 *
 * @param x [N, C, H, W]
 * @param indices of the same shape: y · W' + x in each plane
 * @param kernelSize the pooling's window
 * @param options stride, padding, outputSize
 * @returns [N, C, (H − 1) · stride − 2 · padding + kernel, …]
 * @throws {ShapeError} for other shapes, or an `outputSize` that the pooling does not come from
 * @throws {ArgumentError} for an index that is no place of the plane, or an option that is unknown or out of range
 */
export function maxUnpool2d(
  x: Tensor,
  indices: Tensor,
  kernelSize: Pair,
  options: MaxUnpool2dOptions = {},
): Tensor {
  return unpool('maxUnpool2d', x, indices, kernelSize, options)
}

/**
 * The opposite of `maxPool1d` with `returnIndices`, as `maxUnpool2d`.
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.max_unpool1d.html
 *
 * @param x [N, C, L]
 * @param indices of the same shape
 * @param kernelSize the pooling's window
 * @param options stride, padding, outputSize
 * @returns [N, C, (L − 1) · stride − 2 · padding + kernel]
 * @throws as `maxUnpool2d`
 */
export function maxUnpool1d(
  x: Tensor,
  indices: Tensor,
  kernelSize: number,
  options: MaxUnpool1dOptions = {},
): Tensor {
  return unpool('maxUnpool1d', x, indices, kernelSize, options)
}

/** The sizes of an unpooling in as many directions as there are. @throws {ArgumentError} */
export function unpoolSizes(
  name: string,
  kernelSize: Pair,
  { stride = kernelSize, padding = 0 }: MaxUnpool2dOptions,
): { kernel: readonly number[]; stride: readonly number[]; padding: readonly number[] } {
  const directions = name.endsWith('1d') ? 1 : 2
  const of = (what: string, value: Pair, least: number) => {
    if (directions === 1 && typeof value !== 'number') {
      throw new ArgumentError(
        `${name}: ${what} is a whole number of at least ${least}, got ${JSON.stringify(value)}`,
      )
    }
    return pair(name, what, value, least).slice(0, directions)
  }
  return {
    kernel: of('kernelSize', kernelSize, 1),
    stride: of('stride', stride, 1),
    padding: of('padding', padding, 0),
  }
}

function unpool(
  name: string,
  x: Tensor,
  indices: Tensor,
  kernelSize: Pair,
  options: MaxUnpool2dOptions,
): Tensor {
  checkTensor(name, 'input', x)
  checkTensor(name, 'indices', indices)
  checkOptions(name, options, UNPOOL_OPTIONS)
  const { kernel, stride, padding } = unpoolSizes(name, kernelSize, options)
  const rank = 2 + kernel.length
  if (x.shape.length !== rank || !sameShape(x.shape, indices.shape)) {
    const dims = rank === 3 ? '[N, C, L]' : '[N, C, H, W]'
    throw new ShapeError(
      `${name}: expected an input ${dims} and indices of the same shape, got [${x.shape}] and [${indices.shape}]`,
    )
  }
  const [n, c, ...inner] = x.shape
  const smallest = inner.map((size, d) => (size - 1) * stride[d] - 2 * padding[d] + kernel[d])
  const { outputSize = smallest } = options
  const own = outputSize.length === rank ? outputSize.slice(2) : outputSize
  const fits =
    own.length === kernel.length &&
    own.every((size, d) => Number.isInteger(size) && size > 0 && Math.abs(size - smallest[d]) < stride[d])
  if (!fits && !(outputSize === smallest && x.size === 0)) {
    throw new ShapeError(
      `${name}: outputSize is [${smallest}], or less than a stride of [${stride}] off it, got [${outputSize}]`,
    )
  }
  const [size, plane] = [inner, own].map((dims) => dims.reduce((product, one) => product * one, 1))
  return scoped(() => {
    const index = reshape(indices, [n, c, size])
    const attributes = { plane, unique: kernel.every((n, d) => n <= stride[d]) }
    const last = computeInJavaScript([index], index.shape, (values) => lastOnes(values, size))
    noteRecipe({ name: 'lastOnes' }, [index], attributes, last)
    adopt(last)
    const values = mul(reshape(x, [n, c, size]), last)
    return reshape(scatterAdd(zeros([n, c, plane]), 2, index, values), [n, c, ...own])
  })
}

/** 1 for each index that comes no more in its row, 0 for the others. */
function lastOnes(indices: Float32Array, row: number): Float32Array {
  const last = new Float32Array(indices.length)
  for (let start = 0; start < indices.length; start += row) {
    const seen = new Set<number>()
    for (let i = start + row - 1; i >= start; i--) {
      if (seen.has(indices[i])) continue
      seen.add(indices[i])
      last[i] = 1
    }
  }
  return last
}
