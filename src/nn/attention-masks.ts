/** The masks of multi-head attention, as one that is added to the scores. */

import { checkOptionalTensor } from '../autograd/arguments.js'
import { add } from '../autograd/ops/arithmetic.js'
import { checkMask, type MaskType } from '../autograd/ops/attention.js'
import { reshape } from '../autograd/ops/rearrange.js'
import { where } from '../autograd/ops/where.js'
import { eachValues } from '../autograd/recording.js'
import { ArgumentError, ShapeError } from '../errors.js'
import { tensor } from '../tensor/create.js'
import { type Shape, sameShape } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'

/** What attention layers are told of who may see whom. */
export interface AttentionMasks {
  /** [T, S] or [N · heads, T, S]: see `maskType`. It has no gradient. Default null. */
  attnMask?: Tensor | null
  /**
   * What the numbers of `attnMask` say: 'boolean', what is not 0 hides a key (PyTorch's torch.bool in these layers; in
   * `scaledDotProductAttention` it is the other way round, as there); 'additive', they are added to the scores. Needed
   * with an `attnMask`.
   */
  maskType?: MaskType
  /** [N, S], without a batch [S]: 1 for keys that nobody sees, 0 for all others. Default null. */
  keyPaddingMask?: Tensor | null
  /** Whether query i sees the keys up to i only; together with masks both hold. Default false. */
  isCausal?: boolean
}

/** Sizes of a call. */
export interface AttentionSizes {
  n: number
  heads: number
  t: number
  s: number
  batched: boolean
}

/** −∞ where `mask` is not 0, else 0. */
const hidden = (mask: Tensor) => where(mask, Number.NEGATIVE_INFINITY, 0)

/** −∞ for keys behind the query's own place, [T, S]. */
export function causalMask(t: number, s: number): Tensor {
  const values = new Float32Array(t * s)
  for (let i = 0; i < t; i++)
    values.fill(Number.NEGATIVE_INFINITY, Math.min(i * s + i + 1, (i + 1) * s), (i + 1) * s)
  return reshape(tensor(values), [1, 1, t, s])
}

/**
 * Both masks as one that broadcasts to [N, heads, T, S] and is added; null without any. To be called in a scope.
 *
 * @throws {ShapeError} for a mask of another shape
 * @throws {ArgumentError} for what is no tensor, a mask of no kind or with a gradient, or a padding mask that has
 *   other numbers than 0 and 1
 */
export function additiveMask(
  name: string,
  { attnMask = null, maskType, keyPaddingMask = null }: AttentionMasks,
  { n, heads, t, s, batched }: AttentionSizes,
): Tensor | null {
  checkMask(name, attnMask, maskType)
  checkOptionalTensor(name, 'keyPaddingMask', keyPaddingMask)
  let mask: Tensor | null = null
  if (attnMask) {
    const all = [n * heads, t, s]
    if (!sameShape(attnMask.shape, [t, s]) && !sameShape(attnMask.shape, all)) {
      throw new ShapeError(
        `${name}: expected an attnMask of shape [${t}, ${s}] ([T, S]) or [${all}] ([N · heads, T, S]), got [${attnMask.shape}]`,
      )
    }
    const shape: Shape = attnMask.shape.length === 2 ? [1, 1, t, s] : [n, heads, t, s]
    mask = reshape(maskType === 'boolean' ? hidden(attnMask) : attnMask, shape)
  }
  if (!keyPaddingMask) return mask
  const shape = batched ? [n, s] : [s]
  if (!sameShape(keyPaddingMask.shape, shape)) {
    throw new ShapeError(
      `${name}: expected a keyPaddingMask of shape [${shape}] (${batched ? '[N, S]' : '[S]'}), got [${keyPaddingMask.shape}]`,
    )
  }
  eachValues([keyPaddingMask], (values) => {
    if (values.every((value) => value === 0 || value === 1)) return
    throw new ArgumentError(
      `${name}: a keyPaddingMask has a 1 for each key that nobody sees and 0 for all others; what is added to the scores is an attnMask, with maskType: 'additive'`,
    )
  })
  const padding = reshape(hidden(keyPaddingMask), [n, 1, 1, s])
  return mask ? add(mask, padding) : padding
}
