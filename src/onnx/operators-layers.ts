/** Pooling and norms in ONNX. */

import { AutogradError } from '../errors.js'
import { sizeOf } from '../tensor/shape.js'
import { sameSize } from './formula.js'
import { float } from './messages.js'
import { NONE, type Writer } from './writer.js'
import type { Written } from './written.js'

/** Windows of pooling. */
export interface Pool {
  kernel: readonly [number, number]
  stride: readonly [number, number]
  padding: readonly [number, number]
  dilation?: readonly [number, number]
  ceilMode: boolean
  countIncludePad?: boolean
  divisorOverride?: number
}

/**
 * Pads behind the last row and column with which the windows are as many as there are results. So what a window past the
 * edge means (ceilMode) is nobody's matter.
 */
function padsBehind(
  { kernel, stride, padding, dilation = [1, 1] }: Pool,
  from: readonly number[],
  to: readonly number[],
) {
  return from.map((size, d) => {
    const reach = (to[d] - 1) * stride[d] + (kernel[d] - 1) * dilation[d] + 1
    return Math.max(0, reach - size - padding[d])
  })
}

interface Planes {
  from: number[]
  to: number[]
}

/** The sizes of the images before and after; undefined where they are dynamic. @throws {AutogradError} where they must not be */
function planes({ w, sizes, step, fixed, attributes }: Written<Pool>): Planes | undefined {
  const all = [sizes(0), step.shape].map((shape) => shape.slice(2))
  const dynamic = all.flat().find((size) => typeof size !== 'number')
  if (dynamic === undefined) return { from: all[0].map(fixed), to: all[1].map(fixed) }
  if (!attributes.ceilMode) return undefined
  throw new AutogradError(
    `'${step.name}' rounds the number of windows up (ceilMode), which has no form in ONNX for the dynamic size ${w.textOf(dynamic)}; export the net for one size`,
  )
}

/** The results that are wanted: the largest values, and their places. */
export function maxPoolOf(written: Written<Pool>, wanted: readonly boolean[]): string[] {
  const { w, attributes } = written
  const { kernel, stride, padding, dilation } = attributes
  const known = planes(written)
  const pads = [...padding, ...(known ? padsBehind(attributes, known.from, known.to) : padding)]
  const options = { kernel_shape: kernel, strides: stride, pads, dilations: dilation }
  return w.addAll('MaxPool', [written.in(0)], options, wanted)
}

const maxPool = (written: Written<Pool>): string => maxPoolOf(written, [true])[0]

/** How many elements count in each window of one direction. */
function counts(
  { kernel, stride, padding, countIncludePad }: Pool,
  d: 0 | 1,
  size: number,
  windows: number,
): number[] {
  const [least, most] = countIncludePad ? [-padding[d], size + padding[d]] : [0, size]
  return Array.from({ length: windows }, (_, i) => {
    const start = i * stride[d] - padding[d]
    return Math.max(0, Math.min(start + kernel[d], most) - Math.max(start, least))
  })
}

/** Means of whole windows, put right where the divisor is another. */
function avgPool(written: Written<Pool>): string {
  const { w, attributes } = written
  const { kernel, stride, padding, divisorOverride = 0, countIncludePad } = attributes
  // One window that grows with the image.
  const size = written.sizes(0).slice(2)
  if (size.some((one) => typeof one !== 'number')) {
    if (
      kernel.every((one, d) => sameSize(one, size[d])) &&
      padding.every((n) => n === 0) &&
      divisorOverride === 0
    )
      return w.add('GlobalAveragePool', [written.in(0)])
    for (const one of kernel) written.fixed(one)
  }
  const known = planes(written)
  if (!known) {
    const pooled = w.add('AveragePool', [written.in(0)], {
      kernel_shape: kernel,
      strides: stride,
      pads: [...padding, ...padding],
      count_include_pad: Number(countIncludePad || divisorOverride > 0),
    })
    return divisorOverride ? w.add('Mul', [pooled, w.number(sizeOf(kernel) / divisorOverride)]) : pooled
  }
  const { from, to } = known
  const behind = padsBehind(attributes, from, to)
  const whole = sizeOf(kernel)
  const [rows, cols] = [counts(attributes, 0, from[0], to[0]), counts(attributes, 1, from[1], to[1])]
  const factors = rows.flatMap((row) => cols.map((col) => whole / (divisorOverride || row * col)))
  const y = w.add('AveragePool', [written.in(0)], {
    kernel_shape: kernel,
    strides: stride,
    pads: [...padding, ...behind],
    count_include_pad: 1,
  })
  return factors.every((factor) => factor === 1) ? y : w.add('Mul', [y, w.floats(factors, [1, 1, ...to])])
}

export const AVERAGES = {
  maxPool2d: maxPool as unknown as (written: Written<never>) => string,
  avgPool2d: avgPool as unknown as (written: Written<never>) => string,
}

/** A weight of each channel; without one, all of them `value`. */
function orFilled({ w, step, in: name }: Written, i: number, channels: number, value: number): string {
  return step.inputs[i] ? name(i) : w.floats(new Float32Array(channels).fill(value), [channels])
}

/** `x · weight + bias` for each channel, the second dimension of `rank`. */
function affine({ w, step, in: name }: Written, x: string, channels: number, rank: number): string {
  const shape = [channels, ...new Array<number>(rank - 2).fill(1)]
  const spread = (i: number) => w.reshape(name(i), [channels], shape)
  const scaled = step.inputs[1] ? w.add('Mul', [x, spread(1)]) : x
  return step.inputs[2] ? w.add('Add', [scaled, spread(2)]) : scaled
}

/** By the running statistics; or, where there are none, by those of the batch. */
export function batchNormOf(written: Written<{ training: boolean; eps: number }>): string {
  const { w, attributes, in: name, sizes, fixed } = written
  const { training, eps } = attributes
  const rank = sizes(0).length
  const channels = fixed(sizes(0)[1])
  if (!training) {
    const [weight, bias] = [orFilled(written, 1, channels, 1), orFilled(written, 2, channels, 0)]
    return w.add('BatchNormalization', [name(0), weight, bias, name(3), name(4)], { epsilon: float(eps) })
  }
  const axes = Array.from({ length: rank }, (_, d) => d).filter((d) => d !== 1)
  const centred = w.add('Sub', [name(0), meanOver(w, name(0), axes)])
  const variance = meanOver(w, w.add('Mul', [centred, centred]), axes)
  const spread = w.add('Sqrt', [w.add('Add', [variance, w.number(eps)])])
  return affine(written, w.add('Div', [centred, spread]), channels, rank)
}

function meanOver(w: Writer, x: string, axes: readonly number[]): string {
  return w.opset >= 18
    ? w.add('ReduceMean', [x, w.ints(axes)], { keepdims: 1 })
    : w.add('ReduceMean', [x], { axes, keepdims: 1 })
}

export function layerNormOf(written: Written<{ count: number; eps: number }>): string {
  const { w, step, in: name, sizes, fixed, attributes } = written
  const shape = sizes(0).slice(-attributes.count).map(fixed)
  const weight = step.inputs[1] ? name(1) : w.floats(new Float32Array(sizeOf(shape)).fill(1), shape)
  return w.add('LayerNormalization', [name(0), weight, step.inputs[2] ? name(2) : NONE], {
    axis: -attributes.count,
    epsilon: float(attributes.eps),
  })
}

/** Of an image for each group: instance norm, and then the weights of the channels. */
export function groupNormOf(written: Written<{ groups: number; eps: number }>): string {
  const { w, in: name, sizes, fixed, attributes } = written
  const { groups, eps } = attributes
  const [n, channels, ...rest] = sizes(0)
  const c = fixed(channels)
  const ones = w.floats(new Float32Array(groups).fill(1), [groups])
  const zeros = w.floats(new Float32Array(groups), [groups])
  // (Where the rest is dynamic, it is what is left.)
  const known = rest.every((size) => typeof size === 'number')
  const grouped = [n, groups, known ? (c / groups) * sizeOf(rest) : -1]
  const x = known
    ? w.reshape(name(0), sizes(0), grouped)
    : w.add('Reshape', [name(0), w.ints([0, groups, -1])])
  const y = w.add('InstanceNormalization', [x, ones, zeros], { epsilon: float(eps) })
  const back = known ? w.reshape(y, grouped, sizes(0)) : w.add('Reshape', [y, w.shapeOf(name(0))])
  return affine(written, back, c, sizes(0).length)
}
