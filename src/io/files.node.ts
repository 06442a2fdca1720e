import { readFile } from 'node:fs/promises'
import { isBytes, kindOf } from '../check.js'
import { ArgumentError, DataError } from '../errors.js'
import type { StateDict } from '../nn/module.js'
import { writeFileAtomic } from './atomic-write.js'
import { decodeState, encodeStateFor } from './state.js'

/**
 * The state dict in a safetensors file, or in such a file's bytes (in a browser: bytes only). Every dtype becomes
 * float32. https://huggingface.co/docs/safetensors
 *
 * @param from a path, or the bytes of a file
 * @throws {ArgumentError} for what is neither
 * @throws {DataError} where the file can't be read or is no safetensors file
 */
export async function loadSafetensors(from: string | Uint8Array): Promise<StateDict> {
  if (typeof from !== 'string') {
    if (isBytes(from)) return decodeState(from)
    throw new ArgumentError(
      `loadSafetensors: expected a path, or a file's bytes as a Uint8Array, got ${kindOf(from)}`,
    )
  }
  let bytes: Uint8Array
  try {
    bytes = await readFile(from)
  } catch (error) {
    throw new DataError(`${from} can't be read: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    })
  }
  return decodeState(bytes, from)
}

/**
 * Writes a state dict as a safetensors file: wholly, or not at all. PyTorch reads it. (In a browser it takes the
 * state dict alone, and gives the bytes.)
 *
 * @param path of the file; one that is there is replaced
 * @param state such as `net.stateDict()`
 * @throws {ArgumentError} for a path that is no text, or what is no object of tensors
 * @throws {SimdgradError} where the file can't be written; the old one is then as it was
 */
export async function saveSafetensors(path: string, state: StateDict): Promise<void> {
  if (typeof path !== 'string') {
    throw new ArgumentError(`saveSafetensors: expected a path and then a state dict, got ${kindOf(path)}`)
  }
  await writeFileAtomic(path, encodeStateFor('saveSafetensors', state))
}
