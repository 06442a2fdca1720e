/** The entry of the package for browsers. */
import { setPlatform } from './bindings/platform.js'
import { webPlatform } from './bindings/platform.web.js'
import { decodeState, encodeStateFor } from './io/state.js'
import type { StateDict } from './nn/module.js'

setPlatform(webPlatform)

export * as data from './data/index.js'
export * from './public.js'

/** The state dict in a safetensors file's bytes. @throws {DataError} if they are none */
export async function loadSafetensors(bytes: Uint8Array): Promise<StateDict> {
  return decodeState(bytes)
}

/**
 * A state dict as the bytes of a safetensors file.
 *
 * @param state such as `net.stateDict()`
 * @throws {ArgumentError} for what is no object of tensors
 */
export function saveSafetensors(state: StateDict): Uint8Array {
  return encodeStateFor('saveSafetensors', state)
}
