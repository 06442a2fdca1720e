/** 2-D convolution. */
import {
  conv2dBackwardInput,
  conv2dBackwardWeight,
  conv2dForward,
  fill,
} from '../../bindings/kernels.generated.js'
import { checkOptions, type Pair, pair } from '../../check.js'
import { ShapeError } from '../../errors.js'
import { type Tensor, view } from '../../tensor/tensor.js'
import { checkOptionalTensor, checkTensor } from '../arguments.js'
import { defineOperation, type OperationCall } from '../operation.js'
import { sumTo } from '../strided.js'
import { run } from '../tape.js'
import { outputSize } from './window.js'

/** What `conv2d` takes besides tensors. */
export interface Conv2dOptions {
  /** Step of the kernel, default 1. */
  stride?: Pair
  /** Zeros on each side, default 0. */
  padding?: Pair
}

type Attributes = Required<{ [K in keyof Conv2dOptions]: readonly [number, number] }>

/** The sizes as the kernels take them. */
function sizesOf(call: OperationCall<Attributes>) {
  const [n, c, h, w] = call.shapeOf(0)
  const [oc, , kh, kw] = call.shapeOf(1)
  const { stride, padding } = call.attributes
  const [strideH, strideW, paddingH, paddingW] = [...stride, ...padding]
  return { n, c, h, w, oc, kh, kw, strideH, strideW, paddingH, paddingW }
}

const operation = defineOperation<Attributes>({
  name: 'conv2d',
  inputs: { x: 'lanes', weight: 'rows', bias: 'rows' },
  output: 'lanes',
  gradients: { x: ['weight'], weight: ['x'], bias: [] },
  shape([x, weight, bias], { stride, padding }) {
    if (weight.shape.length !== 4)
      throw new ShapeError(`conv2d: expected a weight of shape [out, in, kh, kw], got [${weight.shape}]`)
    const [oc, c, kh, kw] = weight.shape
    if (x.shape.length !== 4 || x.shape[1] !== c) {
      throw new ShapeError(
        `conv2d: expected an input of shape [N, ${c}, H, W] (weight [${weight.shape}]), got [${x.shape}]`,
      )
    }
    if (oc === 0)
      throw new ShapeError(
        `conv2d: expected at least one output channel, got a weight of shape [${weight.shape}]`,
      )
    if (bias && (bias.shape.length !== 1 || bias.shape[0] !== oc)) {
      throw new ShapeError(`conv2d: expected a bias of shape [${oc}], got [${bias.shape}]`)
    }
    const [n, , h, w] = x.shape
    const oh = outputSize(h, kh, stride[0], padding[0])
    const ow = outputSize(w, kw, stride[1], padding[1])
    if (oh < 1 || ow < 1 || kh < 1 || kw < 1) {
      throw new ShapeError(
        `conv2d: a kernel of ${kh}×${kw} does not fit an input of ${h}×${w} with padding [${padding}]`,
      )
    }
    // Of nothing comes nothing, as in PyTorch: not even the bias.
    return [n, c === 0 ? 0 : oc, oh, ow]
  },
  forward(call) {
    if (call.output.shape[1] === 0) return
    const [x, weight, bias] = call.inputs
    const y = call.output.storage
    conv2dForward({ x: x.storage, weight: weight.storage, bias: bias?.storage, y, ...sizesOf(call) })
  },
  backward(call) {
    if (call.dy.shape[1] === 0) {
      for (const i of [0, 1, 2]) {
        const gradient = call.gradient(i)
        if (gradient) fill({ y: gradient.storage, value: 0 })
      }
      return
    }
    const sizes = sizesOf(call)
    const dy = call.dy.storage
    const [x, weight] = call.inputs
    const dx = call.gradient(0)
    if (dx) conv2dBackwardInput({ dy, weight: weight.storage, dx: dx.storage, ...sizes })
    const dweight = call.gradient(1)
    if (dweight) {
      const dbias = call.gradient(2)?.storage
      conv2dBackwardWeight({ x: x.storage, dy, dweight: dweight.storage, dbias, ...sizes })
    } else if (call.wants(2)) {
      // Of a frozen weight the input was not kept.
      call.pass(2, call.hold(view(sumTo(call, call.dy, [sizes.oc, 1, 1]), [sizes.oc])))
    }
  },
})

/**
 * 2-D convolution (cross-correlation).
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.conv2d.html
 *
 * @param x [N, C, H, W]
 * @param weight [O, C, kh, kw]
 * @param bias [O] or null
 * @returns [N, O, ⌊(H + 2·padding − kh) / stride⌋ + 1, …]; of no channels [N, 0, …]
 * @throws {ShapeError} when the sizes do not fit
 * @throws {ArgumentError} for a stride below 1 or a padding below 0
 */
export function conv2d(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  options: Conv2dOptions = {},
): Tensor {
  checkTensor('conv2d', 'input', x)
  checkTensor('conv2d', 'weight', weight)
  checkOptionalTensor('conv2d', 'bias', bias)
  checkOptions('conv2d', options, ['stride', 'padding'])
  const { stride = 1, padding = 0 } = options
  return run(operation, [x, weight, bias ?? undefined], {
    stride: pair('conv2d', 'stride', stride, 1),
    padding: pair('conv2d', 'padding', padding, 0),
  })
}
