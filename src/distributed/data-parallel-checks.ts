/** What can't be right for DistributedDataParallel. */
import { ArgumentError } from '../errors.js'
import { BatchNorm } from '../nn/batch-norm.js'
import type { AnyModule } from '../nn/module.js'
import { SyncBatchNorm } from '../nn/sync-batch-norm.js'
import { eachTensor } from '../tensor/scope.js'

/** @throws {ArgumentError} for statistics that would be one shard's own */
export function checkNorms(net: AnyModule): void {
  const own = net
    .namedModules()
    .find(([, one]) => one instanceof BatchNorm && !(one instanceof SyncBatchNorm))
  if (!own) return
  const [path, layer] = own
  throw new ArgumentError(
    `DistributedDataParallel: in deterministic training batch norm has the statistics of all shards, and ${layer.constructor.name} (${path}) does not; nn.SyncBatchNorm.convert(net) makes it one that does`,
  )
}

/** How many samples the first tensor of the inputs has. @throws {ArgumentError} for none */
export function samplesOf(inputs: readonly unknown[]): number {
  let samples: number | undefined
  eachTensor(inputs, ({ shape }) => {
    samples ??= shape[0]
  })
  if (samples !== undefined) return samples
  throw new ArgumentError(
    'DistributedDataParallel: forward needs a tensor with the samples in front, [N, …]: gradients are weighted by their number',
  )
}
