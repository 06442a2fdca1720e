/** 2-D convolution, with dilation and in groups. */
import {
  conv2dBackward,
  conv2dBackwardInput,
  conv2dBackwardWeight,
  conv2dForward,
  fill,
} from '../../bindings/kernels.generated.js'
import { checkOptions, type Pair } from '../../check.js'
import { ShapeError } from '../../errors.js'
import { type Tensor, view } from '../../tensor/tensor.js'
import { checkOptionalTensor, checkTensor } from '../arguments.js'
import { defineOperation, unchanged } from '../operation.js'
import '../recipe.js'
import { sumTo } from '../strided.js'
import { run } from '../tape.js'
import { type ConvolutionAttributes, convolutionAttributes, convolutionSizes } from './convolution.js'
import { extentOf, outputSize } from './window.js'

/** What `conv2d` takes besides tensors. */
export interface Conv2dOptions {
  /** Step of the kernel, default 1. */
  stride?: Pair
  /**
   * Zeros on each side, default 0. 'valid' is 0; 'same' gives an output of the input's size, with stride 1: where the
   * kernel is even, there is one more zero behind than before.
   */
  padding?: Pair | 'same' | 'valid'
  /** From one tap of the kernel to the next, default 1. */
  dilation?: Pair
  /** Into how many groups the channels of input and output are cut, in order; each is a convolution of its own. Default 1. */
  groups?: number
}

const operation = defineOperation<ConvolutionAttributes>({
  name: 'conv2d',
  inputs: { x: 'lanes', weight: 'rows', bias: 'rows' },
  output: 'lanes',
  gradients: { x: ['weight'], weight: ['x'], bias: [] },
  shape([x, weight, bias], { stride, before, after, dilation, groups }) {
    if (weight.shape.length !== 4)
      throw new ShapeError(
        `conv2d: expected a weight of shape [out, in${groups > 1 ? ' / groups' : ''}, kh, kw], got [${weight.shape}]`,
      )
    const [oc, ofGroup, kh, kw] = weight.shape
    const c = ofGroup * groups
    if (x.shape.length !== 4 || x.shape[1] !== c) {
      throw new ShapeError(
        `conv2d: expected an input of shape [N, ${c}, H, W] (weight [${weight.shape}]${groups > 1 ? `, ${groups} groups` : ''}), got [${x.shape}]`,
      )
    }
    if (oc === 0)
      throw new ShapeError(
        `conv2d: expected at least one output channel, got a weight of shape [${weight.shape}]`,
      )
    if (oc % groups !== 0) {
      throw new ShapeError(
        `conv2d: groups divides the output channels, got ${groups} for a weight of shape [${weight.shape}]`,
      )
    }
    if (bias && (bias.shape.length !== 1 || bias.shape[0] !== oc)) {
      throw new ShapeError(`conv2d: expected a bias of shape [${oc}], got [${bias.shape}]`)
    }
    const [n, , h, w] = x.shape
    const size = (along: number, taps: number, d: 0 | 1) =>
      outputSize(along + after[d] - before[d], extentOf(taps, dilation[d]), stride[d], before[d])
    const [oh, ow] = [size(h, kh, 0), size(w, kw, 1)]
    if (oh < 1 || ow < 1 || kh < 1 || kw < 1) {
      const apart = dilation.some((d) => d > 1) ? ` (dilation [${dilation}])` : ''
      throw new ShapeError(
        `conv2d: a kernel of ${kh}×${kw}${apart} does not fit an input of ${h}×${w} with padding [${before}]`,
      )
    }
    // Of nothing comes nothing, as in PyTorch: not even the bias.
    return [n, c === 0 ? 0 : oc, oh, ow]
  },
  forward(call) {
    if (call.output.shape[1] === 0) return
    const [x, weight, bias] = call.inputs
    const sizes = convolutionSizes(call.shapeOf(0), call.shapeOf(1), call.output.shape, call.attributes)
    const y = call.output.storage
    conv2dForward({ x: x.storage, weight: weight.storage, bias: bias?.storage, y, ...sizes })
  },
  repeats: unchanged,
  backward(call) {
    if (call.dy.shape[1] === 0) {
      for (const i of [0, 1, 2]) {
        const gradient = call.gradient(i)
        if (gradient) fill({ y: gradient.storage, value: 0 })
      }
      return
    }
    const sizes = convolutionSizes(call.shapeOf(0), call.shapeOf(1), call.dy.shape, call.attributes)
    const dy = call.dy.storage
    const [x, weight] = call.inputs
    const [dx, dweight] = [call.gradient(0)?.storage, call.gradient(1)?.storage]
    const dbias = dweight && call.gradient(2)?.storage
    if (dx && dweight) {
      conv2dBackward({ x: x.storage, dy, weight: weight.storage, dx, dweight, dbias, ...sizes })
    } else if (dx) {
      conv2dBackwardInput({ dy, weight: weight.storage, bias: undefined, dx, ...sizes })
    } else if (dweight) {
      conv2dBackwardWeight({ x: x.storage, dy, dweight, dbias, ...sizes })
    }
    if (!dweight && call.wants(2)) {
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
 * @param weight [O, C / groups, kh, kw]
 * @param bias [O] or null
 * @returns [N, O, ⌊(H + 2·padding − dilation·(kh − 1) − 1) / stride⌋ + 1, …]; of no channels [N, 0, …]
 * @throws {ShapeError} when the sizes do not fit
 * @throws {ArgumentError} for a stride, dilation or groups below 1, a padding below 0, or 'same' with a stride
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
  checkOptions('conv2d', options, ['stride', 'padding', 'dilation', 'groups'])
  const attributes = convolutionAttributes('conv2d', options, weight.shape.slice(2))
  return run(operation, [x, weight, bias ?? undefined], attributes)
}
