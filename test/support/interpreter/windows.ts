/** Twins of what slides a window over images [N, C, H, W]. */
import { largestAt } from './reduce.js'
import { need, type Value, value } from './value.js'

/** A number for both directions, or [vertical, horizontal]. */
export type Pair = number | readonly [number, number]

const pair = (both: Pair): readonly [number, number] => (typeof both === 'number' ? [both, both] : both)

export interface WindowOptions {
  stride?: Pair
  padding?: Pair
  dilation?: Pair
  ceilMode?: boolean
}

/** Where a window lies along one direction: its first element, which may be in the padding, and its end. */
interface Span {
  readonly start: number
  readonly end: number
}

/**
 * The windows along one direction. With `ceilMode` the last may hang over the end, but it starts inside of the
 * image or its left padding. https://pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html
 */
function spans(size: number, width: number, stride: number, padding: number, ceilMode = false): Span[] {
  const steps = (size + 2 * padding - width) / stride
  let count = (ceilMode ? Math.ceil(steps) : Math.floor(steps)) + 1
  if (ceilMode && (count - 1) * stride >= size + padding) count--
  need(count >= 1, `a window of ${width} does not fit ${size} with padding ${padding}`)
  return Array.from({ length: count }, (_, i) => {
    const start = i * stride - padding
    return { start, end: start + width }
  })
}

/** `f` of each window of each channel; it gets the channel's first place, and the window's two spans. */
function pool(
  x: Value,
  kernel: Pair,
  { stride = kernel, padding = 0, dilation = 1, ceilMode }: WindowOptions,
  f: (plane: number, rows: Span, columns: Span) => number,
): Value {
  need(x.shape.length === 4, 'images of four dimensions')
  const [n, c, h, w] = x.shape
  const [size, step, pad, gap] = [kernel, stride, padding, dilation].map(pair)
  need(pad[0] <= size[0] / 2 && pad[1] <= size[1] / 2, 'a padding of at most half the window')
  const reach = (d: 0 | 1) => (size[d] - 1) * gap[d] + 1
  const rows = spans(h, reach(0), step[0], pad[0], ceilMode)
  const columns = spans(w, reach(1), step[1], pad[1], ceilMode)
  const results: number[] = []
  for (let plane = 0; plane < n * c; plane++) {
    for (const row of rows) for (const column of columns) results.push(f(plane * h * w, row, column))
  }
  return value([n, c, rows.length, columns.length], Float64Array.from(results))
}

/** The places of a span that are inside of the image, `gap` apart. */
function inside({ start, end }: Span, size: number, gap = 1): number[] {
  const found: number[] = []
  for (let at = start; at < end; at += gap) if (at >= 0 && at < size) found.push(at)
  return found
}

/** The elements of a window that are inside of the image. */
function elements(x: Value, plane: number, rows: readonly number[], columns: readonly number[]): number[] {
  const w = x.shape[3]
  return rows.flatMap((i) => columns.map((j) => x.data[plane + i * w + j]))
}

/** Of each window the largest value, and its place in the plane; the padding is −∞. */
export function maxPool2dAndPlaces(x: Value, kernel: Pair, options: WindowOptions = {}): [Value, Value] {
  const [, , h, w] = x.shape
  const gap = pair(options.dilation ?? 1)
  const places: number[] = []
  const y = pool(x, kernel, options, (plane, rows, columns) => {
    const [i, j] = [inside(rows, h, gap[0]), inside(columns, w, gap[1])]
    const found = elements(x, plane, i, j)
    const at = largestAt(Float64Array.from(found))
    places.push(i[Math.floor(at / j.length)] * w + j[at % j.length])
    return found[at]
  })
  return [y, value(y.shape, Float64Array.from(places))]
}

/** The largest value in each window; the padding is −∞. */
export function maxPool2d(x: Value, kernel: Pair, options: WindowOptions = {}): Value {
  return maxPool2dAndPlaces(x, kernel, options)[0]
}

export interface UnpoolOptions extends Pick<WindowOptions, 'stride' | 'padding'> {
  /** The last of them count. */
  outputSize?: readonly number[]
}

/**
 * Each value at its place in a plane of zeros, [N, C, (H − 1) · stride − 2 · padding + kernel, …]; of several the
 * last.
 */
export function maxUnpool2d(
  x: Value,
  indices: Value,
  kernel: Pair,
  { stride = kernel, padding = 0, outputSize }: UnpoolOptions = {},
): Value {
  const [n, c, ...size] = x.shape
  const [k, s, p] = [kernel, stride, padding].map((each) => pair(each as Pair))
  const [oh, ow] = outputSize?.slice(-2) ?? size.map((length, d) => (length - 1) * s[d] - 2 * p[d] + k[d])
  const y = value([n, c, oh, ow])
  for (let i = 0; i < x.data.length; i++) {
    y.data[Math.floor(i / (size[0] * size[1])) * oh * ow + indices.data[i]] = x.data[i]
  }
  return y
}

export interface AvgPoolOptions extends WindowOptions {
  countIncludePad?: boolean
  divisorOverride?: number | null
}

/**
 * The mean of each window. Its divisor counts the padding, but not what hangs over it in `ceilMode`.
 * https://pytorch.org/docs/stable/generated/torch.nn.AvgPool2d.html
 */
export function avgPool2d(x: Value, kernel: Pair, options: AvgPoolOptions = {}): Value {
  const { padding = 0, countIncludePad = true, divisorOverride } = options
  const [, , h, w] = x.shape
  const [ph, pw] = pair(padding)
  return pool(x, kernel, options, (plane, rows, columns) => {
    const found = elements(x, plane, inside(rows, h), inside(columns, w))
    const padded = (Math.min(rows.end, h + ph) - rows.start) * (Math.min(columns.end, w + pw) - columns.start)
    const divisor = divisorOverride ?? (countIncludePad ? padded : found.length)
    return found.reduce((sum, v) => sum + v, 0) / divisor
  })
}

export interface ConvolutionOptions extends Omit<WindowOptions, 'padding' | 'ceilMode'> {
  padding?: Pair | 'same' | 'valid'
  groups?: number
}

/** Cross-correlation; `groups` share out the channels. */
export function conv2d(
  x: Value,
  weight: Value,
  bias: Value | null = null,
  options: ConvolutionOptions = {},
): Value {
  const { stride = 1, dilation = 1, groups = 1 } = options
  const padding = options.padding ?? 0
  need(x.shape.length === 4 && weight.shape.length === 4, 'images and weights of four dimensions')
  const [n, c, h, w] = x.shape
  const [out, own, kh, kw] = weight.shape
  need(c > 0 && c === own * groups && out % groups === 0, `${c} channels for a weight [${weight.shape}]`)
  // PyTorch too refuses a convolution without output channels.
  need(
    out > 0 && kh > 0 && kw > 0 && (!bias || (bias.shape.length === 1 && bias.shape[0] === out)),
    'a bias [out]',
  )
  const [step, gap] = [stride, dilation].map(pair)
  const along = (size: number, taps: number, d: 0 | 1) => {
    const width = (taps - 1) * gap[d] + 1
    if (padding !== 'same') return spans(size, width, step[d], padding === 'valid' ? 0 : pair(padding)[d])
    need(step[d] === 1, "stride 1 for 'same'")
    const before = Math.floor((width - 1) / 2)
    return Array.from({ length: size }, (_, i) => ({ start: i - before, end: i - before + width }))
  }
  const [rows, columns] = [along(h, kh, 0), along(w, kw, 1)]
  const y = value([n, out, rows.length, columns.length])
  let at = 0
  for (let i = 0; i < n; i++) {
    for (let o = 0; o < out; o++) {
      const first = i * c + Math.floor((o * groups) / out) * own
      for (const row of rows) {
        for (const column of columns) {
          let sum = bias ? bias.data[o] : 0
          for (let k = 0; k < own; k++) {
            for (let a = 0; a < kh; a++) {
              const r = row.start + a * gap[0]
              if (r < 0 || r >= h) continue
              for (let b = 0; b < kw; b++) {
                const s = column.start + b * gap[1]
                if (s < 0 || s >= w) continue
                sum += x.data[((first + k) * h + r) * w + s] * weight.data[((o * own + k) * kh + a) * kw + b]
              }
            }
          }
          y.data[at++] = sum
        }
      }
    }
  }
  return y
}
