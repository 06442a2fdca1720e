/** 2-D average pooling. */
import { needWhole } from '../../bindings/whole.js'
import { avgPool2dBackward, avgPool2dForward } from '../../bindings/whole-kernels.generated.js'
import { checkBoolean, checkNumber, checkOptions, type Pair, pair } from '../../check.js'
import { ShapeError } from '../../errors.js'
import type { Shape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { defineOperation, unchanged } from '../operation.js'
import { run } from '../tape.js'
import { checkPadding, poolSizes, type Windows } from './max-pool2d.js'
import { outputSize } from './window.js'

/** What `avgPool2d` takes besides the kernel size. */
export interface AvgPool2dOptions {
  /** Step of the window; default: the kernel's size. */
  stride?: Pair
  /** Rows and columns of zeros on each side, at most half the kernel; default 0. */
  padding?: Pair
  /** Whether a last window may begin inside and end outside. Default false. */
  ceilMode?: boolean
  /** Whether the padding's zeros count in the mean. Default true. */
  countIncludePad?: boolean
  /** What each sum is divided by instead of the window's size. Default null. */
  divisorOverride?: number | null
}

export const AVG_POOL_OPTIONS = ['stride', 'padding', 'ceilMode', 'countIncludePad', 'divisorOverride']

interface Attributes extends Windows {
  ceilMode: boolean
  countIncludePad: boolean
  divisorOverride: number
}

function outputShape([n, c, h, w]: Shape, { kernel, stride, padding, ceilMode }: Attributes): Shape {
  const size = (along: number, d: 0 | 1) => outputSize(along, kernel[d], stride[d], padding[d], ceilMode)
  return [n, c, size(h, 0), size(w, 1)]
}

function sizesOf(shape: Shape, attributes: Attributes) {
  const [, , oh, ow] = outputShape(shape, attributes)
  const { countIncludePad, divisorOverride } = attributes
  return { oh, ow, countIncludePad, divisorOverride, ...poolSizes(shape, attributes) }
}

const operation = defineOperation<Attributes>({
  name: 'avgPool2d',
  inputs: { x: 'lanes' },
  output: 'lanes',
  gradients: { x: [] },
  shape([x], attributes) {
    if (x.shape.length !== 4)
      throw new ShapeError(`avgPool2d: expected an input of shape [N, C, H, W], got [${x.shape}]`)
    const shape = outputShape(x.shape, attributes)
    if (shape[2] < 1 || shape[3] < 1) {
      const { kernel, padding } = attributes
      throw new ShapeError(
        `avgPool2d: a window of ${kernel[0]}×${kernel[1]} does not fit an input of ${x.shape[2]}×${x.shape[3]} with padding [${padding}]`,
      )
    }
    return shape
  },
  forward({ inputs: [x], output, attributes }) {
    avgPool2dForward({ x: x.storage, y: output.storage, ...sizesOf(x.shape, attributes) })
  },
  repeats: unchanged,
  backward(call) {
    const dx = call.gradient(0)
    if (!dx) return
    avgPool2dBackward({ dy: call.dy.storage, dx: dx.storage, ...sizesOf(dx.shape, call.attributes) })
  },
})

/**
 * The mean of each window. https://pytorch.org/docs/stable/generated/torch.nn.functional.avg_pool2d.html
 *
 * @param x [N, C, H, W]
 * @param kernelSize the window
 * @returns [N, C, ⌊(H + 2·padding − kernel) / stride⌋ + 1, …], with `ceilMode` rounded up
 * @throws {ShapeError} when the window does not fit
 * @throws {ArgumentError} for a padding of more than half the window, or a divisor of 0
 */
export function avgPool2d(x: Tensor, kernelSize: Pair, options: AvgPool2dOptions = {}): Tensor {
  needWhole('avgPool2d')
  checkTensor('avgPool2d', 'input', x)
  checkOptions('avgPool2d', options, AVG_POOL_OPTIONS)
  const { ceilMode = false, countIncludePad = true, divisorOverride = null } = options
  const kernel = pair('avgPool2d', 'kernelSize', kernelSize, 1)
  const stride = pair('avgPool2d', 'stride', options.stride === undefined ? kernelSize : options.stride, 1)
  const padding = pair('avgPool2d', 'padding', options.padding === undefined ? 0 : options.padding, 0)
  checkPadding('avgPool2d', kernel, padding)
  checkBoolean('avgPool2d', 'ceilMode', ceilMode)
  checkBoolean('avgPool2d', 'countIncludePad', countIncludePad)
  if (divisorOverride !== null) {
    checkNumber('avgPool2d', 'divisorOverride', divisorOverride, { least: 1, below: 2 ** 31, whole: true })
  }
  const attributes = { kernel, stride, padding, ceilMode, countIncludePad }
  return run(operation, [x], { divisorOverride: divisorOverride ?? 0, ...attributes })
}
