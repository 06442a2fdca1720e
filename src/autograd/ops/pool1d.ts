/** 1-D pooling: 2-D pooling of images of one row. */
import { checkBoolean, checkNumber, checkOptions } from '../../check.js'
import { ShapeError } from '../../errors.js'
import { scoped } from '../../tensor/scope.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { avgPool2d } from './avg-pool2d.js'
import { checkPadding, MAX_POOL_OPTIONS, maxPool2d } from './max-pool2d.js'
import { reshape } from './rearrange.js'
import { extentOf, outputSize } from './window.js'

/** What `maxPool1d` takes besides the kernel size. */
export interface MaxPool1dOptions {
  /** Step of the window; default: the kernel's size. */
  stride?: number
  /** Elements of −∞ on each side, at most half the kernel; default 0. */
  padding?: number
  /** From one element of the window to the next, default 1. */
  dilation?: number
  /** Whether a last window may begin inside and end outside. Default false. */
  ceilMode?: boolean
  /** Whether to give the places of the largest values as well. Default false. */
  returnIndices?: boolean
}

/** What `avgPool1d` takes besides the kernel size. */
export interface AvgPool1dOptions {
  /** Step of the window; default: the kernel's size. */
  stride?: number
  /** Zeros on each side, at most half the kernel; default 0. */
  padding?: number
  /** Whether a last window may begin inside and end outside. Default false. */
  ceilMode?: boolean
  /** Whether the padding's zeros count in the mean. Default true. */
  countIncludePad?: boolean
}

export const AVG_POOL1D_OPTIONS = ['stride', 'padding', 'ceilMode', 'countIncludePad']

type Sizes = Required<Omit<MaxPool1dOptions & AvgPool1dOptions, 'returnIndices'>>

/** The options, with their defaults. @throws {ArgumentError} for what is out of range */
export function pool1dOptions(
  name: string,
  kernelSize: number,
  options: MaxPool1dOptions & AvgPool1dOptions,
): Sizes {
  const { padding = 0, dilation = 1, ceilMode = false, countIncludePad = true } = options
  const most = 2 ** 31 - 1
  checkNumber(name, 'kernelSize', kernelSize, { least: 1, most, whole: true })
  const { stride = kernelSize } = options
  checkNumber(name, 'stride', stride, { least: 1, most, whole: true })
  checkNumber(name, 'padding', padding, { least: 0, most, whole: true })
  checkNumber(name, 'dilation', dilation, { least: 1, most, whole: true })
  checkPadding(name, [kernelSize], [padding])
  checkBoolean(name, 'ceilMode', ceilMode)
  checkBoolean(name, 'countIncludePad', countIncludePad)
  checkBoolean(name, 'returnIndices', options.returnIndices ?? false)
  return { stride, padding, dilation, ceilMode, countIncludePad }
}

/** `pool` of the input [N, C, L] as an image of one row. @throws {ShapeError} where a window does not fit */
function pooled(
  name: string,
  x: Tensor,
  kernelSize: number,
  { stride, padding, dilation, ceilMode }: Sizes,
  pool: (image: Tensor) => Tensor | [Tensor, Tensor],
): Tensor[] {
  if (x.shape.length !== 3)
    throw new ShapeError(`${name}: expected an input of shape [N, C, L], got [${x.shape}]`)
  const [n, c, length] = x.shape
  if (length < 1 || outputSize(length, extentOf(kernelSize, dilation), stride, padding, ceilMode) < 1) {
    const apart = dilation > 1 ? ` (dilation ${dilation})` : ''
    throw new ShapeError(
      `${name}: a window of ${kernelSize}${apart} does not fit an input of ${length} with padding ${padding}`,
    )
  }
  return scoped(() => {
    const y = pool(reshape(x, [n, c, 1, length]))
    return (Array.isArray(y) ? y : [y]).map((one) => reshape(one, [n, c, one.shape[3]]))
  })
}

/**
 * The largest value in each window; the gradient goes to the first of equals.
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.max_pool1d.html
 *
 * @param x [N, C, L]
 * @param kernelSize the window
 * @param options stride, padding, dilation, ceilMode, returnIndices
 * @returns [N, C, ⌊(L + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1], with `ceilMode` rounded up; with
 *   `returnIndices` a pair of it and the places, of the same shape
 * @throws {ShapeError} when the window does not fit
 * @throws {ArgumentError} for a padding of more than half the window
 */
export function maxPool1d(
  x: Tensor,
  kernelSize: number,
  options: MaxPool1dOptions & { returnIndices: true },
): [y: Tensor, indices: Tensor]
export function maxPool1d(
  x: Tensor,
  kernelSize: number,
  options?: MaxPool1dOptions & { returnIndices?: false },
): Tensor
export function maxPool1d(
  x: Tensor,
  kernelSize: number,
  options?: MaxPool1dOptions,
): Tensor | [y: Tensor, indices: Tensor]
export function maxPool1d(
  x: Tensor,
  kernelSize: number,
  options: MaxPool1dOptions = {},
): Tensor | [y: Tensor, indices: Tensor] {
  checkTensor('maxPool1d', 'input', x)
  checkOptions('maxPool1d', options, MAX_POOL_OPTIONS)
  const all = pool1dOptions('maxPool1d', kernelSize, options)
  const { stride, padding, dilation, ceilMode } = all
  const { returnIndices = false } = options
  const [y, indices] = pooled('maxPool1d', x, kernelSize, all, (image) =>
    maxPool2d(image, [1, kernelSize], {
      stride: [1, stride],
      padding: [0, padding],
      dilation: [1, dilation],
      ceilMode,
      returnIndices,
    }),
  )
  return returnIndices ? [y, indices] : y
}

/**
 * The mean of each window. https://pytorch.org/docs/stable/generated/torch.nn.functional.avg_pool1d.html
 *
 * @param x [N, C, L]
 * @param kernelSize the window
 * @returns [N, C, ⌊(L + 2·padding − kernel) / stride⌋ + 1], with `ceilMode` rounded up
 * @throws {ShapeError} when the window does not fit
 * @throws {ArgumentError} for a padding of more than half the window
 */
export function avgPool1d(x: Tensor, kernelSize: number, options: AvgPool1dOptions = {}): Tensor {
  checkTensor('avgPool1d', 'input', x)
  checkOptions('avgPool1d', options, AVG_POOL1D_OPTIONS)
  const all = pool1dOptions('avgPool1d', kernelSize, options)
  const { stride, padding, ceilMode, countIncludePad } = all
  const [y] = pooled('avgPool1d', x, kernelSize, all, (image) =>
    avgPool2d(image, [1, kernelSize], {
      stride: [1, stride],
      padding: [0, padding],
      ceilMode,
      countIncludePad,
    }),
  )
  return y
}
