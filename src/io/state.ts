import { checkOptions, isBytes, isPlainObject, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { checkState, type StateDict } from '../nn/module.js'
import { fromValues } from '../tensor/create.js'
import { weightsHash } from './hash.js'
import { decodeSafetensors, encodeSafetensors, type SafetensorsEntry } from './safetensors.js'
import { readHeader } from './safetensors-header.js'

/** PyTorch counts batches in 64-bit whole numbers; everything else is float32. */
export function entriesOf(name: string, state: StateDict): Record<string, SafetensorsEntry> {
  checkState(name, state)
  return Object.fromEntries(
    Object.entries(state).map(([name, tensor]) => [
      name,
      {
        dtype: name.split('.').at(-1) === 'num_batches_tracked' ? 'I64' : 'F32',
        shape: [...tensor.shape],
        data: tensor.toFloat32Array(),
      },
    ]),
  )
}

/** Options of `encodeState` and `saveSafetensors`. */
export interface SaveOptions {
  /**
   * What the file carries along, by name: class names, units, how inputs are prepared, what the net is. Texts are written
   * as they are, everything else as JSON. Names that begin with `simdgrad.` are the library's own. Default: none.
   */
  metadata?: Readonly<Record<string, unknown>>
}

/**
 * A state dict as the bytes of a safetensors file that `safetensors.torch.load_file` reads: float32, and int64 for
 * `num_batches_tracked`.
 *
 * @param state such as `net.stateDict()`
 * @param options what else the file carries
 * @throws {ArgumentError} for what is no object of tensors, or metadata that JSON can't hold
 */
export function encodeState(state: StateDict, options: SaveOptions = {}): Uint8Array {
  return encodeStateFor('encodeState', state, options)
}

/** As `encodeState`, for a function of that name, which errors give. */
export function encodeStateFor(name: string, state: StateDict, options: SaveOptions = {}): Uint8Array {
  checkOptions(name, options, ['metadata'])
  const { metadata = {} } = options
  return encodeSafetensors(entriesOf(name, state), {
    format: 'pt',
    ...frozenOf(state, metadata),
    ...textsOf(name, metadata),
  })
}

/** Names of metadata that are the library's. */
const OWN = 'simdgrad.'
/** Which layers are frozen: a state dict's `_metadata`. */
const FROZEN = `${OWN}metadata`
/** Its name in old files: one that anybody may give. */
const OLD = 'state'

/** Which layers are frozen (freezeBatchNorm), as a string for the file's metadata. */
function frozenOf(state: StateDict, others: object): Record<string, string> {
  const metadata: unknown = Object.getOwnPropertyDescriptor(state, '_metadata')?.value
  // Beside a 'state' of a user's it is written in any case: that one is none of old.
  if (metadata === undefined && !Object.hasOwn(others ?? {}, OLD)) return {}
  return { [FROZEN]: JSON.stringify(metadata ?? {}) }
}

/** @throws {ArgumentError} for what is no object of what JSON holds */
function textsOf(name: string, metadata: Readonly<Record<string, unknown>>): Record<string, string> {
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) {
    throw new ArgumentError(
      `${name}: metadata is given by name, as { classes: [...] }, got ${kindOf(metadata)}`,
    )
  }
  const texts = Object.entries(metadata).map(([key, value]) => {
    if (key.startsWith(OWN)) {
      throw new ArgumentError(
        `${name}: the metadata's '${key}' begins with '${OWN}', which the library's own do; name it otherwise`,
      )
    }
    const text = typeof value === 'string' ? value : jsonOf(value)
    if (text !== undefined) return [key, text] as const
    throw new ArgumentError(`${name}: the metadata's '${key}' is ${kindOf(value)}, which JSON can't hold`)
  })
  return Object.fromEntries(texts)
}

function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    // A circle, or a bigint.
    return undefined
  }
}

/**
 * What a safetensors file carries besides its tensors: texts by name (see `metadata` of `encodeState`; `JSON.parse` reads
 * what was written as JSON), but for the library's own, whose names begin with `simdgrad.`. The object has no prototype.
 *
 * @param bytes the whole file
 * @param where names the file in errors
 * @throws {ArgumentError} for what is no Uint8Array
 * @throws {DataError} naming `where` if the bytes are no safetensors file
 */
export function decodeMetadata(bytes: Uint8Array, where = 'the given bytes'): Record<string, string> {
  checkBytes('decodeMetadata', bytes)
  const { metadata } = readHeader(bytes, where)
  delete metadata[FROZEN]
  return metadata
}

/**
 * The state dict in a safetensors file's bytes; every dtype becomes float32.
 *
 * @param bytes the whole file
 * @param where names the file in errors
 * @throws {ArgumentError} for what is no Uint8Array
 * @throws {DataError} naming `where` if the bytes are no safetensors file
 */
export function decodeState(bytes: Uint8Array, where = 'the given bytes'): StateDict {
  checkBytes('decodeState', bytes)
  const { entries, metadata } = decodeSafetensors(bytes, where)
  const state = Object.fromEntries(
    Object.entries(entries).map(([name, { shape, data }]) => [name, fromValues(data, shape)]),
  )
  const value = metadataOf(metadata[FROZEN] ?? metadata[OLD])
  return value ? Object.defineProperty(state, '_metadata', { value, enumerable: false }) : state
}

/** What `frozenOf` wrote; undefined for what another program, or a user, wrote under that name. */
function metadataOf(text = ''): unknown {
  try {
    const value: unknown = JSON.parse(text)
    const modules = isPlainObject(value) ? Object.values(value) : []
    const fits = modules.length > 0 && modules.every((one) => isPlainObject(one) && one.frozen === true)
    return fits ? value : undefined
  } catch {
    return undefined
  }
}

/** @throws {ArgumentError} for what is no Uint8Array */
function checkBytes(name: string, bytes: Uint8Array): void {
  if (isBytes(bytes)) return
  const hint = (bytes as unknown) instanceof ArrayBuffer ? '; new Uint8Array(buffer) makes one of it' : ''
  throw new ArgumentError(`${name}: expected a file's bytes as a Uint8Array, got ${kindOf(bytes)}${hint}`)
}

/**
 * SHA-256 of the state dict's names, shapes and values in key order, in hex: two nets are the same to the bit if theirs
 * are.
 *
 * @param state such as `net.stateDict()`
 * @throws {ArgumentError} for what is no object of tensors
 * @throws {SimdgradError} in a page that is not secure (HTTPS or localhost), which has no Web Crypto
 */
export async function hashState(state: StateDict): Promise<string> {
  return weightsHash(entriesOf('hashState', state))
}
