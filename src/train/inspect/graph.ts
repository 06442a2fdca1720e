/** Fields of modules that hold on to what was recorded: moving statistics in the graph. */

import { isRecording } from '../../autograd/tape.js'
import { BatchNorm } from '../../nn/batch-norm.js'
import type { AnyModule, Module } from '../../nn/module.js'
import { forgetPending } from '../../nn/trace.js'
import type { Producer, Tensor } from '../../tensor/tensor.js'
import { statisticsIn } from './norm-layers.js'

/** A field that grows with each step. */
export interface GrowingField {
  path: string
  field: string
  /** Recorded operations behind it, as the net was given. */
  operations: number
}

/** The fields behind which there are more operations after each training step. `x` is a batch to step with. */
export function fieldsInGraph(net: Module, x: Tensor): GrowingField[] {
  const fields = net
    .namedModules()
    .filter(([, module]) => !(module instanceof BatchNorm))
    .flatMap(([path, module]) =>
      statisticsIn(module).map((field) => ({ path, module, field, operations: behind(module, field) })),
    )
  if (!isRecording() || fields.length === 0) return []
  net.train()
  const counts = [0, 1, 2].map(() => {
    net.forward(x)
    return fields.map(({ module, field }) => behind(module, field))
  })
  forgetPending()
  return fields
    .filter((_, i) => counts[0][i] < counts[1][i] && counts[1][i] < counts[2][i])
    .map(({ path, field, operations }) => ({ path, field, operations }))
}

/** Recorded operations that a field's tensor holds on to. */
function behind(module: AnyModule, field: string): number {
  const found = new Set<Producer>()
  const waiting = [(Reflect.get(module, field) as Tensor).producer]
  while (waiting.length > 0) {
    const next = waiting.pop()
    if (!next || found.has(next)) continue
    found.add(next)
    for (const source of next.sources) waiting.push(source?.producer)
  }
  return found.size
}
