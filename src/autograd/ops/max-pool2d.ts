/** 2-D max pooling. */
import { maxPool2dBackward, maxPool2dForward } from '../../bindings/kernels.generated.js'
import { checkBoolean, checkOptions, type Pair, pair } from '../../check.js'
import { ArgumentError, ShapeError } from '../../errors.js'
import type { Shape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { defineOperation, unchanged } from '../operation.js'
import { run } from '../tape.js'
import { maxPoolIndices } from './max-pool-indices.js'
import { extentOf, type MaxWindows, outputSize, type Windows } from './window.js'

export const MAX_POOL_OPTIONS = ['stride', 'padding', 'dilation', 'ceilMode', 'returnIndices']

/** What `maxPool2d` takes besides the kernel size. */
export interface MaxPool2dOptions {
  /** Step of the window; default: the kernel's size. */
  stride?: Pair
  /** Rows and columns of −∞ on each side, at most half the kernel; default 0. */
  padding?: Pair
  /** From one element of the window to the next, default 1. */
  dilation?: Pair
  /** Whether a last window may begin inside and end outside. Default false. */
  ceilMode?: boolean
  /** Whether to give the places of the largest values as well, y · W + x in each plane. Default false. */
  returnIndices?: boolean
}

export type { MaxWindows, Windows } from './window.js'

/** The sizes as the kernels take them, but for the result's. */
export function poolSizes([n, c, h, w]: Shape, { kernel, stride, padding }: Windows) {
  const [kh, kw, strideH, strideW] = [...kernel, ...stride]
  return { n, c, h, w, kh, kw, strideH, strideW, paddingH: padding[0], paddingW: padding[1] }
}

function outputShape(
  [n, c, h, w]: Shape,
  { kernel, stride, padding, dilation, ceilMode }: MaxWindows,
): Shape {
  const size = (along: number, d: 0 | 1) =>
    outputSize(along, extentOf(kernel[d], dilation[d]), stride[d], padding[d], ceilMode)
  return [n, c, size(h, 0), size(w, 1)]
}

/** The sizes as the kernels of max pooling take them. */
export function maxPoolSizes(shape: Shape, attributes: MaxWindows) {
  const [, , oh, ow] = outputShape(shape, attributes)
  const [dilationH, dilationW] = attributes.dilation
  return { oh, ow, dilationH, dilationW, ...poolSizes(shape, attributes) }
}

export const maxPool2dOperation = defineOperation<MaxWindows>({
  name: 'maxPool2d',
  inputs: { x: 'lanes' },
  output: 'lanes',
  gradients: { x: ['x', 'output'] },
  shape([x], attributes) {
    if (x.shape.length !== 4)
      throw new ShapeError(`maxPool2d: expected an input of shape [N, C, H, W], got [${x.shape}]`)
    const [, , h, w] = x.shape
    const shape = outputShape(x.shape, attributes)
    if (h < 1 || w < 1 || shape[2] < 1 || shape[3] < 1) {
      const { kernel, padding, dilation } = attributes
      const apart = dilation.some((d) => d > 1) ? ` (dilation [${dilation}])` : ''
      throw new ShapeError(
        `maxPool2d: a window of ${kernel[0]}×${kernel[1]}${apart} does not fit an input of ${h}×${w} with padding [${padding}]`,
      )
    }
    return shape
  },
  forward({ inputs: [x], output, attributes }) {
    const y = output.storage
    maxPool2dForward({ x: x.storage, factors: undefined, y, ...maxPoolSizes(x.shape, attributes) })
  },
  repeats: unchanged,
  backward(call) {
    const dx = call.gradient(0)
    if (!dx) return
    const [x, y] = [call.inputs[0].storage, call.output.storage]
    const sizes = maxPoolSizes(dx.shape, call.attributes)
    maxPool2dBackward({ x, y, dy: call.dy.storage, dx: dx.storage, ...sizes })
  },
})

/**
 * The largest value in each window; the gradient goes to the first of equals.
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.max_pool2d.html
 *
 * @param x [N, C, H, W]
 * @param kernelSize the window
 * @param options stride, padding, dilation, ceilMode, returnIndices
 * @returns [N, C, ⌊(H + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1, …], with `ceilMode` rounded up; with
 *   `returnIndices` a pair of it and the places, of the same shape
 * @throws {ShapeError} when the window does not fit
 * @throws {ArgumentError} for a padding of more than half the window
 */
export function maxPool2d(
  x: Tensor,
  kernelSize: Pair,
  options: MaxPool2dOptions & { returnIndices: true },
): [y: Tensor, indices: Tensor]
export function maxPool2d(
  x: Tensor,
  kernelSize: Pair,
  options?: MaxPool2dOptions & { returnIndices?: false },
): Tensor
export function maxPool2d(
  x: Tensor,
  kernelSize: Pair,
  options?: MaxPool2dOptions,
): Tensor | [y: Tensor, indices: Tensor]
export function maxPool2d(
  x: Tensor,
  kernelSize: Pair,
  options: MaxPool2dOptions = {},
): Tensor | [y: Tensor, indices: Tensor] {
  checkTensor('maxPool2d', 'input', x)
  checkOptions('maxPool2d', options, MAX_POOL_OPTIONS)
  const { dilation = 1, ceilMode = false, returnIndices = false } = options
  const kernel = pair('maxPool2d', 'kernelSize', kernelSize, 1)
  const stride = pair('maxPool2d', 'stride', options.stride === undefined ? kernelSize : options.stride, 1)
  const padding = pair('maxPool2d', 'padding', options.padding === undefined ? 0 : options.padding, 0)
  const apart = pair('maxPool2d', 'dilation', dilation, 1)
  checkPadding('maxPool2d', kernel, padding)
  checkBoolean('maxPool2d', 'ceilMode', ceilMode)
  checkBoolean('maxPool2d', 'returnIndices', returnIndices)
  const windows = { kernel, stride, padding, dilation: apart, ceilMode }
  const y = run(maxPool2dOperation, [x], windows)
  return returnIndices ? [y, maxPoolIndices(x, y.shape, windows)] : y
}

/** @throws {ArgumentError} for a padding of more than half the window, which some windows would not leave */
export function checkPadding(name: string, kernel: readonly number[], padding: readonly number[]): void {
  if (padding.every((size, d) => size <= kernel[d] / 2)) return
  throw new ArgumentError(
    `${name}: the padding is at most half the window, got padding [${padding}] for [${kernel}]`,
  )
}
