/**
 * What a net's forward does, seen by running it once: which module was called with which tensors and gave which, by
 * hooks; and which operations read a tensor on the way to the result, by the graph that is recorded for backward. A net
 * written in `forward()` shows itself as a Sequential does.
 */
import { mul } from '../autograd/ops/arithmetic.js'
import { isRecording } from '../autograd/tape.js'
import { zeros } from '../tensor/create.js'
import { keepingStream } from '../tensor/random.js'
import { eachTensor } from '../tensor/scope.js'
import type { Producer, Tensor } from '../tensor/tensor.js'
import { keepModes } from './modes.js'
import type { AnyModule } from './module.js'

/** One call of a module's forward. */
export interface ModuleCall {
  module: AnyModule
  /** The tensors that it was given, and those that it gave. */
  inputs: readonly Tensor[]
  outputs: readonly Tensor[]
}

/** What was seen. */
export interface Trace {
  /** In the order in which they ended: a module's after those inside of it. */
  calls: readonly ModuleCall[]
  /** The operations that made what the net gave, directly or not. */
  producers: ReadonlySet<Producer>
  /** What the net gave. */
  outputs: readonly Tensor[]
}

/** An operation's name, such as 'relu'; undefined for a custom function. */
export function nameOf(producer: Producer | undefined): string | undefined {
  const operation: unknown = producer && 'operation' in producer ? producer.operation : undefined
  return (operation as { name?: string } | undefined)?.name
}

/**
 * Runs `net.forward(...inputs)` in evaluation mode, and leaves the net as it was (but for buffers that evaluation writes).
 *
 * @param inputs the forward's arguments
 * @param reaching a tensor among them that gradients are to flow to, so that all that depends on it is seen
 */
export function trace(net: AnyModule, inputs: readonly unknown[], reaching?: Tensor): Trace {
  if (!isRecording()) throw new Error('a trace needs the tape')
  const modules = [...new Set(net.namedModules().map(([, module]) => module))]
  const restore = keepModes(net)
  // What is not trained is recorded all the same.
  const frozen = net.parameters().filter(({ requiresGrad }) => !requiresGrad)
  const calls: ModuleCall[] = []
  const handles = modules.map((module) =>
    module.registerForwardHook((_, given, output) => {
      calls.push({ module, inputs: tensorsIn(given), outputs: tensorsIn(output) })
    }),
  )
  try {
    for (const parameter of frozen) parameter.requiresGrad = true
    if (reaching) reaching.requiresGrad = true
    net.eval()
    const outputs = tensorsIn(keepingStream(() => Reflect.apply(net.forward, net, inputs)))
    return { calls, outputs, producers: producersOf(outputs) }
  } finally {
    for (const handle of handles) handle.remove()
    for (const parameter of frozen) parameter.requiresGrad = false
    restore()
    forgetPending()
  }
}

/** No backward follows: what was recorded since the last one is not waited for. */
export function forgetPending(): void {
  const leaf = zeros([])
  leaf.requiresGrad = true
  mul(leaf, 1).backward()
}

function tensorsIn(value: unknown): Tensor[] {
  const found: Tensor[] = []
  eachTensor(value, (x) => found.push(x))
  return found
}

/** The operations that made `outputs` from `inputs`, or from anything. */
function producersOf(outputs: readonly Tensor[], inputs: readonly Tensor[] = []): Set<Producer> {
  const found = new Set<Producer>()
  const waiting: (Tensor | undefined)[] = [...outputs]
  while (waiting.length > 0) {
    const x = waiting.pop()
    if (!x?.producer || found.has(x.producer) || inputs.includes(x)) continue
    found.add(x.producer)
    waiting.push(...x.producer.sources)
  }
  return found
}

/** The operations of a module's call. */
export function insideOf({ inputs, outputs }: ModuleCall): Set<Producer> {
  return producersOf(outputs, inputs)
}

/** The operations on the way to the result that read `x`. */
export function readersOf({ producers }: Trace, x: Tensor): Producer[] {
  return [...producers].filter(({ sources }) => sources.includes(x))
}
