import { type MaxPool2dShape, maxPool2dBackward, maxPool2dForward } from '../../bindings/kernels.js'
import { ArgumentError, ShapeError } from '../../errors.js'
import { checkOptions } from '../options.js'
import { type Call, type Operation, run } from '../tape.js'
import { empty, type Tensor } from '../tensor.js'
import { outputSize, type Pair, pair } from './conv2d.js'

/** What `maxPool2d` takes besides the kernel size. */
export interface MaxPool2dOptions {
  /** Step of the window; default: the kernel's size. */
  stride?: Pair
  /** Rows and columns of −∞ on each side, at most half the kernel; default 0. */
  padding?: Pair
}

type Attributes = Pick<MaxPool2dShape, 'kernel' | 'stride' | 'padding'>

function shapeOf(call: Call<Attributes>): MaxPool2dShape {
  const [n, c, h, w] = call.inputs[0].shape
  return { n, c, h, w, ...call.attributes }
}

const operation: Operation<Attributes> = {
  name: 'maxPool2d',
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
  layout: () => 'lanes',
  forward(call) {
    maxPool2dForward(shapeOf(call), call.input(0, 'lanes').storage, undefined, call.output.storage)
  },
  backward(call, dy) {
    const x = call.input(0, 'lanes')
    const dx = empty(x.shape, 'lanes')
    maxPool2dBackward(shapeOf(call), x.storage, call.output.storage, call.in('lanes', dy).storage, dx.storage)
    return [dx]
  },
}

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
  checkOptions('maxPool2d', options, ['stride', 'padding'])
  const kernel = pair('maxPool2d', 'kernelSize', kernelSize, 1)
  const stride = pair('maxPool2d', 'stride', options.stride ?? kernelSize, 1)
  const padding = pair('maxPool2d', 'padding', options.padding ?? 0, 0)
  if (padding[0] > kernel[0] / 2 || padding[1] > kernel[1] / 2) {
    throw new ArgumentError(
      `maxPool2d: the padding is at most half the window, got padding [${padding}] for [${kernel}]`,
    )
  }
  return run(operation, [x], { kernel, stride, padding })
}
