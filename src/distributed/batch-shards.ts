/** A rank's share of a batch as the shards that deterministic training computes one by one, and their losses. */

import { mapTensors } from '../autograd/arguments-tree.js'
import { defineOperation } from '../autograd/operation.js'
import { cat, slice } from '../autograd/ops/rearrange.js'
import { addAll } from '../autograd/ops/sync-batch-norm.js'
import { Sharded, Shards } from '../autograd/shards.js'
import { noGrad, run } from '../autograd/tape.js'
import { fill } from '../bindings/kernels.generated.js'
import type { Tensor } from '../tensor/tensor.js'
import { addScaled } from './buckets.js'
import type { ShardedGradients } from './sharded-gradients.js'
import type { World } from './world.js'

/** Sizes of `count` shards of so many samples: the first ones have one more where that does not come out even. */
export function shardSizes(samples: number, count: number): number[] {
  const rest = samples % count
  return Array.from({ length: count }, (_, i) => Math.floor(samples / count) + Number(i < rest))
}

/** The mean loss of a rank's samples, from those of its shards; the gradient is that of the samples' sum. */
const meanOperation = defineOperation<readonly number[]>({
  name: 'shardedMean',
  inputs: { x: 'rows' },
  variadic: true,
  output: 'rows',
  gradients: { x: [] },
  shape: () => [],
  forward({ inputs, attributes: sizes, output: { storage: y } }) {
    fill({ y, value: 0 })
    const samples = sizes.reduce((sum, size) => sum + size, 0)
    for (const [i, { storage }] of inputs.entries()) {
      // (The loss of no sample is NaN.)
      if (sizes[i] > 0) addScaled(y, storage, () => sizes[i] / samples)
    }
  },
  backward(call) {
    for (let i = 0; i < call.count; i++) {
      const gradient = call.gradient(i)
      if (!gradient) continue
      fill({ y: gradient.storage, value: 0 })
      const { [i]: size } = call.attributes
      if (size > 0) addScaled(gradient.storage, call.dy.storage, () => size)
    }
  },
})

/** The mean over the samples of all shards: of none it is 0. */
export function meanOfShards(losses: readonly Tensor[], sizes: readonly number[]): Tensor {
  return run(meanOperation, losses, sizes)
}

/** Where a backward is among those whose gradients are sent together. */
export interface Place {
  readonly first: boolean
  readonly last: boolean
}

/** One forward, and its backward. */
export class BatchShards extends Shards {
  /** Samples of each own shard. */
  readonly sizes: readonly number[]
  #begun = false

  constructor(
    readonly world: World,
    readonly gradients: ShardedGradients,
    readonly samples: number,
    readonly place: Place,
  ) {
    const [first, end] = world.shardsOf(world.rank)
    super(end - first, first)
    this.sizes = shardSizes(samples, end - first)
  }

  gather(parts: readonly Float64Array[]): readonly Float64Array[] {
    const { length } = parts[0]
    const counts = Array.from({ length: this.world.size }, (_, rank) => {
      const [first, end] = this.world.shardsOf(rank)
      return (end - first) * length
    })
    const all = this.world.gatherNumbers(Float64Array.from(parts.flatMap((part) => [...part])), counts)
    return Array.from({ length: this.world.shards }, (_, i) => all.subarray(i * length, (i + 1) * length))
  }

  sum(parts: readonly Float64Array[]): Float64Array {
    return addAll(this.gather(parts))
  }

  tapOf(leaf: Tensor, part: number): ((gradient: Tensor) => void) | undefined {
    if (!this.gradients.has(leaf)) return undefined
    return (gradient) => {
      if (!this.#begun) this.gradients.begin(this.sizes, this.place.first)
      this.#begun = true
      if (this.sizes[part] > 0) this.gradients.take(leaf, part, gradient)
    }
  }

  finish(): void {
    this.#begun = false
    if (this.place.last) this.gradients.finish()
  }

  /** What has the rank's samples in front, as shards; all else as it is. */
  cut<T>(values: T): T {
    return mapTensors(values, (x) => {
      if (x.shape[0] !== this.samples || x.shape.length === 0) return x
      let start = 0
      const parts = this.sizes.map((size) => {
        const part = slice(x, 0, start, start + size)
        start += size
        return part
      })
      return new Sharded(parts)
    }) as T
  }

  /** One tensor of all shards, without a graph: what a forward gave, for metrics. */
  join(x: Sharded): Tensor {
    return noGrad(() => cat(x.parts, 0))
  }
}
