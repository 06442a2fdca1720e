import { ArgumentError } from '../errors.js'
import type { AnyModule } from '../nn/module.js'

/** Modules whose mode and statistics a loop is using now. */
const inUse = new WeakSet<AnyModule>()

/**
 * Runs a loop over a net that no other loop may use meanwhile: a second one would set the mode, and move running
 * statistics, under the first one's feet.
 *
 * @param name of the loop, for errors
 * @throws {ArgumentError} where another loop has the net, a part of it, or a net that it is a part of
 */
export async function exclusively<T>(name: string, net: AnyModule, run: () => Promise<T>): Promise<T> {
  const modules = net.namedModules().map(([, module]) => module)
  if (modules.some((module) => inUse.has(module))) {
    throw new ArgumentError(
      `${name}: another fit or recalibrate has this net, or a part of it; await that first`,
    )
  }
  for (const module of modules) inUse.add(module)
  try {
    return await run()
  } finally {
    for (const module of modules) inUse.delete(module)
  }
}
