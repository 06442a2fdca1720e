/** The encoder of a transformer (Vaswani et al., 2017). */
import { add } from '../autograd/ops/arithmetic.js'
import { gelu } from '../autograd/ops/gelu.js'
import { relu } from '../autograd/ops/unary.generated.js'
import { checkBoolean, checkNumber, checkOptions, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { scoped } from '../tensor/scope.js'
import type { Tensor } from '../tensor/tensor.js'
import type { AttentionMasks } from './attention-masks.js'
import { callForward } from './layer.js'
import { LayerNorm } from './layer-norm.js'
import { Dropout } from './layers.js'
import { Linear } from './linear.js'
import { type AnyModule, Module } from './module.js'
import { ModuleList } from './module-list.js'
import { MultiheadAttention } from './multihead-attention.js'

/** Options of TransformerEncoderLayer. */
export interface TransformerEncoderLayerOptions {
  /** Size between the two linear layers. Default 2048. */
  dimFeedforward?: number
  /** Probability of all dropouts. Default 0.1. */
  dropout?: number
  /** The function between the two linear layers, 'relu' or 'gelu'. Default 'relu'. */
  activation?: 'relu' | 'gelu'
  /** Added to the variances of the layer norms. Default 1e-5. */
  layerNormEps?: number
  /** Whether inputs and outputs are [N, T, E] instead of [T, N, E]. Default false. */
  batchFirst?: boolean
  /** Whether each layer norm comes before its part instead of after it. Default false. */
  normFirst?: boolean
  /** Whether linear layers and layer norms have biases. Default true. */
  bias?: boolean
}

const LAYER_OPTIONS = [
  'dimFeedforward',
  'dropout',
  'activation',
  'layerNormEps',
  'batchFirst',
  'normFirst',
  'bias',
]

/** Which steps see which: PyTorch's src_mask, src_key_padding_mask and is_causal. */
export interface EncoderMasks {
  /** [T, T] or [N · heads, T, T]: see `maskType`. Default null. */
  srcMask?: Tensor | null
  /** What the numbers of `srcMask` say: see `maskType` of MultiheadAttention's forward. Needed with a `srcMask`. */
  maskType?: AttentionMasks['maskType']
  /** [N, T], without a batch [T]: 1 for steps that nobody sees, 0 for all others. Default null. */
  srcKeyPaddingMask?: Tensor | null
  /** Whether step i sees the steps up to i only. Default false. */
  isCausal?: boolean
}

const MASKS = ['srcMask', 'maskType', 'srcKeyPaddingMask', 'isCausal']

/**
 * A layer of the encoder: self-attention, then two linear layers, each with dropout, around it a sum with what came in,
 * and a layer norm. https://pytorch.org/docs/stable/generated/torch.nn.TransformerEncoderLayer.html
 */
export class TransformerEncoderLayer extends Module<[src: Tensor, options?: EncoderMasks], Tensor> {
  /** The attention of steps to each other. */
  readonly selfAttn: MultiheadAttention
  /** dModel → dimFeedforward. */
  readonly linear1: Linear
  /** Behind the activation. */
  readonly dropout: Dropout
  /** dimFeedforward → dModel. */
  readonly linear2: Linear
  /** Of the attention's part. */
  readonly norm1: LayerNorm
  /** Of the linear layers' part. */
  readonly norm2: LayerNorm
  /** Behind the attention. */
  readonly dropout1: Dropout
  /** Behind the linear layers. */
  readonly dropout2: Dropout
  /** 'relu' or 'gelu'. */
  readonly activation: 'relu' | 'gelu'
  /** Whether each layer norm comes before its part. */
  readonly normFirst: boolean
  readonly #options: TransformerEncoderLayerOptions

  /**
   * @param dModel E, the size of a step
   * @param nhead heads of the attention, which divide E
   * @param options dimFeedforward, dropout, activation, layerNormEps, batchFirst, normFirst, bias
   * @throws {ArgumentError} for a size that does not fit, or an option that is unknown or out of range
   */
  constructor(
    readonly dModel: number,
    readonly nhead: number,
    options: TransformerEncoderLayerOptions = {},
  ) {
    super()
    const name = 'TransformerEncoderLayer'
    checkOptions(name, options, LAYER_OPTIONS)
    const { dimFeedforward = 2048, dropout = 0.1, activation = 'relu', layerNormEps = 1e-5 } = options
    const { batchFirst = false, normFirst = false, bias = true } = options
    checkNumber(name, 'dimFeedforward', dimFeedforward, { least: 1, whole: true })
    checkNumber(name, 'dropout', dropout, { least: 0, most: 1 })
    checkNumber(name, 'layerNormEps', layerNormEps, { least: 0 })
    checkBoolean(name, 'normFirst', normFirst)
    if (activation !== 'relu' && activation !== 'gelu') {
      throw new ArgumentError(`${name}: activation is 'relu' or 'gelu', got ${kindOf(activation)}`)
    }
    this.#options = { ...options }
    this.activation = activation
    this.normFirst = normFirst
    this.selfAttn = new MultiheadAttention(dModel, nhead, { dropout, bias, batchFirst })
    this.linear1 = new Linear(dModel, dimFeedforward, { bias })
    this.dropout = new Dropout(dropout)
    this.linear2 = new Linear(dimFeedforward, dModel, { bias })
    this.norm1 = new LayerNorm(dModel, { eps: layerNormEps, bias })
    this.norm2 = new LayerNorm(dModel, { eps: layerNormEps, bias })
    this.dropout1 = new Dropout(dropout)
    this.dropout2 = new Dropout(dropout)
  }

  /**
   * Attention, linear layers, norms and sums.
   *
   * @param src [T, N, E], with `batchFirst` [N, T, E]; without a batch [T, E]
   * @param options srcMask, maskType, srcKeyPaddingMask, isCausal
   * @returns the shape of `src`
   * @throws {ShapeError} for an input or masks of other shapes
   * @throws {ArgumentError} for an option that is unknown or out of range
   */
  override forward(src: Tensor, options: EncoderMasks = {}): Tensor {
    checkOptions('TransformerEncoderLayer', options, MASKS)
    return scoped(() => {
      const { norm1, norm2 } = this
      if (this.normFirst) {
        const x = add(src, this.#attention(callForward(norm1, src), options))
        return add(x, this.#feedForward(callForward(norm2, x)))
      }
      const x = callForward(norm1, add(src, this.#attention(src, options)))
      return callForward(norm2, add(x, this.#feedForward(x)))
    })
  }

  #attention(x: Tensor, { srcMask, maskType, srcKeyPaddingMask, isCausal }: EncoderMasks): Tensor {
    const masks = {
      needWeights: false,
      ...(srcMask ? { attnMask: srcMask } : {}),
      ...(maskType ? { maskType } : {}),
      ...(srcKeyPaddingMask ? { keyPaddingMask: srcKeyPaddingMask } : {}),
      ...(isCausal === undefined ? {} : { isCausal }),
    }
    const [y] = callForward(this.selfAttn, x, x, x, masks)
    return callForward(this.dropout1, y)
  }

  #feedForward(x: Tensor): Tensor {
    const apply = this.activation === 'relu' ? relu : gelu
    const inner = callForward(this.dropout, apply(callForward(this.linear1, x)))
    return callForward(this.dropout2, callForward(this.linear2, inner))
  }

  /** One of its class whose fields are to be copied from this one (copy.ts). @internal */
  blank(): AnyModule {
    const given = [this.dModel, this.nhead, this.#options]
    return Reflect.construct(TransformerEncoderLayer, given, this.constructor)
  }

  /** Another layer with the same options and values. @internal */
  copy(): TransformerEncoderLayer {
    const copy = new TransformerEncoderLayer(this.dModel, this.nhead, this.#options)
    copy.loadStateDict(this.stateDict())
    return copy.train(this.training)
  }

  /** @internal */
  override get libraryForward(): unknown {
    return TransformerEncoderLayer.prototype.forward
  }
}

/** Options of TransformerEncoder. */
export interface TransformerEncoderOptions {
  /** A layer norm behind the last layer. Default null. */
  norm?: LayerNorm | null
}

/**
 * Encoder layers one after the other. https://pytorch.org/docs/stable/generated/torch.nn.TransformerEncoder.html
 *
 * As in PyTorch the layers are copies of the one that is given, and begin with the same values; initialise them anew
 * where they should differ.
 */
export class TransformerEncoder extends Module<[src: Tensor, options?: EncoderMasks], Tensor> {
  /** The layers. */
  readonly layers: ModuleList<TransformerEncoderLayer>
  /** The layer norm behind the last, or null. */
  readonly norm: LayerNorm | null

  /**
   * @param encoderLayer the layer that is copied
   * @param numLayers how many
   * @param options norm
   * @throws {ArgumentError} for a layer that is none, a number below 1, or an unknown option
   */
  constructor(
    encoderLayer: TransformerEncoderLayer,
    readonly numLayers: number,
    options: TransformerEncoderOptions = {},
  ) {
    super()
    const name = 'TransformerEncoder'
    // (One that is derived from it could not be copied.)
    const prototype: unknown =
      encoderLayer instanceof TransformerEncoderLayer ? Object.getPrototypeOf(encoderLayer) : undefined
    if (prototype !== TransformerEncoderLayer.prototype) {
      throw new ArgumentError(
        `${name}: expected an nn.TransformerEncoderLayer to copy, got ${kindOf(encoderLayer)}; put other layers into an nn.Sequential`,
      )
    }
    checkNumber(name, 'numLayers', numLayers, { least: 1, whole: true })
    checkOptions(name, options, ['norm'])
    const { norm = null } = options
    if (norm !== null && !(norm instanceof LayerNorm)) {
      throw new ArgumentError(`${name}: norm is an nn.LayerNorm or null, got ${kindOf(norm)}`)
    }
    this.layers = new ModuleList(Array.from({ length: numLayers }, () => encoderLayer.copy()))
    this.norm = norm
  }

  /**
   * Layer after layer; errors are as of TransformerEncoderLayer.
   *
   * @param src [T, N, E], with `batchFirst` [N, T, E]; without a batch [T, E]
   * @param options srcMask, maskType, srcKeyPaddingMask, isCausal
   * @returns the shape of `src`
   */
  override forward(src: Tensor, options: EncoderMasks = {}): Tensor {
    return scoped((scope) => {
      let x = src
      for (const layer of this.layers) {
        const next = callForward(layer, x, options)
        if (x !== src) scope.release(x)
        x = next
      }
      return this.norm ? callForward(this.norm, x) : x
    })
  }

  /** @internal */
  override get libraryForward(): unknown {
    return TransformerEncoder.prototype.forward
  }
}
