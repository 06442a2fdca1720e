/** Whether only ReLUs read what a layer gives: a channel that is never above 0 is then dead. */
import { isRecording } from '../../autograd/tape.js'
import type { AnyModule } from '../../nn/module.js'
import { nameOf, readersOf, type Trace, trace } from '../../nn/trace.js'
import type { Producer, Tensor } from '../../tensor/tensor.js'
import type { NormLayer } from './norm-layers.js'

/** Operations that cut off what is below 0. */
const RELUS = ['relu', 'relu6']
/** Operations of which nothing above 0 comes where nothing above 0 goes in, and that keep the channels. */
const PASSING = ['maxPool2d', 'maxPool1d', 'dropout']

export function hasReluBehind(net: AnyModule, layers: readonly NormLayer[], x: Tensor): boolean[] {
  if (!isRecording()) return layers.map(() => false)
  const seen = trace(net, [x])
  return layers.map(({ module }) => {
    const calls = seen.calls.filter((call) => call.module === module)
    return (
      calls.length > 0 &&
      calls.every(({ outputs: [y] }) => y !== undefined && onlyRelus(seen, readersOf(seen, y)))
    )
  })
}

function onlyRelus(seen: Trace, readers: readonly Producer[], depth = 0): boolean {
  if (readers.length === 0 || depth > 3) return false
  return readers.every((reader) => {
    const name = nameOf(reader)
    if (name === undefined) return false
    if (RELUS.includes(name)) return true
    return PASSING.includes(name) && onlyRelus(seen, readersBehind(seen, reader), depth + 1)
  })
}

function readersBehind({ producers }: Trace, of: Producer): Producer[] {
  return [...producers].filter(({ sources }) => sources.some((source) => source?.producer === of))
}
