/** Twins of what slides windows over sequences [N, C, L], transposed convolution, and resampling. */
import { reshape } from './rearrange.js'
import { need, type Value, value } from './value.js'
import {
  type AvgPoolOptions,
  avgPool2d,
  type ConvolutionOptions,
  conv2d,
  maxPool2dAndPlaces,
  maxUnpool2d,
  type Pair,
  type WindowOptions,
} from './windows.js'

/** A sequence as an image of one row. */
function row(x: Value): Value {
  need(x.shape.length === 3, 'sequences of three dimensions')
  return reshape(x, [...x.shape.slice(0, 2), 1, x.shape[2]])
}

/** The other way. */
const sequence = (y: Value): Value => reshape(y, [y.shape[0], y.shape[1], y.shape[3]])

const across = (size: unknown, other: number): Pair => [other, size as number]

export function conv1d(
  x: Value,
  weight: Value,
  bias: Value | null = null,
  options: ConvolutionOptions = {},
): Value {
  const { stride = 1, padding = 0, dilation = 1, groups } = options
  return sequence(
    conv2d(row(x), row(weight), bias, {
      stride: across(stride, 1),
      padding: typeof padding === 'string' ? padding : across(padding, 0),
      dilation: across(dilation, 1),
      groups,
    }),
  )
}

/** The options of a pooling along a row. */
function pooling({ stride, padding, dilation = 1, ...rest }: AvgPoolOptions, kernel: number): AvgPoolOptions {
  return {
    stride: across(stride ?? kernel, 1),
    padding: across(padding ?? 0, 0),
    dilation: across(dilation, 1),
    ...rest,
  }
}

export function maxPool1dAndPlaces(x: Value, kernel: number, options: WindowOptions = {}): [Value, Value] {
  const [y, places] = maxPool2dAndPlaces(row(x), [1, kernel], pooling(options, kernel))
  return [sequence(y), sequence(places)]
}

export function maxPool1d(x: Value, kernel: number, options: WindowOptions = {}): Value {
  return maxPool1dAndPlaces(x, kernel, options)[0]
}

export function maxUnpool1d(
  x: Value,
  indices: Value,
  kernel: number,
  options: { stride?: number; padding?: number; outputSize?: readonly number[] } = {},
): Value {
  const { stride = kernel, padding = 0, outputSize } = options
  const own = outputSize && { outputSize: [1, ...outputSize.slice(-1)] }
  return sequence(
    maxUnpool2d(row(x), row(indices), [1, kernel], { stride: [1, stride], padding: [0, padding], ...own }),
  )
}

export function avgPool1d(x: Value, kernel: number, options: AvgPoolOptions = {}): Value {
  return sequence(avgPool2d(row(x), [1, kernel], pooling(options, kernel)))
}

const pair = (both: Pair): readonly [number, number] => (typeof both === 'number' ? [both, both] : both)

export interface ConvTransposeOptions {
  stride?: Pair
  padding?: Pair
  outputPadding?: Pair
  dilation?: Pair
  groups?: number
}

/** Each pixel puts its multiple of the kernel into the result. */
export function convTranspose2d(
  x: Value,
  weight: Value,
  bias: Value | null = null,
  options: ConvTransposeOptions = {},
): Value {
  need(x.shape.length === 4 && weight.shape.length === 4, 'images and weights of four dimensions')
  const { groups = 1 } = options
  const [n, c, h, w] = x.shape
  const [own, ofGroup, kh, kw] = weight.shape
  need(c > 0 && own === c && c % groups === 0 && ofGroup > 0, `${c} channels for a weight [${weight.shape}]`)
  const [step, pad, more, gap] = [
    options.stride ?? 1,
    options.padding ?? 0,
    options.outputPadding ?? 0,
    options.dilation ?? 1,
  ].map(pair)
  need(
    more.every((m, d) => m < Math.max(step[d], gap[d])),
    'an output padding below the stride',
  )
  const size = (along: number, taps: number, d: 0 | 1) =>
    (along - 1) * step[d] - 2 * pad[d] + (taps - 1) * gap[d] + more[d] + 1
  const [oh, ow, out] = [size(h, kh, 0), size(w, kw, 1), ofGroup * groups]
  need(h > 0 && w > 0 && oh > 0 && ow > 0 && (!bias || bias.data.length === out), 'a result')
  const y = value([n, out, oh, ow])
  if (bias) for (let i = 0; i < y.data.length; i++) y.data[i] = bias.data[Math.floor(i / (oh * ow)) % out]
  x.data.forEach((v, at) => {
    const [j, i] = [at % w, Math.floor(at / w) % h]
    const channel = Math.floor(at / (h * w)) % c
    const first = Math.floor(at / (h * w * c)) * out + Math.floor((channel * groups) / c) * ofGroup
    for (let o = 0; o < ofGroup; o++) {
      for (let a = 0; a < kh; a++) {
        for (let b = 0; b < kw; b++) {
          const [r, s] = [i * step[0] - pad[0] + a * gap[0], j * step[1] - pad[1] + b * gap[1]]
          if (r < 0 || r >= oh || s < 0 || s >= ow) continue
          y.data[((first + o) * oh + r) * ow + s] +=
            v * weight.data[((channel * ofGroup + o) * kh + a) * kw + b]
        }
      }
    }
  })
  return y
}

/** `f(i, j)` gives the places, and what each weighs, that pixel (i, j) of a result of this size is made of. */
function resampled(
  x: Value,
  [oh, ow]: readonly number[],
  f: (i: number, j: number) => readonly [row: number, column: number, weight: number][],
): Value {
  const [n, c, h, w] = x.shape
  const y = value([n, c, oh, ow])
  for (let plane = 0; plane < n * c; plane++) {
    for (let i = 0; i < oh; i++) {
      for (let j = 0; j < ow; j++) {
        let sum = 0
        for (const [r, s, weight] of f(i, j)) sum += x.data[(plane * h + r) * w + s] * weight
        y.data[(plane * oh + i) * ow + j] = sum
      }
    }
  }
  return y
}

export type AdaptiveSize = number | null | readonly (number | null)[]

export function adaptiveAvgPool2d(x: Value, size: AdaptiveSize): Value {
  need(x.shape.length === 4 && x.shape.slice(1).every((s) => s > 0), 'images with pixels')
  const [, , h, w] = x.shape
  const [high, wide] = typeof size === 'number' || size === null ? [size, size] : size
  const [oh, ow] = [high ?? h, wide ?? w]
  const window = (i: number, along: number, outputs: number) => {
    const [start, end] = [Math.floor((i * along) / outputs), Math.ceil(((i + 1) * along) / outputs)]
    return Array.from({ length: end - start }, (_, k) => start + k)
  }
  return resampled(x, [oh, ow], (i, j) => {
    const [rows, columns] = [window(i, h, oh), window(j, w, ow)]
    const share = 1 / (rows.length * columns.length)
    return rows.flatMap((r) => columns.map((s) => [r, s, share] as [number, number, number]))
  })
}

export function adaptiveAvgPool1d(x: Value, size: number | null): Value {
  return sequence(adaptiveAvgPool2d(row(x), [1, size]))
}

export interface InterpolateOptions {
  size?: number | readonly number[] | null
  scaleFactor?: number | readonly number[] | null
  mode?: string
  alignCorners?: boolean | null
}

export function interpolate(x: Value, options: InterpolateOptions): Value {
  const rank = x.shape.length
  const { size, scaleFactor, mode = 'nearest', alignCorners } = options
  need(rank === 3 || rank === 4, 'sequences or images')
  need(mode === 'nearest' || mode === (rank === 3 ? 'linear' : 'bilinear'), `a mode for ${rank} dimensions`)
  if (rank === 3) {
    const wide = (given: InterpolateOptions['size'], other: number) =>
      given === undefined || given === null ? given : [other, ...[given].flat()]
    const more = { size: wide(size, 1), scaleFactor: wide(scaleFactor, 1) }
    return sequence(interpolate(row(x), { ...options, mode: mode === 'linear' ? 'bilinear' : mode, ...more }))
  }
  need(
    x.shape.slice(1).every((s) => s > 0),
    'pixels',
  )
  const inner = x.shape.slice(2)
  const given = [size ?? scaleFactor ?? 1].flat()
  const result = inner.map((s, d) => {
    const own = given[given.length === 1 ? 0 : d]
    return size === undefined || size === null ? Math.floor(s * own) : own
  })
  need(
    result.every((s) => s > 0),
    'a result',
  )
  const step = (d: number) =>
    size === undefined || size === null ? 1 / given[given.length === 1 ? 0 : d] : inner[d] / result[d]
  /** The two places along a direction, and how far it is from the first to the second. */
  const between = (i: number, d: number): [number, number, number] => {
    if (inner[d] === result[d]) return [i, i, 0]
    if (mode === 'nearest') {
      const at = Math.min(Math.floor(Math.fround(i * Math.fround(step(d)))), inner[d] - 1)
      return [at, at, 0]
    }
    const aligned = result[d] > 1 ? (i * (inner[d] - 1)) / (result[d] - 1) : 0
    const at = alignCorners ? aligned : Math.max((i + 0.5) * step(d) - 0.5, 0)
    const first = Math.min(Math.floor(at), inner[d] - 1)
    return [first, Math.min(first + 1, inner[d] - 1), Math.min(at - first, 1)]
  }
  return resampled(x, result, (i, j) => {
    const [r0, r1, down] = between(i, 0)
    const [s0, s1, right] = between(j, 1)
    return [
      [r0, s0, (1 - down) * (1 - right)],
      [r0, s1, (1 - down) * right],
      [r1, s0, down * (1 - right)],
      [r1, s1, down * right],
    ]
  })
}
