import type { StateDict } from '../nn/module.js'
import { bytesOf, checkPath, type FileSource } from './files.js'
import { originFile, readOriginFile } from './folder.web.js'
import { loadState } from './sharded.js'
import { decodeMetadata, encodeStateFor, type SaveOptions } from './state.js'
import {
  checkTorchOptions,
  decodeTorch,
  decodeTorchTree,
  type LoadPyTorchOptions,
  type PyTorchTree,
} from './torch.js'

/** As in Node (files.node.ts). */
export async function loadSafetensors(from: FileSource): Promise<StateDict> {
  return loadState('loadSafetensors', from, readOriginFile)
}

/** As in Node (files.node.ts). */
export async function loadMetadata(from: FileSource): Promise<Record<string, string>> {
  return decodeMetadata(...(await bytesOf('loadMetadata', from, readOriginFile)))
}

/** As in Node (files.node.ts). */
export async function saveSafetensors(
  path: string,
  state: StateDict,
  options: SaveOptions = {},
): Promise<void> {
  checkPath('saveSafetensors', path)
  const [folder, name] = originFile(path)
  await folder.write(name, encodeStateFor('saveSafetensors', state, options))
}

/** As in Node (files.node.ts). */
export async function loadPyTorch(from: FileSource, options: LoadPyTorchOptions = {}): Promise<StateDict> {
  checkTorchOptions('loadPyTorch', options)
  return decodeTorch(await bytesOf('loadPyTorch', from, readOriginFile), options)
}

/** As in Node (files.node.ts). */
export async function loadPyTorchTree(
  from: FileSource,
  options: LoadPyTorchOptions = {},
): Promise<PyTorchTree> {
  checkTorchOptions('loadPyTorchTree', options)
  return decodeTorchTree(await bytesOf('loadPyTorchTree', from, readOriginFile), options)
}
