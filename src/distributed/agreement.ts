/** Whether all ranks have the same net, and how they come to the same start. */
import type { AnyModule } from '../nn/module.js'
import { MPIError } from './errors.js'
import type { World } from './world.js'

/** A line for each parameter and buffer, and how gradients are sent. */
function linesOf(net: AnyModule, sends: string): string[] {
  const frozen = new Set(net.namedParameters().flatMap(([name, one]) => (one.requiresGrad ? [] : [name])))
  const all = Object.entries(net.stateDict())
  return [...all.map(([name, { shape }]) => `${name} [${shape}]${frozen.has(name) ? ', frozen' : ''}`), sends]
}

/**
 * Compares each rank's net with rank 0's, before anything is changed.
 *
 * @param sends how gradients are sent, in words
 * @throws {MPIError} in all ranks, where parameters and buffers differ in names, shapes, order or what is frozen in one of
 *   them, or gradients are sent otherwise
 */
export function checkAgreement(world: World, net: AnyModule, sends: string): void {
  const own = linesOf(net, sends)
  const sent = world.broadcastBytes(new TextEncoder().encode(JSON.stringify(own)))
  const theirs = JSON.parse(new TextDecoder().decode(sent)) as string[]
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
