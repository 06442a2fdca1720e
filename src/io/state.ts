import { isBytes, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { checkState, type StateDict } from '../nn/module.js'
import { fromValues } from '../tensor/create.js'
import { weightsHash } from './hash.js'
import { decodeSafetensors, encodeSafetensors, type SafetensorsEntry } from './safetensors.js'

/** PyTorch counts batches in 64-bit whole numbers; everything else is float32. */
function entriesOf(name: string, state: StateDict): Record<string, SafetensorsEntry> {
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

/**
 * A state dict as the bytes of a safetensors file that `safetensors.torch.load_file` reads: float32, and int64 for
 * `num_batches_tracked`.
 *
 * @param state such as `net.stateDict()`
 * @throws {ArgumentError} for what is no object of tensors
 */
export function encodeState(state: StateDict): Uint8Array {
  return encodeStateFor('encodeState', state)
}

/** As `encodeState`, for a function of that name, which errors give. */
export function encodeStateFor(name: string, state: StateDict): Uint8Array {
  return encodeSafetensors(entriesOf(name, state), { format: 'pt', ...frozenOf(state) })
}

/** Which layers are frozen (freezeBatchNorm), as a string for the file's metadata. */
function frozenOf(state: StateDict): Record<string, string> {
  const metadata: unknown = Object.getOwnPropertyDescriptor(state, '_metadata')?.value
  return metadata === undefined ? {} : { state: JSON.stringify(metadata) }
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
  if (!isBytes(bytes)) {
    const hint = (bytes as unknown) instanceof ArrayBuffer ? '; new Uint8Array(buffer) makes one of it' : ''
    throw new ArgumentError(
      `decodeState: expected a file's bytes as a Uint8Array, got ${kindOf(bytes)}${hint}`,
    )
  }
  const { entries, metadata } = decodeSafetensors(bytes, where)
  const state = Object.fromEntries(
    Object.entries(entries).map(([name, { shape, data }]) => [name, fromValues(data, shape)]),
  )
  const value = metadataOf(metadata.state)
  return value ? Object.defineProperty(state, '_metadata', { value, enumerable: false }) : state
}

/** What `frozenOf` wrote; undefined for what another program wrote under that name. */
function metadataOf(text = ''): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
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
