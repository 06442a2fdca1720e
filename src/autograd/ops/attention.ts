/** Scaled dot-product attention. */
import type { Dimensions } from '../../bindings/call.js'
import type { Storage } from '../../bindings/memory.js'
import { live } from '../../bindings/recording.js'
import { needWhole } from '../../bindings/whole.js'
import { attentionBackward, attentionForward, writePlace } from '../../bindings/whole-kernels.generated.js'
import { checkBoolean, checkNumber, checkOptions, kindOf } from '../../check.js'
import { ArgumentError, ShapeError } from '../../errors.js'
import { placesNow, type StreamPlace } from '../../tensor/random.js'
import { broadcastStrides, type Shape, sameShape, sizeOf } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkOptionalTensor, checkTensor } from '../arguments.js'
import { defineOperation } from '../operation.js'
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
  /** Where dropout's numbers start; by default where the stream is. */
  place?: StreamPlace
  /** Where they started. */
  drawn?: StreamPlace
}

const NO_MASK: Dimensions = [[], [], []]
const READS = ['q', 'k', 'v', 'mask', 'logSums', 'place', 'output']

/** How queries, keys, values and results lie: one of the batch after the other. */
const dense = ({ t, s, e, ev }: Attributes) => ({
  ...{ heads: 1, qOuter: t * e, qHead: 0, qRow: e, kOuter: s * e, kHead: 0, kRow: e },
  ...{ vOuter: s * ev, vHead: 0, vRow: ev, yOuter: t * ev, yHead: 0, yRow: ev },
})

/** How the gradients do. */
const denseGradients = ({ t, s, e, ev }: Attributes) => ({
  ...{ dyOuter: t * ev, dyHead: 0, dyRow: ev, dqOuter: t * e, dqHead: 0, dqRow: e, dqStart: 0 },
  ...{ dkOuter: s * e, dkHead: 0, dkRow: e, dkStart: 0, dvOuter: s * ev, dvHead: 0, dvRow: ev, dvStart: 0 },
  all: undefined,
})

/** Writes down where dropout's numbers start, for both directions: another place in each run of a recorded step. */
function drawPlace(attributes: Attributes, y: Storage): void {
  const { batch, t, s, place } = attributes
  if (place) writePlace({ y, ...place })
  else {
    const take = placesNow()
    live(() => {
      const drawn = take(batch * t * Math.ceil(s / 4))
      attributes.drawn = drawn
      writePlace({ y, ...drawn })
    })
  }
}

const operation = defineOperation<Attributes>({
  name: 'scaledDotProductAttention',
  inputs: { q: 'rows', k: 'rows', v: 'rows', mask: 'rows' },
  output: 'rows',
  makes: ['logSums', 'place'],
  made: (_, { batch, t, p }) => [{ shape: [batch, t] }, { shape: [p > 0 ? 4 : 0] }],
  gradients: { q: READS, k: READS, v: READS },
  shape: ([q], { ev }) => [...q.shape.slice(0, -1), ev],
  forward({ inputs, output, made: [logSums, place], attributes }) {
    const [q, k, v, mask] = inputs as readonly [Tensor, Tensor, Tensor, Tensor | undefined]
    const { batch, t, s, e, ev, boolean, causal, scale, p, dims } = attributes
    if (p > 0) drawPlace(attributes, place.storage)
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
      place: p > 0 ? place.storage : undefined,
      y: output.storage,
      logSums: logSums.storage,
      ...dense(attributes),
    })
  },
  repeats: ({ drawn, ...attributes }) => [{ ...attributes, ...(drawn && { place: drawn }) }],
  backward(call) {
    const [q, k, v, mask] = call.inputs as readonly [Tensor, Tensor, Tensor, Tensor | undefined]
    const [dq, dk, dv] = [call.gradient(0), call.gradient(1), call.gradient(2)]
    const { batch, t, s, e, ev, boolean, causal, scale, p, dims } = call.attributes
    const [logSums, place] = call.made
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
      place: p > 0 ? place.storage : undefined,
      y: call.output.storage,
      logSums: logSums.storage,
      dy: call.dy.storage,
      dq: dq?.storage,
      dk: dk?.storage,
      dv: dv?.storage,
      ...dense(call.attributes),
      ...denseGradients(call.attributes),
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
