/** Whether all ranks have the same net, and how they come to the same start. */
import type { AnyModule } from '../nn/module.js'
import { MPIError } from './errors.js'
import type { World } from './world.js'

/** A line for each parameter and buffer. */
const linesOf = (net: AnyModule): string[] =>
  Object.entries(net.stateDict()).map(([name, { shape }]) => `${name} [${shape}]`)

/**
 * Compares each rank's net with rank 0's, before anything is changed.
 *
 * @throws {MPIError} in all ranks, where parameters and buffers differ in names, shapes or order in one of them
 */
export function checkAgreement(world: World, net: AnyModule): void {
  const own = linesOf(net)
  const theirs = JSON.parse(broadcastText(world, JSON.stringify(own))) as string[]
  const at = Math.max(own.length, theirs.length)
  const first = Array.from({ length: at }, (_, i) => i).find((i) => own[i] !== theirs[i]) ?? -1
  const found = world.gatherNumbers(Float64Array.of(first), new Array(world.size).fill(1))
  const rank = found.findIndex((i) => i >= 0)
  if (rank < 0) return
  const here =
    first < 0
      ? `rank ${rank} has another one`
      : `rank 0 has ${theirs[first] ?? 'nothing'}, rank ${world.rank} has ${own[first] ?? 'nothing'}`
  throw new MPIError(
    `DistributedDataParallel: the ranks' nets differ, first in parameter or buffer ${found[rank]}: ${here}; make the same net in all ranks`,
    'ranks-differ',
  )
}

function broadcastText(world: World, text: string): string {
  const { communicator } = world
  const bytes = new TextEncoder().encode(text)
  const length = Float64Array.of(bytes.length)
  communicator.broadcast(length, 0)
  const all = new Uint8Array(length[0])
  if (world.rank === 0) all.set(bytes)
  communicator.broadcast(all, 0)
  return new TextDecoder().decode(all)
}
