/** The modes of a net's modules, taken down to be put back. */
import { askedMode } from './freeze.js'
import type { AnyModule } from './module.js'

/** Takes them down; what it gives puts them back. */
export function keepModes(net: AnyModule): () => void {
  const modules = [...new Set(net.namedModules().map(([, module]) => module))]
  const modes = modules.map(askedMode)
  return () => {
    for (const [i, module] of modules.entries()) module.training = modes[i]
  }
}
