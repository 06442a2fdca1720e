/**
 * A checkpoint's bytes: a safetensors file that PyTorch reads, whose tensors are those of a state (see tree.ts) and whose
 * metadata have
 *
 *   simdgrad.checkpoint  the version of this form: 1
 *   simdgrad.state       JSON: the state but for its tensors
 *   simdgrad.sha256      SHA-256 of the whole file, in hex, with 64 zeros in this very place
 *
 * The header's own checks find what was cut off; the sum finds every other change.
 */
import { DataError } from '../errors.js'
import { fromValues } from '../tensor/create.js'
import { sha256Hex } from './hash.js'
import { decodeSafetensors, encodeSafetensors } from './safetensors.js'
import { entriesOf } from './state.js'
import { pack, unpack } from './tree.js'

const VERSION = '1'
const NO_SUM = '0'.repeat(64)
const SUM = new TextEncoder().encode(`"simdgrad.sha256":"`)

/**
 * The bytes of a checkpoint.
 *
 * @param name of who writes it, for errors
 * @param state tensors, and what JSON holds, in arrays and plain objects
 * @throws {ArgumentError} for state of another kind, naming its path
 */
export async function encodeCheckpoint(name: string, state: unknown): Promise<Uint8Array> {
  const { tensors, json } = pack(name, state)
  const file = encodeSafetensors(entriesOf(name, tensors), {
    format: 'pt',
    'simdgrad.checkpoint': VERSION,
    'simdgrad.sha256': NO_SUM,
    'simdgrad.state': JSON.stringify(json),
  })
  const sum = await sha256Hex([file])
  file.set(new TextEncoder().encode(sum), placeOfSum(file, 'it'))
  return file
}

/**
 * What a checkpoint holds. The sum is looked at before all else.
 *
 * @param bytes the whole file, which is not changed
 * @param where names the file in errors
 * @throws {DataError} where the bytes are no safetensors file, no checkpoint, or not as they were written
 */
export async function decodeCheckpoint(bytes: Uint8Array, where: string): Promise<unknown> {
  const file = new Uint8Array(bytes)
  const { metadata, entries } = decodeSafetensors(file, where)
  const version = metadata['simdgrad.checkpoint']
  if (version === undefined) {
    throw new DataError(
      `${where} is a safetensors file, but no checkpoint: loadSafetensors reads its tensors.`,
    )
  }
  if (version !== VERSION) {
    throw new DataError(
      `${where} is a checkpoint of version ${version}, and this simdgrad reads version ${VERSION}. Take the simdgrad that wrote it.`,
    )
  }
  const at = placeOfSum(file, where)
  file.set(new TextEncoder().encode(NO_SUM), at)
  if ((await sha256Hex([file])) !== metadata['simdgrad.sha256']) {
    throw new DataError(`${where} is damaged: its bytes do not have the SHA-256 that it tells.`)
  }
  let json: unknown
  try {
    json = JSON.parse(metadata['simdgrad.state'])
  } catch (cause) {
    throw new DataError(`${where} is damaged: its state is no JSON.`, { cause })
  }
  const tensors = Object.fromEntries(
    Object.entries(entries).map(([name, { shape, data }]) => [name, fromValues(data, shape)]),
  )
  return unpack({ tensors, json }, where)
}

/** Where the sum's digits are: after the first such name, since names of metadata come in order, before the state. */
function placeOfSum(file: Uint8Array, where: string): number {
  const last = Math.min(file.length - SUM.length - NO_SUM.length, 1024)
  for (let at = 8; at <= last; at++) if (SUM.every((byte, i) => file[at + i] === byte)) return at + SUM.length
  throw new DataError(
    `${where} is a checkpoint without a sum in its place: it is damaged, or another program's.`,
  )
}
