/** Operators whose windows go over images or sequences. */
import { add, div, mul, sub } from '../../autograd/ops/arithmetic.js'
import { avgPool2d } from '../../autograd/ops/avg-pool2d.js'
import { convTranspose2d } from '../../autograd/ops/conv-transpose2d.js'
import { conv2d } from '../../autograd/ops/conv2d.js'
import { maxUnpool2d } from '../../autograd/ops/max-pool-indices.js'
import { maxPool2d } from '../../autograd/ops/max-pool2d.js'
import { padConstant } from '../../autograd/ops/pad-constant.js'
import { reshape, slice } from '../../autograd/ops/rearrange.js'
import { floor } from '../../autograd/ops/unary.generated.js'
import { ones } from '../../tensor/create.js'
import { sizeOf } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkSize, Host, tensorOf } from './host.js'
import type { Operator, Results, Use } from './node.js'

export type Two = readonly [number, number]

/** The windows of a node, of images; sequences are images of one row. */
interface Windows {
  kernel: Two
  stride: Two
  dilation: Two
  before: Two
  after: Two
}

/** [N, C, L] as [N, C, 1, L]. */
export function image(use: Use, x: Tensor): Tensor {
  if (x.shape.length === 4) return x
  if (x.shape.length === 3) return reshape(x, [x.shape[0], x.shape[1], 1, x.shape[2]])
  throw use.node.fail(
    `it takes an input of shape [${x.shape}]; sequences [N, C, L] and images [N, C, H, W] are read`,
  )
}

/** What has become of images, of the rank that these had. */
export const asBefore = (y: Tensor, rank: number): Tensor =>
  rank === 4 ? y : reshape(y, [y.shape[0], y.shape[1], y.shape[3]])

/** @param transposed whether the windows lie on the output, as a transposed convolution's do */
function windows(
  use: Use,
  rank: number,
  kernel: readonly number[],
  size: readonly number[],
  transposed = false,
): Windows {
  const { node } = use
  const count = rank - 2
  const two = (list: readonly number[], usual: number): Two => {
    if (list.length !== count || !list.every(Number.isInteger))
      throw node.fail(`its windows are of [${list}]`)
    return count === 2 ? [list[0], list[1]] : [usual, list[0]]
  }
  const all = (name: string, usual: number) =>
    two(node.ints(name) ?? new Array<number>(count).fill(usual), usual)
  const [stride, dilation, own] = [all('strides', 1), all('dilations', 1), two(kernel, 1)]
  const pads = node.ints('pads') ?? new Array<number>(2 * count).fill(0)
  const auto = node.text8('auto_pad', 'NOTSET')
  if (auto.startsWith('SAME')) {
    const total = [0, 1].map((d) => {
      // As many windows as a step of 1 has, divided by the step; what a transposed one gives is as much larger.
      const along = transposed ? size[d] : Math.ceil(size[d] / stride[d])
      const covered = (along - 1) * stride[d] + (own[d] - 1) * dilation[d] + 1
      return Math.max(0, covered - (transposed ? size[d] * stride[d] : size[d]))
    })
    const less = total.map((n) => Math.floor(n / 2))
    const more = total.map((n, d) => n - less[d])
    const [before, after] = auto === 'SAME_LOWER' ? [more, less] : [less, more]
    return { kernel: own, stride, dilation, before: [before[0], before[1]], after: [after[0], after[1]] }
  }
  return {
    kernel: own,
    stride,
    dilation,
    before: two(pads.slice(0, count), 0),
    after: two(pads.slice(count), 0),
  }
}

/** With a border of `value`. */
function bordered(use: Use, x: Tensor, before: Two, after: Two, value: number): Tensor {
  if ([...before, ...after].every((n) => n === 0)) return x
  const padding = { before: [0, 0, ...before], after: [0, 0, ...after], value }
  checkSize(
    x.shape.map((n, d) => n + padding.before[d] + padding.after[d]),
    use.node.text,
  )
  return padConstant(x, padding)
}

const even = (before: Two, after: Two) => before[0] === after[0] && before[1] === after[1]

/** A weight of sequences as one of images. */
const kernelOf = (weight: Tensor): Tensor =>
  weight.shape.length === 3 ? reshape(weight, [weight.shape[0], weight.shape[1], 1, weight.shape[2]]) : weight

function convolution(use: Use): Tensor {
  const [given, weight] = [use.tensor(0), use.tensor(1)]
  const rank = given.shape.length
  const x = image(use, given)
  const { stride, dilation, before, after } = windows(use, rank, weight.shape.slice(2), x.shape.slice(2))
  const groups = use.node.int('group', 1)
  const negative = [...before, ...after].some((n) => n < 0)
  const own = even(before, after) && !negative
  const padded = own ? x : bordered(use, x, before, after, 0)
  const options = { stride, dilation, groups, padding: own ? before : 0 }
  return asBefore(conv2d(padded, kernelOf(weight), use.tensorOr(2) ?? null, options), rank)
}

function transposedConvolution(use: Use): Tensor {
  const [given, weight] = [use.tensor(0), use.tensor(1)]
  const rank = given.shape.length
  const x = image(use, given)
  if (use.node.has('output_shape')) throw use.node.fail('it has an output_shape, which is not read')
  const sizes = [weight.shape.slice(2), x.shape.slice(2)] as const
  const { stride, dilation, before, after } = windows(use, rank, ...sizes, true)
  const more = use.node.ints('output_padding') ?? []
  const extra: Two = rank === 4 ? [more[0] ?? 0, more[1] ?? 0] : [0, more[0] ?? 0]
  const groups = use.node.int('group', 1)
  const options = { stride, dilation, groups, outputPadding: extra }
  if (even(before, after)) {
    const y = convTranspose2d(x, kernelOf(weight), use.tensorOr(2) ?? null, { ...options, padding: before })
    return asBefore(y, rank)
  }
  const whole = convTranspose2d(x, kernelOf(weight), use.tensorOr(2) ?? null, options)
  const [, , h, w] = whole.shape
  const rows = slice(whole, 2, before[0], h - after[0])
  return asBefore(slice(rows, 3, before[1], w - after[1]), rank)
}

/** Whether a padding is one that pooling takes itself. */
const fits = ({ kernel, before, after }: Windows) =>
  even(before, after) && before.every((n, d) => n >= 0 && n <= kernel[d] / 2)

function maxPooling(use: Use): Results {
  const given = use.tensor(0)
  const x = image(use, given)
  const all = windows(use, given.shape.length, use.node.ints('kernel_shape') ?? [], x.shape.slice(2))
  const { kernel, stride, dilation, before, after } = all
  const ceilMode = use.node.int('ceil_mode', 0) === 1
  const options = { stride, dilation, ceilMode }
  const rank = given.shape.length
  const own = fits(all)
  if (use.node.proto.output.length < 2 || use.node.proto.output[1] === '') {
    const y = own
      ? maxPool2d(x, kernel, { ...options, padding: before })
      : maxPool2d(bordered(use, x, before, after, Number.NEGATIVE_INFINITY), kernel, options)
    return [asBefore(y, rank)]
  }
  if (!own || use.node.int('storage_order', 0) !== 0)
    throw use.node.fail('it gives places of windows whose padding differs from side to side, or by columns')
  checkSize(x.shape, use.node.text)
  const [y, places] = maxPool2d(x, kernel, { ...options, padding: before, returnIndices: true })
  // ONNX counts through the whole batch.
  const [n, c, h, w] = x.shape
  const starts = Float32Array.from({ length: n * c }, (_, i) => i * h * w)
  const whole = add(places, reshape(tensorOf(new Host([n * c], starts, 'whole')), [n, c, 1, 1]))
  return [asBefore(y, rank), use.asWhole(asBefore(whole, rank))]
}

function maxUnpooling(use: Use): Tensor {
  const given = use.tensor(0)
  const rank = given.shape.length
  const x = image(use, given)
  const all = windows(use, rank, use.node.ints('kernel_shape') ?? [], x.shape.slice(2))
  const { kernel, stride, before, after } = all
  if (!even(before, after)) throw use.node.fail('its padding differs from side to side')
  const shape = use.numbersOr(2)
  const smallest = x.shape.slice(2).map((n, d) => (n - 1) * stride[d] - 2 * before[d] + kernel[d])
  const outputSize = shape ? (rank === 4 ? shape.slice(2) : [1, ...shape.slice(2)]) : smallest
  checkSize([...x.shape.slice(0, 2), ...outputSize], use.node.text)
  const plane = sizeOf(outputSize)
  const places = image(use, use.tensor(1))
  const own = sub(places, mul(floor(div(places, plane)), plane))
  return asBefore(maxUnpool2d(x, own, kernel, { stride, padding: before, outputSize }), rank)
}

function meanPooling(use: Use): Tensor {
  const given = use.tensor(0)
  const x = image(use, given)
  const all = windows(use, given.shape.length, use.node.ints('kernel_shape') ?? [], x.shape.slice(2))
  const { kernel, stride, dilation, before, after } = all
  if (dilation.some((n) => n !== 1)) throw use.node.fail('it has dilated windows of means')
  const ceilMode = use.node.int('ceil_mode', 0) === 1
  const countIncludePad = use.node.int('count_include_pad', 0) === 1
  const rank = given.shape.length
  if (fits(all))
    return asBefore(avgPool2d(x, kernel, { stride, ceilMode, padding: before, countIncludePad }), rank)
  const pooled = (z: Tensor) => avgPool2d(bordered(use, z, before, after, 0), kernel, { stride, ceilMode })
  const y = pooled(x)
  // The share of each window that lies on the image.
  return asBefore(countIncludePad ? y : div(y, pooled(ones([1, 1, x.shape[2], x.shape[3]]))), rank)
}

export const WINDOWS: Readonly<Record<string, Operator>> = {
  Conv: convolution,
  ConvTranspose: transposedConvolution,
  MaxPool: maxPooling,
  MaxUnpool: maxUnpooling,
  AveragePool: meanPooling,
}
