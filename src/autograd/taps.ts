/** Taps: who wants to know a parameter's gradient while a backward is still under way. */
import { type Tensor, view } from '../tensor/tensor.js'
import { Call } from './call.js'
import { defineOperation } from './operation.js'

/**
 * Takes the gradient of what a graph makes of a leaf, as soon as all of it is there. The leaf's `grad` is then whoever's
 * took it to set.
 */
export type Tap = (gradient: Tensor) => void

/** Gives the leaf itself, and takes its gradient. */
const tapOperation = defineOperation<Tap>({
  name: 'gradientTap',
  inputs: { x: 'rows' },
  output: 'rows',
  gradients: { x: [] },
  shape: ([x]) => x.shape,
  view,
  backward(call) {
    call.attributes(call.dy)
    call.skip(0)
  },
})

/**
 * Puts taps into a recorded graph: each in front of the first call that takes its leaf, so that a backward, which goes
 * from the last call to the first, comes to it when the leaf's gradient is complete, and long before it comes to its end.
 *
 * @param outputs what the graph gives
 * @param tapOf what is to take the gradient of a leaf; undefined for others
 * @returns how many there are
 */
export function tapGradients(outputs: readonly Tensor[], tapOf: (leaf: Tensor) => Tap | undefined): number {
  const users = new Map<Tensor, Call[]>()
  for (const call of callsBehind(outputs)) {
    for (const source of new Set(call.sources)) {
      if (!source?.requiresGrad || source.producer) continue
      const known = users.get(source)
      if (known) known.push(call)
      else users.set(source, [call])
    }
  }
  let count = 0
  for (const [leaf, calls] of users) {
    const tap = tapOf(leaf)
    if (!tap) continue
    const inserted = new Call(tapOperation, [leaf], tap, leaf.shape)
    const tapped = inserted.compute()
    inserted.end(true)
    inserted.sequence = Math.min(...calls.map(({ sequence }) => sequence)) - 0.5
    tapped.requiresGrad = true
    tapped.producer = inserted
    for (const call of calls) {
      call.sources = call.sources.map((source) => (source === leaf ? tapped : source))
    }
    count++
  }
  return count
}

function callsBehind(outputs: readonly Tensor[]): Set<Call> {
  const found = new Set<Call>()
  const enter = (x: Tensor | undefined) => {
    if (x?.producer instanceof Call) found.add(x.producer)
  }
  for (const output of outputs) enter(output)
  // (What is added while it runs is visited too.)
  for (const call of found) for (const source of call.sources) enter(source)
  return found
}
