/** Batch norm over parts of a batch. Classes of their own: a page with ordinary batch norm does not download them. */
import { cat, slice } from '../autograd/ops/rearrange.js'
import { checkNumber, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { scoped } from '../tensor/scope.js'
import type { Tensor } from '../tensor/tensor.js'
import { BatchNorm, type BatchNormLayerOptions } from './batch-norm.js'

/** Options of GhostBatchNorm1d and GhostBatchNorm2d. */
export interface GhostBatchNormLayerOptions extends BatchNormLayerOptions {
  /** Samples that are normalised together, at least 2. Has to be given. */
  virtualBatchSize: number
}

/** What GhostBatchNorm1d and GhostBatchNorm2d share. */
export abstract class GhostBatchNorm extends BatchNorm {
  /** Samples that are normalised together. */
  readonly virtualBatchSize: number

  /**
   * @param numFeatures channels C of the input, at least 1
   * @param options virtualBatchSize, and those of BatchNorm1d
   * @throws {ArgumentError} without virtualBatchSize, or for an option that is unknown or out of range
   */
  constructor(numFeatures: number, options: GhostBatchNormLayerOptions) {
    const { virtualBatchSize, ...rest } = Object(options) as GhostBatchNormLayerOptions
    super(numFeatures, rest)
    const name = this.constructor.name
    if (virtualBatchSize === undefined) {
      throw new ArgumentError(
        `${name}: virtualBatchSize has to be given, as { virtualBatchSize: 32 }, got ${kindOf(options)}`,
      )
    }
    checkNumber(name, 'virtualBatchSize', virtualBatchSize, { least: 2, whole: true })
    this.virtualBatchSize = virtualBatchSize
  }

  /**
   * In training each part of the batch is normalised by itself, and moves the running statistics; a last part of less
   * than half the size is joined to the one before. In evaluation it is batch norm.
   *
   * @param x of the class's shapes, C being `numFeatures`
   * @returns the shape of `x`
   * @throws {ShapeError} for another shape, or in training for one value per channel
   */
  override forward(x: Tensor): Tensor {
    const parts = this.training ? partsOf(x, this.virtualBatchSize) : 1
    if (parts < 2) return super.forward(x)
    const [n] = x.shape
    return scoped(() =>
      cat(
        Array.from({ length: parts }, (_, i) => {
          const end = i + 1 < parts ? (i + 1) * this.virtualBatchSize : n
          return super.forward(slice(x, 0, i * this.virtualBatchSize, end))
        }),
        0,
      ),
    )
  }

  /** @internal */
  override get libraryForward(): unknown {
    return GhostBatchNorm.prototype.forward
  }

  /** The options, as the net is printed. */
  override extraRepr(): string {
    return `${super.extraRepr()}, virtualBatchSize=${this.virtualBatchSize}`
  }
}

function partsOf(x: unknown, size: number): number {
  const n = (x as Tensor | undefined)?.shape?.[0] ?? 0
  return Math.floor(n / size) + (2 * (n % size) >= size && n % size > 1 ? 1 : 0)
}

/**
 * Ghost batch norm of (N, C) or (N, C, L): in training, batch norm over each `virtualBatchSize` samples of a batch by
 * themselves, which keeps in large batches the noise, and often the accuracy, of small ones. Each part moves the running
 * statistics, one after the other: with k parts, momentum m and means μ₁ … μₖ
 *
 *   running = (1 − m)ᵏ · running + Σᵢ (1 − m)ᵏ⁻ⁱ · m · μᵢ
 *
 * (Hoffer, Hubara and Soudry, 2017, https://arxiv.org/abs/1705.08741, algorithm 1; theirs weighs the parts in the other
 * order.) In evaluation, and in a state dict, it is BatchNorm1d.
 */
export class GhostBatchNorm1d extends GhostBatchNorm {
  protected override readonly ranks = [2, 3]
}

/** Ghost batch norm of (N, C, H, W): see GhostBatchNorm1d. */
export class GhostBatchNorm2d extends GhostBatchNorm {
  protected override readonly ranks = [4]
}
