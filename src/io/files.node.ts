import { readFile } from 'node:fs/promises'
import { DataError } from '../errors.js'
import type { StateDict } from '../nn/module.js'
import { writeFileAtomic } from './atomic-write.js'
import { decodeState, encodeState } from './state.js'

/**
 * The state dict in a safetensors file, or in such a file's bytes.
 * @throws {DataError} where the file can't be read or is no safetensors file
 */
export async function loadSafetensors(from: string | Uint8Array): Promise<StateDict> {
  if (typeof from !== 'string') return decodeState(from, 'the given bytes')
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

/** Writes a state dict as a safetensors file: wholly, or not at all. PyTorch reads it. */
export async function saveSafetensors(path: string, state: StateDict): Promise<void> {
  await writeFileAtomic(path, encodeState(state))
}
