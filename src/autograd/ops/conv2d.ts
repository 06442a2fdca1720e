import {
  type Conv2dShape,
  conv2dBackwardInput,
  conv2dBackwardWeight,
  conv2dForward,
} from '../../bindings/kernels.js'
import { ArgumentError, ShapeError } from '../../errors.js'
import { checkOptions } from '../options.js'
import { type Call, type Operation, run } from '../tape.js'
import { empty, type Tensor } from '../tensor.js'

/** A number for both directions, or [vertical, horizontal]. */
export type Pair = number | readonly [number, number]

/** `value` as a pair of whole numbers of at least `least`. @throws {ArgumentError} if it is none */
export function pair(operation: string, name: string, value: Pair, least: number): readonly [number, number] {
  const both = typeof value === 'number' ? ([value, value] as const) : value
  if (both.length !== 2 || !both.every((v) => Number.isInteger(v) && v >= least)) {
    throw new ArgumentError(
      `${operation}: ${name} is a whole number of at least ${least} or a pair of them, got ${JSON.stringify(value)}`,
    )
  }
  return both
}

/** The size of the output along one direction. */
export function outputSize(size: number, kernel: number, stride: number, padding: number): number {
  return Math.floor((size + 2 * padding - kernel) / stride) + 1
}

/** What `conv2d` takes besides tensors. */
export interface Conv2dOptions {
  /** Step of the kernel, default 1. */
  stride?: Pair
  /** Zeros on each side, default 0. */
  padding?: Pair
}

type Attributes = Pick<Conv2dShape, 'stride' | 'padding'>

function shapeOf(call: Call<Attributes>): Conv2dShape {
  const [n, c, h, w] = call.inputs[0].shape
  const [oc, , kh, kw] = call.inputs[1].shape
  return { n, c, h, w, oc, kernel: [kh, kw], ...call.attributes }
}

const operation: Operation<Attributes> = {
  name: 'conv2d',
  shape([x, weight, bias], { stride, padding }) {
    if (weight.shape.length !== 4)
      throw new ShapeError(`conv2d: expected a weight of shape [out, in, kh, kw], got [${weight.shape}]`)
    const [oc, c, kh, kw] = weight.shape
    if (x.shape.length !== 4 || x.shape[1] !== c) {
      throw new ShapeError(
        `conv2d: expected an input of shape [N, ${c}, H, W] (weight [${weight.shape}]), got [${x.shape}]`,
      )
    }
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
    return [n, oc, oh, ow]
  },
  layout: () => 'lanes',
  forward(call) {
    const bias = call.inputs.length > 2 ? call.input(2).storage : undefined
    conv2dForward(
      shapeOf(call),
      call.input(0, 'lanes').storage,
      call.input(1).storage,
      bias,
      call.output.storage,
    )
  },
  backward(call, dy) {
    const shape = shapeOf(call)
    const lanes = call.in('lanes', dy)
    const [x, weight] = [call.input(0, 'lanes'), call.input(1)]
    const dx = call.needs(0) ? empty(x.shape, 'lanes') : undefined
    if (dx) conv2dBackwardInput(shape, lanes.storage, weight.storage, dx.storage)
    const needsBias = call.inputs.length > 2 && call.needs(2)
    if (!call.needs(1) && !needsBias) return [dx]
    const dw = empty(weight.shape)
    const db = needsBias ? empty([shape.oc]) : undefined
    conv2dBackwardWeight(shape, x.storage, lanes.storage, dw.storage, db?.storage)
    if (call.needs(1)) return [dx, dw, db]
    dw.dispose()
    return [dx, undefined, db]
  },
}

/**
 * 2-D convolution (cross-correlation).
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.conv2d.html
 *
 * @param x [N, C, H, W]
 * @param weight [O, C, kh, kw]
 * @param bias [O] or null
 * @returns [N, O, ⌊(H + 2·padding − kh) / stride⌋ + 1, …]
 * @throws {ShapeError} when the sizes do not fit
 * @throws {ArgumentError} for a stride below 1 or a padding below 0
 */
export function conv2d(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  options: Conv2dOptions = {},
): Tensor {
  checkOptions('conv2d', options, ['stride', 'padding'])
  const stride = pair('conv2d', 'stride', options.stride ?? 1, 1)
  const padding = pair('conv2d', 'padding', options.padding ?? 0, 0)
  return run(operation, bias ? [x, weight, bias] : [x, weight], { stride, padding })
}
