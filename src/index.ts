/** The entry of the package for browsers. */
import { setPlatform } from './bindings/platform.js'
import { webPlatform } from './bindings/platform.web.js'

setPlatform(webPlatform)

export * as data from './data/index.js'
export {
  loadMetadata,
  loadPyTorch,
  loadPyTorchTree,
  loadSafetensors,
  saveSafetensors,
} from './io/files.web.js'
export * from './public.js'
export * as callbacks from './train/callbacks/index.web.js'
