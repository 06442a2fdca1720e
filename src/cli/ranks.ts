/** Training on several ranks, where mpirun has started the command. */
import { availableParallelism, cpus } from 'node:os'
import { DistributedDataParallel, DistributedSampler, mpi, type World } from '../distributed/index.js'
import { type data, type EpochResult, nn } from '../index.node.js'
import type { JobName } from '../nets/index.js'
import type { MnistOptions } from './options.js'

/** The ranks; undefined for a process that was started alone, which needs no MPI. */
export async function joinRanks({ deterministic }: MnistOptions): Promise<World | undefined> {
  const world = await mpi({ deterministic })
  return world.library === undefined ? undefined : world
}

/** Threads of a rank, unless the command says so: its part of the processors. */
export function threadsOf(world: World): number {
  return Math.min(availableParallelism(), Math.max(1, Math.floor(cpus().length / world.localSize)))
}

/**
 * The net under that name that ranks train: where training is deterministic, batch norm by hand, which knows only its
 * own images, makes room for the layer.
 */
export function netFor(name: JobName, world: World | undefined): JobName {
  return world && world.shards > 0 && name === 'mlp-bn' ? 'mlp-bn-layer' : name
}

/** What a net is trained with by all ranks together. */
export interface Shared {
  net: DistributedDataParallel
  /** The set, of which each rank gets its share of every batch. */
  share(set: data.Dataset): DistributedSampler
  /** How many images this rank has in a pass of each loader. */
  imagesOf(loaders: readonly data.DataLoader<unknown>[]): readonly number[]
}

/** The net, as all ranks train it, with batch norm over the images of all. */
export function shared(world: World, net: nn.Sequential): Shared {
  const together = new DistributedDataParallel(nn.SyncBatchNorm.convert(net), world)
  return {
    net: together,
    share: (set) => new DistributedSampler(set, world),
    imagesOf: (loaders) => loaders.map((loader) => (loader.dataset as DistributedSampler).samplesOf(loader)),
  }
}

/** Makes one rank's figures of an epoch those of all, by its images, of training and of validation. */
export function combine(world: World, result: EpochResult, images: readonly number[]): void {
  const figures = [
    [result.trainLoss, result.trainAcc],
    [result.validLoss, result.validAcc],
  ]
  const sums = Float64Array.from(
    figures.flatMap(([loss = 0, accuracy = 0], i) =>
      images[i] > 0 ? [loss * images[i], accuracy * images[i], images[i]] : [0, 0, 0],
    ),
  )
  world.sumNumbers(sums)
  const [trainLoss, trainRight, trained, validLoss, validRight, validated] = sums
  result.trainLoss = trainLoss / trained
  result.trainAcc = trainRight / trained
  result.validLoss = validLoss / validated
  result.validAcc = validRight / validated
  result.imagesPerSecond = trained / result.trainSeconds
}
