import { readFile } from 'node:fs/promises'
import type { StateDict } from '../nn/module.js'
import { writeFileAtomic } from './atomic-write.js'
import { bytesOf, checkPath, type FileSource } from './files.js'
import { decodeMetadata, decodeState, encodeStateFor, type SaveOptions } from './state.js'

/**
 * The state dict in a safetensors file. Every dtype becomes float32. https://huggingface.co/docs/safetensors
 *
 * @param from a path (in a browser: in the file system that it keeps for the page's origin), a URL, or a file's bytes
 * @throws {ArgumentError} for what is none of these
 * @throws {DataError} where the file can't be read or is no safetensors file
 */
export async function loadSafetensors(from: FileSource): Promise<StateDict> {
  return decodeState(...(await bytesOf('loadSafetensors', from, readFile)))
}

/**
 * What a safetensors file carries besides its tensors: texts by name; `JSON.parse` reads those that were written as JSON.
 *
 * @param from as of `loadSafetensors`
 * @throws {ArgumentError} for what is none of these
 * @throws {DataError} where the file can't be read or is no safetensors file
 */
export async function loadMetadata(from: FileSource): Promise<Record<string, string>> {
  return decodeMetadata(...(await bytesOf('loadMetadata', from, readFile)))
}

/**
 * Writes a state dict as a safetensors file: wholly, or not at all. PyTorch reads it.
 *
 * @param path of the file (in a browser: in the file system that it keeps for the page's origin); one that is there is
 *   replaced
 * @param state such as `net.stateDict()`
 * @param options what else the file carries
 * @throws {ArgumentError} for a path that is no text, what is no object of tensors, or metadata that JSON can't hold
 * @throws {SimdgradError} where the file can't be written; the old one is then as it was
 */
export async function saveSafetensors(
  path: string,
  state: StateDict,
  options: SaveOptions = {},
): Promise<void> {
  checkPath('saveSafetensors', path)
  await writeFileAtomic(path, encodeStateFor('saveSafetensors', state, options))
}
