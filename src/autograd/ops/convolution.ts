/** What the convolutions share: their options, checked, and the sizes of their kernels. */
import { checkNumber, type Pair, pair } from '../../check.js'
import { ArgumentError } from '../../errors.js'
import type { Shape } from '../../tensor/shape.js'

/** How a kernel moves; pairs are (vertical, horizontal). */
export interface ConvolutionAttributes {
  stride: readonly [number, number]
  /** Zeros before the first row and column. */
  before: readonly [number, number]
  /** Zeros after the last ones. */
  after: readonly [number, number]
  dilation: readonly [number, number]
  groups: number
}

/** The options of a convolution in two dimensions. */
interface Options {
  stride?: Pair
  padding?: Pair | 'same' | 'valid'
  dilation?: Pair
  groups?: number
}

/** Whether a padding is one of the words. @throws {ArgumentError} for another word, and for 'same' with a stride */
export function isPaddingWord(name: string, padding: unknown, stride: readonly number[]): boolean {
  if (typeof padding !== 'string') return false
  if (padding !== 'same' && padding !== 'valid') {
    throw new ArgumentError(`${name}: padding is a number, a pair, 'same' or 'valid', got '${padding}'`)
  }
  if (padding === 'same' && stride.some((step) => step !== 1)) {
    throw new ArgumentError(
      `${name}: padding 'same' goes with stride 1 only, got stride [${stride}]; give the padding as a number`,
    )
  }
  return true
}

/** The options, checked, for a kernel of these sizes. @throws {ArgumentError} for what is out of range */
export function convolutionAttributes(
  name: string,
  { stride = 1, padding = 0, dilation = 1, groups = 1 }: Options,
  kernel: readonly number[],
): ConvolutionAttributes {
  const steps = pair(name, 'stride', stride, 1)
  const gaps = pair(name, 'dilation', dilation, 1)
  checkNumber(name, 'groups', groups, { least: 1, whole: true })
  const attributes = { stride: steps, dilation: gaps, groups }
  if (!isPaddingWord(name, padding, steps)) {
    const zeros = pair(name, 'padding', padding as Pair, 0)
    return { before: zeros, after: zeros, ...attributes }
  }
  const total = (d: 0 | 1) => (padding === 'same' ? Math.max(0, (kernel[d] ?? 1) - 1) * gaps[d] : 0)
  const before = [Math.floor(total(0) / 2), Math.floor(total(1) / 2)] as const
  return { before, after: [total(0) - before[0], total(1) - before[1]], ...attributes }
}

/** The sizes as the kernels take them, of a convolution of `x` with `weight` that gives `y`. */
export function convolutionSizes(
  [n, c, h, w]: Shape,
  [, , kh, kw]: Shape,
  [, oc, oh, ow]: Shape,
  { stride, before, dilation, groups }: ConvolutionAttributes,
) {
  const [strideH, strideW, paddingH, paddingW] = [...stride, ...before]
  const [dilationH, dilationW] = dilation
  const moves = { strideH, strideW, paddingH, paddingW, dilationH, dilationW, groups }
  return { n, c, h, w, oc, oh, ow, kh, kw, ...moves }
}
