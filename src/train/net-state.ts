/** What a look at a net may change and has to put back: modes and buffers. */
import { keepModes } from '../nn/modes.js'
import type { AnyModule } from '../nn/module.js'
import { zeros } from '../tensor/create.js'

/** Takes a net's modes and buffers down; what it gives puts them back. */
export function keepState(net: AnyModule): { restoreModes(): void; restoreBuffers(): void } {
  const restoreModes = keepModes(net)
  const buffers = net.buffers().map((buffer) => {
    return { buffer, version: buffer.version, values: zeros(buffer.shape).copy_(buffer) }
  })
  return {
    restoreModes,
    restoreBuffers() {
      for (const { buffer, version, values } of buffers) {
        if (buffer.version === version) continue
        buffer.copy_(values)
        // The values are those of that version again: what counts changes, or remembers them, need not mind.
        buffer.storage.version = version
      }
    },
  }
}
