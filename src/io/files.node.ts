import { readFile } from 'node:fs/promises'
import type { StateDict } from '../nn/module.js'
import { writeFileAtomic } from './atomic-write.js'
import { bytesOf, checkPath, type FileSource } from './files.js'
import { loadState } from './sharded.js'
import { decodeMetadata, encodeStateFor, type SaveOptions } from './state.js'
import {
  checkTorchOptions,
  decodeTorch,
  decodeTorchTree,
  type LoadPyTorchOptions,
  type PyTorchTree,
} from './torch.js'

/**
 * The state dict in a safetensors file, or in several: of an index, `model.safetensors.index.json`, all files are read that
 * it names, which are beside it. Every dtype becomes float32. https://huggingface.co/docs/safetensors
 *
 * @param from a path (in a browser: in the file system that it keeps for the page's origin), a URL, or a file's bytes
 * @throws {ArgumentError} for what is none of these
 * @throws {DataError} where a file can't be read, is no safetensors file, or does not have what the index says
 */
export async function loadSafetensors(from: FileSource): Promise<StateDict> {
  return loadState('loadSafetensors', from, readFile)
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

/**
 * The state dict in a `.pt` or `.pth` file of `torch.save(net.state_dict(), path)`. Nothing in it is run: its pickle is read
 * as data, and what no state dict needs is refused by its name. All numbers become float32.
 * https://docs.pytorch.org/docs/stable/generated/torch.load.html
 *
 * @param from as of `loadSafetensors`
 * @param options where the state dict is in the file, and who is told what was converted
 * @throws {ArgumentError} for what is none of these, or options that are none
 * @throws {DataError} where the file can't be read, is none of torch.save or damaged, or holds no state dict at `key`: the
 *   message lists the keys that do
 */
export async function loadPyTorch(from: FileSource, options: LoadPyTorchOptions = {}): Promise<StateDict> {
  checkTorchOptions('loadPyTorch', options)
  return decodeTorch(await bytesOf('loadPyTorch', from, readFile), options)
}

/**
 * All that a `.pt` or `.pth` file holds, as a training's `{"model": …, "optimizer": …, "epoch": 3}`, as `loadPyTorch` reads it.
 *
 * @param from as of `loadSafetensors`
 * @param options where to begin in the file, and who is told what was converted
 * @returns plain values: dictionaries are objects without a prototype, lists and tuples arrays, dtypes their names
 * @throws {ArgumentError} for what is none of these, or options that are none
 * @throws {DataError} where the file can't be read, is none of torch.save or damaged, or has nothing at `key`
 */
export async function loadPyTorchTree(
  from: FileSource,
  options: LoadPyTorchOptions = {},
): Promise<PyTorchTree> {
  checkTorchOptions('loadPyTorchTree', options)
  return decodeTorchTree(await bytesOf('loadPyTorchTree', from, readFile), options)
}
