/**
 * Large models in several safetensors files, with an index of which tensor is where:
 * `model.safetensors.index.json`, `{"metadata": {…}, "weight_map": {"name": "model-00001-of-00002.safetensors", …}}`.
 * https://huggingface.co/docs/transformers/big_models
 */
import { isPlainObject } from '../check.js'
import { DataError } from '../errors.js'
import type { StateDict } from '../nn/module.js'
import { bytesOf, type FileSource } from './files.js'
import { decodeState } from './state.js'

type Read = (path: string | URL) => Promise<Uint8Array>

/** What an index's name ends with. */
const INDEX = '.index.json'

/** The state dict at a path, URL or in bytes: of one file, or of all that an index names. */
export async function loadState(name: string, from: FileSource, read: Read): Promise<StateDict> {
  const isIndex = from instanceof URL ? from.pathname.endsWith(INDEX) : String(from).endsWith(INDEX)
  if (from instanceof Uint8Array || !isIndex) return decodeState(...(await bytesOf(name, from, read)))
  const files = readIndex(...(await bytesOf(name, from, read)))
  const state: StateDict = {}
  for (const [file, names] of files) {
    const [bytes, where] = await bytesOf(name, beside(from, file), read)
    const part = decodeState(bytes, where)
    const missing = [...names].find((one) => !Object.hasOwn(part, one))
    const more = Object.keys(part).find((one) => !names.has(one))
    if (missing !== undefined || more !== undefined) {
      throw new DataError(
        `${where} and the index ${String(from)} do not fit each other: ${missing !== undefined ? `it lacks ${JSON.stringify(missing)}` : `the index does not have ${JSON.stringify(more)} there`}. Download both again.`,
      )
    }
    // (As own entries, whatever they are called.)
    for (const [key, value] of Object.entries(part)) {
      Object.defineProperty(state, key, { value, enumerable: true, configurable: true, writable: true })
    }
  }
  return state
}

/** The names of the tensors in each file. @throws {DataError} for what is no index, or names a file elsewhere */
export function readIndex(bytes: Uint8Array, where: string): Map<string, Set<string>> {
  let index: unknown
  try {
    index = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new DataError(`${where} is no index of safetensors files: it is no JSON. Download it again.`, {
      cause,
    })
  }
  const map = isPlainObject(index) ? index.weight_map : undefined
  const entries = isPlainObject(map) ? Object.entries(map) : []
  if (entries.length === 0) {
    throw new DataError(
      `${where} is no index of safetensors files: it has no "weight_map" with the file of each tensor.`,
    )
  }
  const files = new Map<string, Set<string>>()
  for (const [name, file] of entries) {
    // Beside the index, and nowhere else.
    if (typeof file !== 'string' || !/^[^/\\:\0%?#]+$/.test(file) || /^\.+$/.test(file)) {
      throw new DataError(
        `${where} says that ${JSON.stringify(name)} is in ${JSON.stringify(file)}, which is no name of a file beside it.`,
      )
    }
    const names = files.get(file) ?? new Set()
    files.set(file, names.add(name))
  }
  return files
}

/** The file of that name beside another. */
function beside(index: string | URL, file: string): string | URL {
  if (index instanceof URL) return new URL(`./${file}`, index)
  return index.replace(/[^/\\]*$/, () => file)
}
