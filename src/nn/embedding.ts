import {
  checkEmbedding,
  clearRow,
  EMBEDDING_OPTIONS,
  type EmbeddingOptions,
  embeddingFor,
  paddingRow,
} from '../autograd/ops/embedding.js'
import { checkNumber, checkOptions } from '../check.js'
import { randn } from '../tensor/random.js'
import type { Tensor } from '../tensor/tensor.js'
import { Module, Parameter } from './module.js'

/** Options of Embedding. */
export interface EmbeddingLayerOptions extends EmbeddingOptions {
  /** The row that is 0 in the beginning and gets no gradient, −1 being the last. Default: none. */
  paddingIdx?: number
}

/**
 * A trained row for each index. Initial rows are normal, of mean 0 and variance 1; the padding row is 0.
 * https://pytorch.org/docs/stable/generated/torch.nn.Embedding.html
 */
export class Embedding extends Module {
  /** [numEmbeddings, embeddingDim]. */
  readonly weight: Parameter
  /** The row without a gradient, counted from 0; null where there is none. */
  readonly paddingIdx: number | null
  /** The largest norm of a row; null for any. */
  readonly maxNorm: number | null
  /** Which norm. */
  readonly normType: number
  /** Whether a row's gradient is divided by how often the row was looked up. */
  readonly scaleGradByFreq: boolean

  /**
   * @param numEmbeddings how many rows: the indices are below it
   * @param embeddingDim the length of a row
   * @param options paddingIdx, maxNorm, normType, scaleGradByFreq
   * @throws {ArgumentError} for a size below 1, or a padding row that is not there
   */
  constructor(
    readonly numEmbeddings: number,
    readonly embeddingDim: number,
    options: EmbeddingLayerOptions = {},
  ) {
    super()
    checkNumber('Embedding', 'numEmbeddings', numEmbeddings, { least: 1, whole: true })
    checkNumber('Embedding', 'embeddingDim', embeddingDim, { least: 1, whole: true })
    checkOptions('Embedding', options, EMBEDDING_OPTIONS)
    checkEmbedding('Embedding', options)
    const padding = paddingRow('Embedding', options.paddingIdx, numEmbeddings)
    const weight = randn([numEmbeddings, embeddingDim])
    if (padding !== undefined) clearRow(weight, padding)
    this.weight = new Parameter(weight)
    this.paddingIdx = padding ?? null
    this.maxNorm = options.maxNorm ?? null
    this.normType = options.normType ?? 2
    this.scaleGradByFreq = options.scaleGradByFreq ?? false
  }

  /**
   * `embedding(input, weight, options)`.
   *
   * @param input whole numbers from 0 to below numEmbeddings, of any shape
   * @returns [...input's shape, embeddingDim]
   * @throws {ArgumentError} for an index that is no row, which the message names
   */
  override forward(input: Tensor): Tensor {
    const { weight, paddingIdx, maxNorm, normType, scaleGradByFreq } = this
    return embeddingFor('Embedding', input, weight, {
      ...(paddingIdx === null ? {} : { paddingIdx }),
      ...(maxNorm === null ? {} : { maxNorm }),
      ...{ normType, scaleGradByFreq },
    })
  }

  /** @internal */
  override get libraryForward(): unknown {
    return Embedding.prototype.forward
  }

  override extraRepr(): string {
    const { numEmbeddings, embeddingDim, paddingIdx, maxNorm, normType, scaleGradByFreq } = this
    return [
      `${numEmbeddings}, ${embeddingDim}`,
      ...(paddingIdx === null ? [] : [`paddingIdx=${paddingIdx}`]),
      ...(maxNorm === null ? [] : [`maxNorm=${maxNorm}`]),
      ...(normType === 2 ? [] : [`normType=${normType}`]),
      ...(scaleGradByFreq ? ['scaleGradByFreq=true'] : []),
    ].join(', ')
  }
}
