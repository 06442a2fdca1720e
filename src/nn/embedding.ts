import { clearRow, embeddingFor, paddingRow } from '../autograd/ops/embedding.js'
import { checkNumber, checkOptions } from '../check.js'
import { randn } from '../tensor/random.js'
import type { Tensor } from '../tensor/tensor.js'
import { Module, Parameter } from './module.js'

/** Options of Embedding. */
export interface EmbeddingLayerOptions {
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

  /**
   * @param numEmbeddings how many rows: the indices are below it
   * @param embeddingDim the length of a row
   * @param options paddingIdx
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
    checkOptions('Embedding', options, ['paddingIdx'])
    const padding = paddingRow('Embedding', options.paddingIdx, numEmbeddings)
    const weight = randn([numEmbeddings, embeddingDim])
    if (padding !== undefined) clearRow(weight, padding)
    this.weight = new Parameter(weight)
    this.paddingIdx = padding ?? null
  }

  /**
   * `embedding(input, weight, { paddingIdx })`.
   *
   * @param input whole numbers from 0 to below numEmbeddings, of any shape
   * @returns [...input's shape, embeddingDim]
   * @throws {ArgumentError} for an index that is no row, which the message names
   */
  override forward(input: Tensor): Tensor {
    const { weight, paddingIdx } = this
    return embeddingFor('Embedding', input, weight, paddingIdx === null ? {} : { paddingIdx })
  }

  /** @internal */
  override get libraryForward(): unknown {
    return Embedding.prototype.forward
  }

  override extraRepr(): string {
    const { numEmbeddings, embeddingDim, paddingIdx } = this
    return `${numEmbeddings}, ${embeddingDim}${paddingIdx === null ? '' : `, paddingIdx=${paddingIdx}`}`
  }
}
