/** SHA-256 of bytes and of weights. */
import { SimdgradError } from '../errors.js'
import { compareNames, entryBytes, type SafetensorsDtype } from './safetensors.js'

/** What of a tensor enters the hash; every dtype but I64 enters as float32. */
export interface HashedEntry {
  dtype: SafetensorsDtype
  shape: number[]
  data: Float32Array
}

/**
 * SHA-256 of the chunks' bytes, one after the other, as 64 lower-case hexadecimal digits.
 *
 * @throws SimdgradError where the runtime has no Web Crypto: a page that is not served over HTTPS.
 */
export async function sha256Hex(chunks: Iterable<Uint8Array>): Promise<string> {
  // Typed as what it may be at run time: browsers hide it from insecure pages.
  const subtle: SubtleCrypto | undefined = globalThis.crypto?.subtle
  if (subtle === undefined) {
    throw new SimdgradError(
      'SHA-256 needs Web Crypto (crypto.subtle), which browsers give to secure pages only: ' +
        'serve the page over HTTPS or from localhost.',
    )
  }
  const digest = await subtle.digest('SHA-256', concatenate([...chunks]))
  return Array.from(new Uint8Array(digest), (b) => b.toString(16).padStart(2, '0')).join('')
}

function concatenate(chunks: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0))
  let at = 0
  for (const chunk of chunks) {
    all.set(chunk, at)
    at += chunk.length
  }
  return all
}

/**
 * The weights hash: SHA-256 over, for each name in code point order, the name, a NUL, the shape's sizes with commas
 * between, a NUL (all in UTF-8), and then the values' bytes, little-endian and row-major. Without shapes a [2, 3] and
 * a [3, 2] of the same values would be one; without NULs so would other names and values whose bytes run together.
 * In Python:
 *
 * ```python
 * h = hashlib.sha256()
 * for name in sorted(state):
 *     h.update(f"{name}\0{','.join(map(str, state[name].shape))}\0".encode())
 *     h.update(state[name].numpy().tobytes())
 * ```
 *
 * Values are float32, and int64 where the entry is marked I64 or its name ends in
 * `num_batches_tracked`: so weights, their saved file read back, and PyTorch's own state dict of
 * the same values have one hash. −0 and the bits of a NaN count as they are.
 *
 * @throws ArgumentError when an I64 value is no whole number.
 */
export async function weightsHash(entries: Record<string, HashedEntry>): Promise<string> {
  const encoder = new TextEncoder()
  const sorted = Object.entries(entries).sort(([a], [b]) => compareNames(a, b))
  return sha256Hex(
    sorted.flatMap(([name, entry]) => [
      encoder.encode(`${name}\0${entry.shape.join()}\0`),
      entryBytes(name, asHashed(name, entry)),
    ]),
  )
}

function asHashed(name: string, entry: HashedEntry): HashedEntry {
  return /(^|\.)num_batches_tracked$/.test(name) ? { ...entry, dtype: 'I64' } : entry
}
