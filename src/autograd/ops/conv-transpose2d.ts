/**
 * 2-D transposed convolution: the gradient of a convolution with respect to its input. So its own gradients are a
 * convolution, and a convolution's gradient with respect to its weight.
 */
import { conv2dBackwardInput, conv2dBackwardWeight, conv2dForward } from '../../bindings/kernels.generated.js'
import { checkOptions, type Pair, pair } from '../../check.js'
import { ArgumentError, ShapeError } from '../../errors.js'
import { type Tensor, view } from '../../tensor/tensor.js'
import { checkOptionalTensor, checkTensor } from '../arguments.js'
import { defineOperation, unchanged } from '../operation.js'
import '../recipe.js'
import { sumTo } from '../strided.js'
import { run } from '../tape.js'
import { type ConvolutionAttributes, convolutionAttributes, convolutionSizes } from './convolution.js'
import { extentOf } from './window.js'

/** What `convTranspose2d` takes besides tensors. */
export interface ConvTranspose2dOptions {
  /** How far apart the input's pixels are put, default 1. */
  stride?: Pair
  /** Rows and columns that are cut off on each side of the result, default 0. */
  padding?: Pair
  /** Rows and columns that the result has more, behind the last; fewer than the stride, or the dilation. Default 0. */
  outputPadding?: Pair
  /** Into how many groups the channels of input and output are cut, in order. Default 1. */
  groups?: number
  /** From one tap of the kernel to the next, default 1. */
  dilation?: Pair
}

export const CONV_TRANSPOSE2D_OPTIONS = ['stride', 'padding', 'outputPadding', 'groups', 'dilation']

interface Attributes extends ConvolutionAttributes {
  outputPadding: readonly [number, number]
}

const operation = defineOperation<Attributes>({
  name: 'convTranspose2d',
  inputs: { x: 'lanes', weight: 'rows', bias: 'rows' },
  output: 'lanes',
  gradients: { x: ['weight'], weight: ['x'], bias: [] },
  shape([x, weight, bias], { stride, before, dilation, groups, outputPadding }) {
    const name = 'convTranspose2d'
    if (weight.shape.length !== 4 || weight.shape.includes(0)) {
      throw new ShapeError(
        `${name}: expected a weight of shape [in, out / groups, kh, kw] of at least one each, got [${weight.shape}]`,
      )
    }
    const [c, ofGroup, kh, kw] = weight.shape
    if (x.shape.length !== 4 || x.shape[1] !== c) {
      throw new ShapeError(
        `${name}: expected an input of shape [N, ${c}, H, W] (weight [${weight.shape}]), got [${x.shape}]`,
      )
    }
    if (c % groups !== 0) {
      throw new ShapeError(
        `${name}: groups divides the input channels, got ${groups} for a weight of shape [${weight.shape}]`,
      )
    }
    const oc = ofGroup * groups
    if (bias && (bias.shape.length !== 1 || bias.shape[0] !== oc)) {
      throw new ShapeError(`${name}: expected a bias of shape [${oc}], got [${bias.shape}]`)
    }
    const [n, , h, w] = x.shape
    const size = (along: number, taps: number, d: 0 | 1) =>
      (along - 1) * stride[d] - 2 * before[d] + extentOf(taps, dilation[d]) + outputPadding[d]
    const [oh, ow] = [size(h, kh, 0), size(w, kw, 1)]
    if (h < 1 || w < 1 || oh < 1 || ow < 1) {
      throw new ShapeError(
        `${name}: an input of ${h}×${w} with a kernel of ${kh}×${kw} and padding [${before}] has no result`,
      )
    }
    return [n, oc, oh, ow]
  },
  forward(call) {
    const [x, weight, bias] = call.inputs
    // The result is the input of a convolution.
    const sizes = convolutionSizes(call.output.shape, call.shapeOf(1), call.shapeOf(0), call.attributes)
    const dx = call.output.storage
    conv2dBackwardInput({ dy: x.storage, weight: weight.storage, bias: bias?.storage, dx, ...sizes })
  },
  repeats: unchanged,
  backward(call) {
    const sizes = convolutionSizes(call.dy.shape, call.shapeOf(1), call.shapeOf(0), call.attributes)
    const dy = call.dy.storage
    const [x, weight] = call.inputs
    const [dx, dweight] = [call.gradient(0), call.gradient(1)]
    if (dx) conv2dForward({ x: dy, weight: weight.storage, bias: undefined, y: dx.storage, ...sizes })
    if (dweight) {
      // In the padding lanes dy is 0, and x finite, so these add nothing.
      conv2dBackwardWeight({ x: dy, dy: x.storage, dweight: dweight.storage, dbias: undefined, ...sizes })
    }
    if (call.wants(2)) call.pass(2, call.hold(view(sumTo(call, call.dy, [sizes.c, 1, 1]), [sizes.c])))
  },
})

/** The options, checked. @throws {ArgumentError} for what is out of range, or an output padding that is too large */
export function convTranspose2dAttributes(name: string, options: ConvTranspose2dOptions): Attributes {
  const { stride = 1, padding = 0, outputPadding = 0, groups = 1, dilation = 1 } = options
  const zeros = pair(name, 'padding', padding, 0)
  const more = pair(name, 'outputPadding', outputPadding, 0)
  const checked = convolutionAttributes(name, { stride, groups, dilation }, [])
  const [steps, gaps] = [checked.stride, checked.dilation]
  if (more.some((size, d) => size >= Math.max(steps[d], gaps[d]))) {
    throw new ArgumentError(
      `${name}: outputPadding is smaller than the stride or the dilation, got [${more}] for stride [${steps}] and dilation [${gaps}]`,
    )
  }
  return { stride: steps, before: zeros, after: zeros, dilation: gaps, groups, outputPadding: more }
}

/**
 * 2-D transposed convolution: each pixel of the input gives its multiple of the kernel, and these add up.
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.conv_transpose2d.html
 *
 * @param x [N, C, H, W]
 * @param weight [C, O / groups, kh, kw]
 * @param bias [O] or null
 * @returns [N, O, (H − 1)·stride − 2·padding + dilation·(kh − 1) + outputPadding + 1, …]
 * @throws {ShapeError} when the sizes do not fit
 * @throws {ArgumentError} for an option that is out of range
 */
export function convTranspose2d(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  options: ConvTranspose2dOptions = {},
): Tensor {
  checkTensor('convTranspose2d', 'input', x)
  checkTensor('convTranspose2d', 'weight', weight)
  checkOptionalTensor('convTranspose2d', 'bias', bias)
  checkOptions('convTranspose2d', options, CONV_TRANSPOSE2D_OPTIONS)
  const attributes = convTranspose2dAttributes('convTranspose2d', options)
  return run(operation, [x, weight, bias ?? undefined], attributes)
}
