/** 1-D convolution: a 2-D one of images of one row. */
import { checkNumber, checkOptions } from '../../check.js'
import { ShapeError } from '../../errors.js'
import { scoped } from '../../tensor/scope.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkOptionalTensor, checkTensor } from '../arguments.js'
import { conv2d } from './conv2d.js'
import { isPaddingWord } from './convolution.js'
import { reshape } from './rearrange.js'
import { extentOf } from './window.js'

/** What `conv1d` takes besides tensors. */
export interface Conv1dOptions {
  /** Step of the kernel, default 1. */
  stride?: number
  /**
   * Zeros on each side, default 0. 'valid' is 0; 'same' gives an output of the input's size, with stride 1: where the
   * kernel is even, there is one more zero behind than before.
   */
  padding?: number | 'same' | 'valid'
  /** From one tap of the kernel to the next, default 1. */
  dilation?: number
  /** Into how many groups the channels of input and output are cut, in order; each is a convolution of its own. Default 1. */
  groups?: number
}

/** @throws {ArgumentError} for an option that is out of range */
export function checkConv1dOptions(name: string, options: Conv1dOptions): void {
  const { stride = 1, padding = 0, dilation = 1, groups = 1 } = options
  const most = 2 ** 31 - 1
  checkNumber(name, 'stride', stride, { least: 1, most, whole: true })
  if (!isPaddingWord(name, padding, [stride]))
    checkNumber(name, 'padding', padding, { least: 0, most, whole: true })
  checkNumber(name, 'dilation', dilation, { least: 1, most, whole: true })
  checkNumber(name, 'groups', groups, { least: 1, whole: true })
}

/**
 * 1-D convolution (cross-correlation).
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.conv1d.html
 *
 * @param x [N, C, L]
 * @param weight [O, C / groups, k]
 * @param bias [O] or null
 * @returns [N, O, ⌊(L + 2·padding − dilation·(k − 1) − 1) / stride⌋ + 1]
 * @throws {ShapeError} when the sizes do not fit
 * @throws {ArgumentError} for a stride, dilation or groups below 1, a padding below 0, or 'same' with a stride
 */
export function conv1d(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  options: Conv1dOptions = {},
): Tensor {
  checkTensor('conv1d', 'input', x)
  checkTensor('conv1d', 'weight', weight)
  checkOptionalTensor('conv1d', 'bias', bias)
  checkOptions('conv1d', options, ['stride', 'padding', 'dilation', 'groups'])
  checkConv1dOptions('conv1d', options)
  const { stride = 1, padding = 0, dilation = 1, groups = 1 } = options
  if (weight.shape.length !== 3)
    throw new ShapeError(`conv1d: expected a weight of shape [out, in / groups, k], got [${weight.shape}]`)
  const [oc, ofGroup, k] = weight.shape
  if (x.shape.length !== 3 || x.shape[1] !== ofGroup * groups) {
    throw new ShapeError(
      `conv1d: expected an input of shape [N, ${ofGroup * groups}, L] (weight [${weight.shape}], groups ${groups}), got [${x.shape}]`,
    )
  }
  if (oc === 0 || oc % groups !== 0) {
    throw new ShapeError(
      `conv1d: expected a multiple of ${groups} output channels (groups), and at least one, got a weight of shape [${weight.shape}]`,
    )
  }
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== oc)) {
    throw new ShapeError(`conv1d: expected a bias of shape [${oc}], got [${bias.shape}]`)
  }
  const [n, c, length] = x.shape
  const zeros = typeof padding === 'number' ? padding : 0
  if (k < 1 || (padding !== 'same' && length + 2 * zeros < extentOf(k, dilation))) {
    throw new ShapeError(
      `conv1d: a kernel of ${k} (dilation ${dilation}) does not fit an input of ${length} with padding ${padding}`,
    )
  }
  return scoped(() => {
    const y = conv2d(reshape(x, [n, c, 1, length]), reshape(weight, [oc, ofGroup, 1, k]), bias, {
      stride: [1, stride],
      padding: typeof padding === 'number' ? [0, padding] : padding,
      dilation: [1, dilation],
      groups,
    })
    return reshape(y, [n, y.shape[1], y.shape[3]])
  })
}
