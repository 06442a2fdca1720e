/** Batch norm over all processes of a job. A class of its own: a page with ordinary batch norm does not download it. */
import { addAll, type Exchange, syncBatchNorm } from '../autograd/ops/sync-batch-norm.js'
import { currentShards, currentWeight } from '../autograd/shards.js'
import { isRecording } from '../autograd/tape.js'
import { kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import type { Tensor } from '../tensor/tensor.js'
import { BatchNorm, BatchNorm1d, BatchNorm2d, BatchNorm3d, type BatchNormLayerOptions } from './batch-norm.js'
import { checkInput } from './layer.js'
import { type AnyModule, Module } from './module.js'

/** The processes that normalise together: what `mpi()` of simdgrad/distributed gives. */
export interface ProcessGroup {
  /** This process, from 0. */
  readonly rank: number
  /** How many there are. */
  readonly size: number
  /** The numbers of all processes, in their order; `counts` says how many each has. @internal */
  gatherNumbers(own: Float64Array, counts: readonly number[]): Float64Array
  /** Overwrites numbers with their sums over all processes. @internal */
  sumNumbers(values: Float64Array): void
}

/** Options of SyncBatchNorm. */
export interface SyncBatchNormLayerOptions extends BatchNormLayerOptions {
  /** The processes that normalise together. Default: all, once `mpi()` has been called; before that, this one alone. */
  processGroup?: ProcessGroup
}

let everybody: ProcessGroup | undefined

/** Sets who normalises together where nobody says so. */
export function setDefaultProcessGroup(group: ProcessGroup): void {
  everybody = group
}

/** (On the class itself, and not among its private fields: a layer may have become one.) */
const groups = new WeakMap<SyncBatchNorm, ProcessGroup>()

/**
 * Batch normalisation of (N, C) and (N, C, …) in which training normalises with the statistics of all processes' batches
 * together: as BatchNorm1d, 2d and 3d with the whole batch in one process. The batches may differ in size, and one may be
 * empty. Forward gathers count, mean and squared deviations of each process, backward adds up two sums a channel. In
 * evaluation, in a world of one, and in a state dict, it is batch norm.
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.SyncBatchNorm.html
 */
export class SyncBatchNorm extends BatchNorm {
  protected override readonly ranks: readonly number[] = [2, 3, 4, 5]

  /**
   * @param numFeatures channels C of the input, at least 1
   * @param options processGroup, and those of BatchNorm1d
   * @throws {ArgumentError} for an option that is unknown or out of range
   */
  constructor(numFeatures: number, options: SyncBatchNormLayerOptions = {}) {
    const { processGroup, ...rest } = Object(options) as SyncBatchNormLayerOptions
    super(numFeatures, rest)
    if (processGroup !== undefined) setGroup(this, processGroup)
  }

  /** The processes that normalise together; undefined where this one is alone. */
  get processGroup(): ProcessGroup | undefined {
    return groups.get(this) ?? everybody
  }

  /**
   * The batch, normalised with all processes' in training, and in training the running statistics moved.
   *
   * @param x (N, C) or (N, C, …), C being `numFeatures`
   * @returns the shape of `x`
   * @throws {ShapeError} for another shape, or in training for one value per channel in all processes together
   */
  override forward(x: Tensor): Tensor {
    const { processGroup, runningMean, runningVar, numBatchesTracked, weight, bias, eps } = this
    const shards = currentShards()
    const training = this.training || !runningMean
    if (!training || (!shards && (processGroup?.size ?? 1) === 1)) return super.forward(x)
    const name = `${this.constructor.name}(${this.numFeatures})`
    checkInput(name, x, this.ranks, this.numFeatures, `${this.numFeatures} features`)
    if (isRecording()) this.mostTogether = Math.max(this.mostTogether, x.shape[0])
    const exchange = shards ?? exchangeOf(processGroup as ProcessGroup, currentWeight())
    const moved = this.training ? { runningMean, runningVar, numBatchesTracked } : {}
    const options = {
      ...{ weight, bias, eps, name, momentum: () => this.momentum },
      ...{ runningMean: undefined, runningVar: undefined, numBatchesTracked: undefined, ...moved },
    }
    if (shards) {
      const inPart = (parameter: Tensor, i: number) => shards.partsOf(parameter)[i]
      return shards.together(x, (xs) => syncBatchNorm(xs, exchange, { ...options, inPart }))
    }
    return syncBatchNorm([x], exchange, options)[0]
  }

  /**
   * Makes the batch norm layers of a net, BatchNorm1d, 2d and 3d, ones that normalise over all processes. The layers
   * themselves become it, with their parameters, buffers, hooks, and places in the net. (Ghost batch norm and batch
   * renormalisation stay what they are.)
   * https://docs.pytorch.org/docs/stable/generated/torch.nn.SyncBatchNorm.html#torch.nn.SyncBatchNorm.convert_sync_batchnorm
   *
   * @param net any module, or a layer
   * @param processGroup the processes that normalise together. Default: all
   * @returns the net
   * @throws {ArgumentError} for what is no module
   */
  static convert<M extends AnyModule>(net: M, processGroup?: ProcessGroup): M {
    if (!(net instanceof Module)) {
      throw new ArgumentError(`SyncBatchNorm.convert: expected a Module, got ${kindOf(net)}`)
    }
    if (processGroup !== undefined) checkGroup(processGroup)
    for (const [, module] of net.namedModules()) {
      const kind: unknown = module.constructor
      if (kind === BatchNorm1d || kind === BatchNorm2d || kind === BatchNorm3d) {
        // Whoever has the layer has one that is synchronised; the shapes that it takes stay its own.
        Object.setPrototypeOf(module, SyncBatchNorm.prototype)
      }
      if (processGroup !== undefined && module instanceof SyncBatchNorm) setGroup(module, processGroup)
    }
    return net
  }

  /** @internal */
  override get libraryForward(): unknown {
    return SyncBatchNorm.prototype.forward
  }
}

function setGroup(layer: SyncBatchNorm, group: ProcessGroup): void {
  checkGroup(group)
  groups.set(layer, group)
}

/** @throws {ArgumentError} for what is no world */
function checkGroup(group: ProcessGroup): void {
  if (typeof group?.gatherNumbers === 'function') return
  throw new ArgumentError(
    `SyncBatchNorm: processGroup is what mpi() of simdgrad/distributed gives, got ${kindOf(group)}`,
  )
}

/**
 * Each process has one part. Where gradients are averaged by `weight` later on, the sums of others, which enter this
 * one's gradients, come in its own measure.
 */
const exchangeOf = (group: ProcessGroup, weight: number): Exchange => ({
  gather([own]) {
    const { length } = own
    const all = group.gatherNumbers(own, new Array(group.size).fill(length))
    return Array.from({ length: group.size }, (_, i) => all.subarray(i * length, (i + 1) * length))
  },
  sum(parts) {
    // (A weight of 0 is that of no sample, and nobody reads the result.)
    const total = addAll(parts).map((value) => (weight === 0 ? 0 : value * weight))
    group.sumNumbers(total)
    return total.map((value) => value / (weight || 1))
  },
})
