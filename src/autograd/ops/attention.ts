/** Scaled dot-product attention. */
import type { Dimensions } from '../../bindings/call.js'
import { needWhole } from '../../bindings/whole.js'
import { attentionBackward, attentionForward } from '../../bindings/whole-kernels.generated.js'
import { checkBoolean, checkNumber, checkOptions, kindOf } from '../../check.js'
import { ArgumentError, ShapeError } from '../../errors.js'
import { placesNow, type StreamPlace } from '../../tensor/random.js'
import { broadcastStrides, type Shape, sameShape, sizeOf } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkOptionalTensor, checkTensor } from '../arguments.js'
import { defineOperation, unchanged } from '../operation.js'
import '../recipe.js'
import { run } from '../tape.js'

/** What the numbers of a mask say; a tensor has no type of its own that could. */
export type MaskType = 'boolean' | 'additive'

/** What `scaledDotProductAttention` takes besides its three inputs. */
export interface AttentionOptions {
  /** Which keys a query sees: broadcast to [..., T, S]. It has no gradient. Default null. */
  attnMask?: Tensor | null
  /**
   * What the mask's numbers say: 'boolean', 0 hides a key and all else shows it (PyTorch's torch.bool); 'additive',
   * they are added to the scores (PyTorch's float mask). Needed with an `attnMask`.
   */
  maskType?: MaskType
  /** Probability with which a weight is 0. Like PyTorch's it counts in evaluation, too. Default 0. */
  dropoutP?: number
  /** Whether query i sees the keys up to i only; not together with a mask. Default false. */
  isCausal?: boolean
  /** What the scores are multiplied by. Default 1 / √E. */
  scale?: number | null
}

const OPTIONS = ['attnMask', 'maskType', 'dropoutP', 'isCausal', 'scale']

interface Attributes {
  batch: number
  t: number
  s: number
  e: number
  ev: number
  boolean: boolean
  causal: boolean
  scale: number
  p: number
  /** Of the mask; of no dimension without one. */
  dims: Dimensions
  /** Where dropout's numbers start: found by the forward, and the same in backward. */
  place?: StreamPlace
}

const NO_MASK: Dimensions = [[], [], []]
const NO_PLACE: StreamPlace = { seedLow: 0, seedHigh: 0, offsetLow: 0, offsetHigh: 0 }
const READS = ['q', 'k', 'v', 'mask', 'logSums', 'output']

const operation = defineOperation<Attributes>({
  name: 'scaledDotProductAttention',
  inputs: { q: 'rows', k: 'rows', v: 'rows', mask: 'rows' },
  output: 'rows',
  makes: ['logSums'],
  made: (_, { batch, t }) => [{ shape: [batch, t] }],
  gradients: { q: READS, k: READS, v: READS },
  shape: ([q], { ev }) => [...q.shape.slice(0, -1), ev],
  forward({ inputs, output, made: [logSums], attributes }) {
    const [q, k, v, mask] = inputs as readonly [Tensor, Tensor, Tensor, Tensor | undefined]
    const { batch, t, s, e, ev, boolean, causal, scale, p, dims } = attributes
    attributes.place ??= p > 0 ? placesNow()(batch * t * Math.ceil(s / 4)) : NO_PLACE
    const { place } = attributes
    attentionForward({
      batch,
      t,
      s,
      e,
      ev,
      boolean,
      causal,
      scale,
      p,
      dims,
      q: q.storage,
      k: k.storage,
      v: v.storage,
      mask: mask?.storage,
      y: output.storage,
      logSums: logSums.storage,
      ...place,
    })
  },
  repeats: unchanged,
  backward(call) {
    const [q, k, v, mask] = call.inputs as readonly [Tensor, Tensor, Tensor, Tensor | undefined]
    const [dq, dk, dv] = [call.gradient(0), call.gradient(1), call.gradient(2)]
    const { batch, t, s, e, ev, boolean, causal, scale, p, dims, place = NO_PLACE } = call.attributes
    attentionBackward({
      batch,
      t,
      s,
      e,
      ev,
      boolean,
      causal,
      scale,
      p,
      dims,
      q: q.storage,
      k: k.storage,
      v: v.storage,
      mask: mask?.storage,
      y: call.output.storage,
      logSums: call.made[0].storage,
      dy: call.dy.storage,
      dq: dq?.storage,
      dk: dk?.storage,
      dv: dv?.storage,
      ...place,
    })
  },
})

/**
 * `softmax(scale · q·kᵀ + mask)·v`: each query gets a mean of the values, weighted by how well the keys match it
 * (Vaswani et al., 2017). One kernel computes it block by block (as FlashAttention, Dao et al., 2022): no [T, S]
 * matrix is kept for backward. A query that sees no key at all gets 0, as in PyTorch.
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html
 *
 * @param query [..., T, E]
 * @param key [..., S, E], with the same leading dimensions
 * @param value [..., S, Ev], with the same leading dimensions
 * @returns [..., T, Ev]
 * @throws {ShapeError} for sizes that do not fit, or a mask that does not broadcast to [..., T, S]
 * @throws {ArgumentError} for an unknown option, a mask without its `maskType`, beside `isCausal`, or that requires a
 *   gradient
 */
export function scaledDotProductAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: AttentionOptions = {},
): Tensor {
  const name = 'scaledDotProductAttention'
  checkTensor(name, 'query', query)
  checkTensor(name, 'key', key)
  checkTensor(name, 'value', value)
  checkOptions(name, options, OPTIONS)
  const { attnMask = null, maskType, dropoutP = 0, isCausal = false, scale = null } = options
  checkNumber(name, 'dropoutP', dropoutP, { least: 0, most: 1 })
  checkBoolean(name, 'isCausal', isCausal)
  if (scale !== null) checkNumber(name, 'scale', scale)
  checkMask(name, attnMask, maskType)
  if (attnMask && isCausal) {
    throw new ArgumentError(`${name}: attnMask and isCausal exclude each other; put both into the mask`)
  }
  const boolean = maskType === 'boolean'
  return attend(name, query, key, value, { boolean, causal: isCausal, p: dropoutP, scale, mask: attnMask })
}

/** What `attend` takes: a mask may stand beside `causal`. */
export interface Attend {
  mask: Tensor | null
  boolean: boolean
  causal: boolean
  p: number
  scale: number | null
}

/** Attention as of `scaledDotProductAttention`, of options that were checked. @throws {ShapeError} as it does */
export function attend(
  name: string,
  query: Tensor,
  key: Tensor,
  value: Tensor,
  { mask, boolean, causal, p, scale }: Attend,
): Tensor {
  needWhole(name)
  const [t, e] = query.shape.slice(-2)
  const [s, other] = key.shape.slice(-2)
  const [count, ev] = value.shape.slice(-2)
  const lead = query.shape.slice(0, -2)
  const fits = [query, key, value].every((x) => x.shape.length >= 2 && sameShape(x.shape.slice(0, -2), lead))
  if (!fits || e !== other || s !== count) {
    throw new ShapeError(
      `${name}: expected a query [..., T, E], a key [..., S, E] and a value [..., S, Ev] with the same leading dimensions, got [${query.shape}], [${key.shape}] and [${value.shape}]`,
    )
  }
  const attributes: Attributes = {
    batch: sizeOf(lead),
    t,
    s,
    e,
    ev,
    boolean,
    causal,
    scale: scale ?? (e > 0 ? 1 / Math.sqrt(e) : 1),
    p,
    dims: mask ? dimensionsOf(name, mask.shape, [...lead, t, s]) : NO_MASK,
  }
  return run(operation, [query, key, value, mask ?? undefined], attributes)
}

/** @throws {ArgumentError} for a mask that is none, is not said to be of a kind, or can't be had here */
export function checkMask(name: string, mask: Tensor | null, maskType: MaskType | undefined): void {
  checkOptionalTensor(name, 'attnMask', mask)
  if (maskType !== undefined && maskType !== 'boolean' && maskType !== 'additive') {
    throw new ArgumentError(`${name}: maskType is 'boolean' or 'additive', got ${kindOf(maskType)}`)
  }
  if (!mask) return
  if (maskType === undefined) {
    throw new ArgumentError(
      `${name}: say what the mask's numbers are: maskType: 'boolean' for 0 and 1 (torch.bool in PyTorch), 'additive' for what is added to the scores`,
    )
  }
  if (mask.requiresGrad) {
    throw new ArgumentError(
      `${name}: the mask requires a gradient, which is not computed here; detach() it, or compute softmax(q·kᵀ + mask)·v with tensor operations`,
    )
  }
}

/** The shape that the mask is broadcast to, and its strides. @throws {ShapeError} where it does not broadcast */
function dimensionsOf(name: string, mask: Shape, shape: Shape): Dimensions {
  const offset = shape.length - mask.length
  if (offset < 0 || !mask.every((size, d) => size === 1 || size === shape[d + offset])) {
    throw new ShapeError(
      `${name}: expected a mask that broadcasts to [${shape}] ([..., T, S]), got [${mask}]`,
    )
  }
  return [shape, broadcastStrides(mask, shape), shape.map(() => 0)]
}
