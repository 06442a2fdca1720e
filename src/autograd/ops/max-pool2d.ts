/** 2-D max pooling. */
import { maxPool2dBackward, maxPool2dForward } from '../../bindings/kernels.generated.js'
import { checkOptions, type Pair, pair } from '../../check.js'
import { ArgumentError, ShapeError } from '../../errors.js'
import type { Shape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { defineOperation } from '../operation.js'
import { run } from '../tape.js'
import { outputSize } from './window.js'

/** What `maxPool2d` takes besides the kernel size. */
export interface MaxPool2dOptions {
  /** Step of the window; default: the kernel's size. */
  stride?: Pair
  /** Rows and columns of −∞ on each side, at most half the kernel; default 0. */
  padding?: Pair
}

/** The windows of a max pooling. */
export interface Windows {
  kernel: readonly [number, number]
  stride: readonly [number, number]
  padding: readonly [number, number]
}

/** The sizes as the kernels take them. */
export function poolSizes([n, c, h, w]: Shape, { kernel, stride, padding }: Windows) {
  const [kh, kw, strideH, strideW] = [...kernel, ...stride]
  return { n, c, h, w, kh, kw, strideH, strideW, paddingH: padding[0], paddingW: padding[1] }
}

export const maxPool2dOperation = defineOperation<Windows>({
  name: 'maxPool2d',
  inputs: { x: 'lanes' },
  output: 'lanes',
  gradients: { x: ['x', 'output'] },
  shape([x], { kernel, stride, padding }) {
    if (x.shape.length !== 4)
      throw new ShapeError(`maxPool2d: expected an input of shape [N, C, H, W], got [${x.shape}]`)
    const [n, c, h, w] = x.shape
    const oh = outputSize(h, kernel[0], stride[0], padding[0])
    const ow = outputSize(w, kernel[1], stride[1], padding[1])
    if (oh < 1 || ow < 1) {
      throw new ShapeError(
        `maxPool2d: a window of ${kernel[0]}×${kernel[1]} does not fit an input of ${h}×${w} with padding [${padding}]`,
      )
    }
    return [n, c, oh, ow]
  },
  forward({ inputs: [x], output, attributes }) {
    maxPool2dForward({ x: x.storage, y: output.storage, ...poolSizes(x.shape, attributes) })
  },
  backward(call) {
    const dx = call.gradient(0)
    if (!dx) return
    const [x, y] = [call.inputs[0].storage, call.output.storage]
    maxPool2dBackward({ x, y, dy: call.dy.storage, dx: dx.storage, ...poolSizes(dx.shape, call.attributes) })
  },
})

/**
 * The largest value in each window; the gradient goes to the first of equals.
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.max_pool2d.html
 *
 * @param x [N, C, H, W]
 * @param kernelSize the window
 * @returns [N, C, ⌊(H + 2·padding − kernel) / stride⌋ + 1, …]
 * @throws {ShapeError} when the window does not fit
 * @throws {ArgumentError} for a padding of more than half the window
 */
export function maxPool2d(x: Tensor, kernelSize: Pair, options: MaxPool2dOptions = {}): Tensor {
  checkTensor('maxPool2d', 'input', x)
  checkOptions('maxPool2d', options, ['stride', 'padding'])
  const kernel = pair('maxPool2d', 'kernelSize', kernelSize, 1)
  const stride = pair('maxPool2d', 'stride', options.stride === undefined ? kernelSize : options.stride, 1)
  const padding = pair('maxPool2d', 'padding', options.padding === undefined ? 0 : options.padding, 0)
  checkPadding('maxPool2d', kernel, padding)
  return run(maxPool2dOperation, [x], { kernel, stride, padding })
}

/** @throws {ArgumentError} for a padding of more than half the window, which some windows would not leave */
export function checkPadding(name: string, kernel: readonly number[], padding: readonly number[]): void {
  if (padding.every((size, d) => size <= kernel[d] / 2)) return
  throw new ArgumentError(
    `${name}: the padding is at most half the window, got padding [${padding}] for [${kernel}]`,
  )
}
