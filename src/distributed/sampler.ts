import { mapTensors } from '../autograd/arguments-tree.js'
import { slice } from '../autograd/ops/rearrange.js'
import { kindOf } from '../check.js'
import {
  checkDataset,
  type Dataset,
  isPromise,
  OPEN,
  openDataset,
  type PassOptions,
  type Source,
} from '../data/dataset.js'
import { ArgumentError } from '../errors.js'
import { shardSizes } from './batch-shards.js'
import { World } from './world.js'

/**
 * A data set of which each rank gets its own share of every batch. A DataLoader of it has the size of the batches of all
 * ranks together, and goes through the samples as one process would: `new DataLoader(new DistributedSampler(set, world),
 * { batchSize: 32, shuffle: true })`. So each epoch has each sample once, in one of the ranks; the last, smaller batch is
 * shared out too, and where it has fewer samples than there are ranks, some get none, [0, …]. A checkpoint fits any
 * number of ranks.
 *
 * (PyTorch's goes into the loader's `sampler`, has as many samples for each rank, some of them twice, and the loader
 * the size of one rank's batches.) All ranks have to draw the same order: call `manualSeed` with the same number, or give
 * the DataLoader a `seed`.
 * https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.distributed.DistributedSampler
 */
export class DistributedSampler<S = unknown> implements Dataset<S> {
  /** The set that has the samples. */
  readonly dataset: Dataset<S>
  readonly #world: World

  /**
   * @param dataset where the samples are
   * @param world what `mpi()` gives
   * @throws {ArgumentError} for what is no dataset with a length, or no world
   */
  constructor(dataset: Dataset<S>, world: World) {
    checkDataset('DistributedSampler', dataset)
    if (Number.isNaN((dataset as Dataset).length)) {
      throw new ArgumentError(
        `DistributedSampler: the samples of ${kindOf(dataset)} are not counted, so that they can't be shared out`,
      )
    }
    if (!(world instanceof World)) {
      throw new ArgumentError(`DistributedSampler: expected the world that mpi() gives, got ${kindOf(world)}`)
    }
    this.dataset = dataset as Dataset<S>
    this.#world = world
  }

  /** Samples in all. */
  get length(): number {
    return this.dataset.length
  }

  /** Sample `index`, whoever's it is. */
  get(index: number): S | Promise<S> {
    return this.dataset.get(index)
  }

  /** @internal */
  [OPEN](order: Uint32Array, options: PassOptions): Source {
    const source = openDataset(this.dataset as Dataset, order, options)
    return {
      batch: (first, count) => {
        const [start, end] = this.#shareOf(count)
        if (end > start) return source.batch(first + start, end - start)
        // None: of one sample, which says what they look like, nothing.
        const one = source.batch(first, 1)
        return isPromise(one) ? one.then(noneOf) : noneOf(one)
      },
      close: () => source.close(),
    }
  }

  /** How many samples this rank has in a pass with such batches. @internal */
  samplesOf({ batchSize, dropLast }: { batchSize: number; dropLast: boolean }): number {
    const own = (count: number) => {
      const [start, end] = this.#shareOf(count)
      return end - start
    }
    const rest = this.length % batchSize
    return Math.floor(this.length / batchSize) * own(batchSize) + (dropLast ? 0 : own(rest))
  }

  /** This rank's own of a batch of so many samples: those of its shards. */
  #shareOf(count: number): readonly [start: number, end: number] {
    const { rank, size, shards } = this.#world
    const sizes = shardSizes(count, shards || size)
    const upTo = (shard: number) => sizes.slice(0, shard).reduce((sum, own) => sum + own, 0)
    const [first, end] = this.#world.shardsOf(rank)
    return [upTo(first), upTo(end)]
  }
}

const noneOf = (batch: unknown): unknown => mapTensors(batch, (x) => slice(x, 0, 0, 0))
