/** The entry of the package for Node, Bun and Deno. */
import { setPlatform } from './bindings/platform.js'
import { nodePlatform } from './bindings/platform.node.js'

setPlatform(nodePlatform)

export * as data from './data/index.node.js'
export {
  loadMetadata,
  loadPyTorch,
  loadPyTorchTree,
  loadSafetensors,
  saveSafetensors,
} from './io/files.node.js'
export * from './public.js'
export * as callbacks from './train/callbacks/index.node.js'
