/** Padding along the last dimensions. */
import { checkNumber, checkOptions, kindOf } from '../../check.js'
import { ArgumentError, ShapeError } from '../../errors.js'
import { scoped } from '../../tensor/scope.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { indexSelect } from './indexing.js'
import { padConstant } from './pad-constant.js'
import { reshape } from './rearrange.js'

/** What `pad` takes besides the tensor and the sizes. */
export interface PadOptions {
  /**
   * What is put there: a `constant` (default), the elements mirrored at the edge, which itself is not repeated
   * (`reflect`), the edge again and again (`replicate`), or what comes at the other end (`circular`).
   */
  mode?: 'constant' | 'reflect' | 'replicate' | 'circular'
  /** The constant. Default 0. */
  value?: number
}

type Repeating = Exclude<PadOptions['mode'], 'constant' | undefined>

/** Which element of `n` stands at place `i`, which may lie outside. */
const SOURCES: Record<Repeating, (i: number, n: number) => number> = {
  reflect: (i, n) => (i < 0 ? -i : i < n ? i : 2 * (n - 1) - i),
  replicate: (i, n) => Math.min(Math.max(i, 0), n - 1),
  circular: (i, n) => (i + n) % n,
}

/** How much may be put on a side of `n` elements. */
const MOST: Record<Repeating, (n: number) => number> = {
  reflect: (n) => n - 1,
  replicate: (n) => (n > 0 ? Number.POSITIVE_INFINITY : 0),
  circular: (n) => n,
}

/** The sizes as [dimension, before, after], for the last dimension first. @throws {ArgumentError} */
function pairsOf(x: Tensor, pad: readonly number[]): [number, number, number][] {
  const rank = x.shape.length
  if (!Array.isArray(pad) || !pad.every(Number.isInteger)) {
    throw new ArgumentError(
      `pad: the sizes are an array of whole numbers, such as [left, right], got ${Array.isArray(pad) ? `[${pad}]` : kindOf(pad)}`,
    )
  }
  if (pad.length % 2 !== 0 || pad.length > 2 * rank) {
    throw new ArgumentError(
      `pad: expected two sizes for each dimension, the last first, and at most ${rank} pairs, got [${pad}]`,
    )
  }
  return Array.from({ length: pad.length / 2 }, (_, k) => [rank - 1 - k, pad[2 * k], pad[2 * k + 1]])
}

/**
 * Puts elements around a tensor. https://pytorch.org/docs/stable/generated/torch.nn.functional.pad.html
 *
 * @param x any shape
 * @param pad [before, after] of the last dimension, then of the one before it, and so on; in mode `constant` less
 *   than 0 takes elements away
 * @param options the mode, and the constant
 * @returns the shape of `x`, each padded dimension by before + after larger
 * @throws {ArgumentError} for sizes that are no pairs of whole numbers, or an unknown mode
 * @throws {ShapeError} for more than a dimension has to take away or to repeat
 */
export function pad(x: Tensor, pad: readonly number[], options: PadOptions = {}): Tensor {
  checkTensor('pad', 'input', x)
  const pairs = pairsOf(x, pad)
  checkOptions('pad', options, ['mode', 'value'])
  const { mode = 'constant', value = 0 } = options
  checkNumber('pad', 'value', value)
  if (mode === 'constant') {
    const [before, after] = [x.shape.map(() => 0), x.shape.map(() => 0)]
    for (const [d, left, right] of pairs) {
      if (x.shape[d] + Math.min(0, left) + Math.min(0, right) < 0) {
        throw new ShapeError(
          `pad: dimension ${d} of [${x.shape}] has no ${-Math.min(0, left) - Math.min(0, right)} elements to take away`,
        )
      }
      before[d] = left
      after[d] = right
    }
    return padConstant(x, { before, after, value })
  }
  if (!Object.hasOwn(SOURCES, mode)) {
    throw new ArgumentError(
      `pad: mode is 'constant', 'reflect', 'replicate' or 'circular', not ${kindOf(mode)}`,
    )
  }
  if (options.value !== undefined && value !== 0) {
    throw new ArgumentError(`pad: the value ${value} is for mode 'constant', not '${mode}'`)
  }
  const padded = pairs.filter(([, left, right]) => left !== 0 || right !== 0)
  if (padded.length === 0) return reshape(x, x.shape)
  for (const [d, left, right] of padded) {
    const most = MOST[mode](x.shape[d])
    if (Math.min(left, right) < 0 || Math.max(left, right) > most) {
      throw new ShapeError(
        `pad: mode '${mode}' puts from 0 to ${most} elements on a side of dimension ${d} of [${x.shape}], got [${left},${right}]`,
      )
    }
  }
  return scoped(() =>
    padded.reduce((y, [d, left, right]) => {
      const n = x.shape[d]
      const from = Float32Array.from({ length: left + n + right }, (_, i) => SOURCES[mode](i - left, n))
      return indexSelect(y, d, from)
    }, x),
  )
}
