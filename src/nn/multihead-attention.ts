import { add, mul } from '../autograd/ops/arithmetic.js'
import { attend } from '../autograd/ops/attention.js'
import { dropout } from '../autograd/ops/dropout.js'
import { expand } from '../autograd/ops/expand.js'
import { linear, matmul } from '../autograd/ops/matmul.js'
import { padConstant } from '../autograd/ops/pad-constant.js'
import { cat, permute, reshape, slice, transpose } from '../autograd/ops/rearrange.js'
import { mean } from '../autograd/ops/reduce.js'
import { softmax } from '../autograd/ops/softmax.js'
import { checkBoolean, checkNumber, checkOptions, kindOf } from '../check.js'
import { ArgumentError, ShapeError } from '../errors.js'
import { zeros } from '../tensor/create.js'
import { fillUniform, randn } from '../tensor/random.js'
import { scoped } from '../tensor/scope.js'
import { sameShape } from '../tensor/shape.js'
import { empty, Tensor } from '../tensor/tensor.js'
import { type AttentionMasks, type AttentionSizes, additiveMask, causalMask } from './attention-masks.js'
import { callForward } from './layer.js'
import { Linear } from './linear.js'
import { type AnyModule, Module, Parameter } from './module.js'

/** Options of MultiheadAttention. */
export interface MultiheadAttentionOptions {
  /** Probability with which a weight is 0, in training. Default 0. */
  dropout?: number
  /** Whether the projections have biases. Default true. */
  bias?: boolean
  /** Whether inputs and outputs are [N, T, E] instead of [T, N, E]. Default false. */
  batchFirst?: boolean
  /** Size of the keys. Default E. */
  kdim?: number
  /** Size of the values. Default E. */
  vdim?: number
  /** Whether a trained key and value stand behind all others, for every query to see. Default false. */
  addBiasKv?: boolean
  /** Whether a key and a value of zeros stand there. Default false. */
  addZeroAttn?: boolean
}

const OPTIONS = ['dropout', 'bias', 'batchFirst', 'kdim', 'vdim', 'addBiasKv', 'addZeroAttn'] as const

/** What a MultiheadAttention's forward takes besides its three inputs. */
export interface MultiheadAttentionForwardOptions extends AttentionMasks {
  /** Whether to give the weights, too; without them no [T, S] matrix is kept, which is faster. Default true. */
  needWeights?: boolean
  /** Whether the weights are the mean of all heads'. Default true. */
  averageAttnWeights?: boolean
}

const FORWARD = [
  'attnMask',
  'maskType',
  'keyPaddingMask',
  'isCausal',
  'needWeights',
  'averageAttnWeights',
] as const

/** Of rows × columns, uniform by Xavier's bound (Glorot and Bengio, 2010). */
function xavier(rows: number, columns: number): Parameter {
  const bound = Math.sqrt(6 / (rows + columns))
  return new Parameter(fillUniform(empty([rows, columns], 'rows', 'leaf'), -bound, bound))
}

/**
 * Attention of several heads, each with its own projections of queries, keys and values (Vaswani et al., 2017).
 * https://pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html
 */
export class MultiheadAttention extends Module<
  [query: Tensor, key: Tensor, value: Tensor, options?: MultiheadAttentionForwardOptions],
  [output: Tensor, weights: Tensor | null]
> {
  /** The projections of queries, keys and values, [3 · E, E]; null where keys or values have a size of their own. */
  readonly inProjWeight: Parameter | null
  /** In place of that: [E, E], */
  readonly qProjWeight: Parameter | null
  /** [E, kdim], */
  readonly kProjWeight: Parameter | null
  /** and [E, vdim]; else null. */
  readonly vProjWeight: Parameter | null
  /** [3 · E], or null. */
  readonly inProjBias: Parameter | null
  /** The key behind all others, [1, 1, E], or null. */
  readonly biasK: Parameter | null
  /** The value behind all others, [1, 1, E], or null. */
  readonly biasV: Parameter | null
  /** The projection of all heads' results, E → E. */
  readonly outProj: Linear
  /** Probability with which a weight is 0, in training. */
  readonly dropout: number
  /** Whether inputs and outputs are [N, T, E]. */
  readonly batchFirst: boolean
  /** Size of the keys. */
  readonly kdim: number
  /** Size of the values. */
  readonly vdim: number
  /** Whether a key and a value of zeros stand behind all others. */
  readonly addZeroAttn: boolean

  /**
   * @param embedDim E, the size of queries and outputs, and without `kdim` and `vdim` of keys and values
   * @param numHeads heads, of which each has E / numHeads of it
   * @param options dropout, bias, batchFirst, kdim, vdim, addBiasKv, addZeroAttn
   * @throws {ArgumentError} for an E that the heads do not divide, or an option that is unknown or out of range
   */
  constructor(
    readonly embedDim: number,
    readonly numHeads: number,
    options: MultiheadAttentionOptions = {},
  ) {
    super()
    const name = 'MultiheadAttention'
    checkOptions(name, options, OPTIONS)
    const { dropout = 0, bias = true, batchFirst = false, addBiasKv = false, addZeroAttn = false } = options
    const { kdim = embedDim, vdim = embedDim } = options
    checkNumber(name, 'embedDim', embedDim, { least: 1, whole: true })
    checkNumber(name, 'numHeads', numHeads, { least: 1, whole: true })
    if (embedDim % numHeads !== 0) {
      throw new ArgumentError(
        `${name}: embedDim is a multiple of numHeads, got ${embedDim} for ${numHeads} heads`,
      )
    }
    checkNumber(name, 'dropout', dropout, { least: 0, most: 1 })
    checkBoolean(name, 'bias', bias)
    checkBoolean(name, 'batchFirst', batchFirst)
    checkNumber(name, 'kdim', kdim, { least: 1, whole: true })
    checkNumber(name, 'vdim', vdim, { least: 1, whole: true })
    checkBoolean(name, 'addBiasKv', addBiasKv)
    checkBoolean(name, 'addZeroAttn', addZeroAttn)
    this.dropout = dropout
    this.batchFirst = batchFirst
    this.kdim = kdim
    this.vdim = vdim
    this.addZeroAttn = addZeroAttn
    const one = kdim === embedDim && vdim === embedDim
    this.qProjWeight = one ? null : xavier(embedDim, embedDim)
    this.kProjWeight = one ? null : xavier(embedDim, kdim)
    this.vProjWeight = one ? null : xavier(embedDim, vdim)
    this.inProjWeight = one ? xavier(3 * embedDim, embedDim) : null
    this.inProjBias = bias ? new Parameter(zeros([3 * embedDim])) : null
    // Xavier's normal of [1, 1, E], of E inputs and E outputs.
    const trained = () => (addBiasKv ? new Parameter(randn([1, 1, embedDim]).mul(embedDim ** -0.5)) : null)
    this.biasK = trained()
    this.biasV = trained()
    this.outProj = new Linear(embedDim, embedDim, { bias })
    this.outProj.bias?.fill_(0)
  }

  /** One of its class whose fields are to be copied from this one (copy.ts). @internal */
  blank(): AnyModule {
    return Reflect.construct(MultiheadAttention, [this.embedDim, this.numHeads], this.constructor)
  }

  /**
   * What each query gets of the values, from all heads.
   *
   * @param query [T, N, E], with `batchFirst` [N, T, E]; without a batch [T, E]
   * @param key [S, N, kdim] …
   * @param value [S, N, vdim] …
   * @param options masks, isCausal, needWeights, averageAttnWeights
   * @returns the output, shaped as the query, and the weights: [N, T, S], without averaging [N, heads, T, S] (without a
   *   batch no N), after dropout; null without `needWeights`. `addBiasKv` and `addZeroAttn` add a key each to S
   * @throws {ShapeError} for inputs or masks of other shapes
   * @throws {ArgumentError} for what is no tensor, or an option that is unknown or out of range
   */
  override forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    options: MultiheadAttentionForwardOptions = {},
  ): [output: Tensor, weights: Tensor | null] {
    const name = 'MultiheadAttention'
    checkOptions(name, options, FORWARD)
    const { needWeights = true, averageAttnWeights = true } = options
    let { isCausal = false } = options
    for (const [what, flag] of Object.entries({ isCausal, needWeights, averageAttnWeights })) {
      checkBoolean(name, what, flag)
    }
    const sizes = this.#sizes(query, key, value)
    const { n, t, s, batched } = sizes
    const p = this.training ? this.dropout : 0
    return scoped(() => {
      let mask = additiveMask(name, options, sizes)
      const [q, ...given] = this.#project(query, key, value).map((x, i) => this.#heads(x, i === 0 ? t : s, n))
      const [k, v] = given.map((x, i) => this.#withMore(x, i === 0 ? this.biasK : this.biasV, n))
      const more = k.shape[2] - s
      if (more > 0) {
        // Every query sees what stands behind the keys.
        if (isCausal) mask = mask ? add(mask, causalMask(t, s)) : causalMask(t, s)
        if (mask) mask = padConstant(mask, { before: [0, 0, 0, 0], after: [0, 0, 0, more], value: 0 })
        isCausal = false
      }
      let [mixed, weights]: [Tensor, Tensor | null] = [q, null]
      if (needWeights) {
        weights = this.#weights(q, k, mask, isCausal, p)
        mixed = matmul(weights, v)
        if (averageAttnWeights) weights = mean(weights, { dim: 1 })
        if (!batched) weights = reshape(weights, weights.shape.slice(1))
      } else {
        mixed = attend(name, q, k, v, { boolean: false, causal: isCausal, scale: null, mask, p })
      }
      const order = batched && this.batchFirst ? [0, 2, 1, 3] : [2, 0, 1, 3]
      const joined = reshape(permute(mixed, order), query.shape)
      return [callForward(this.outProj, joined), weights]
    })
  }

  /** Softmax of the scores, with dropout, [N, heads, T, S]: as a matrix, where somebody wants to see it. */
  #weights(q: Tensor, k: Tensor, mask: Tensor | null, isCausal: boolean, p: number): Tensor {
    const [t, s] = [q.shape[2], k.shape[2]]
    let scores = matmul(mul(q, 1 / Math.sqrt(q.shape[3])), transpose(k, 2, 3))
    if (mask) scores = add(scores, mask)
    if (isCausal) scores = add(scores, causalMask(t, s))
    return dropout(softmax(scores, 3), p, p > 0)
  }

  /** The projections of the three inputs: one product where they are the same tensor. */
  #project(query: Tensor, key: Tensor, value: Tensor): Tensor[] {
    const { inProjWeight, inProjBias, embedDim } = this
    const last = query.shape.length - 1
    const cut = (x: Tensor, dim: number, i: number) => slice(x, dim, i * embedDim, (i + 1) * embedDim)
    if (inProjWeight && query === key && key === value) {
      const all = linear(query, inProjWeight, inProjBias)
      return [0, 1, 2].map((i) => cut(all, last, i))
    }
    const own = [this.qProjWeight, this.kProjWeight, this.vProjWeight]
    return [query, key, value].map((x, i) => {
      const weight = inProjWeight ? cut(inProjWeight, 0, i) : own[i]
      if (!weight) throw new ArgumentError('MultiheadAttention: the weights of its projections are gone')
      return linear(x, weight, inProjBias && cut(inProjBias, 0, i))
    })
  }

  /** Keys or values of the heads with what stands behind them, [N, heads, S + …, E / heads]. */
  #withMore(x: Tensor, bias: Parameter | null, n: number): Tensor {
    const { numHeads, embedDim, addZeroAttn } = this
    let all = x
    if (bias) {
      const one = reshape(bias, [1, numHeads, 1, embedDim / numHeads])
      all = cat([all, expand(one, [n, numHeads, 1, embedDim / numHeads])], 2)
    }
    return addZeroAttn ? padConstant(all, { before: [0, 0, 0, 0], after: [0, 0, 1, 0], value: 0 }) : all
  }

  /** [N, heads, length, E / heads]. */
  #heads(x: Tensor, length: number, n: number): Tensor {
    const { numHeads, embedDim } = this
    const size = embedDim / numHeads
    if (x.shape.length === 3 && this.batchFirst) {
      return permute(reshape(x, [n, length, numHeads, size]), [0, 2, 1, 3])
    }
    return permute(reshape(x, [length, n, numHeads, size]), [1, 2, 0, 3])
  }

  #sizes(query: unknown, key: unknown, value: unknown): AttentionSizes {
    const name = 'MultiheadAttention'
    const { embedDim, numHeads } = this
    const shapes = Object.entries({ query, key, value }).map(([what, x]) => {
      if (x instanceof Tensor) return x.shape
      throw new ArgumentError(
        `${name}: the ${what} is a tensor, got ${kindOf(x)}; self-attention is forward(x, x, x)`,
      )
    })
    const [q, k, v] = shapes
    const batched = q.length === 3
    const [length, batch] = batched && this.batchFirst ? [1, 0] : [0, 1]
    const { kdim, vdim } = this
    const alike = shapes.every((shape, i) => {
      return shape.length === q.length && shape.at(-1) === [embedDim, kdim, vdim][i]
    })
    const rank = q.length === 2 || q.length === 3
    const paired = sameShape(k.slice(0, -1), v.slice(0, -1))
    if (!rank || !alike || !paired || (batched && q[batch] !== k[batch])) {
      const order = this.batchFirst ? ['[N, T', '[N, S'] : ['[T, N', '[S, N']
      const pair =
        kdim === vdim
          ? `a key and value ${order[1]}, ${kdim}]`
          : `a key ${order[1]}, ${kdim}] and a value ${order[1]}, ${vdim}]`
      throw new ShapeError(
        `${name}: expected a query ${order[0]}, ${embedDim}] and ${pair}, or all without N, got [${q}], [${k}] and [${v}]`,
      )
    }
    return { n: batched ? q[batch] : 1, heads: numHeads, t: q[length], s: k[length], batched }
  }

  /** @internal */
  override get libraryForward(): unknown {
    return MultiheadAttention.prototype.forward
  }
}
