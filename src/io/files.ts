/** What loading and saving is in every runtime: each gives its own way to a file's bytes. */
import { isBytes, kindOf } from '../check.js'
import { ArgumentError, DataError, SimdgradError } from '../errors.js'

/** A file: its path (in a browser, in the file system of the page's origin), its URL, or its bytes. */
export type FileSource = string | URL | Uint8Array

/**
 * A file's bytes, and what errors call it.
 *
 * @param name of the function, for errors
 * @param read what reads a path
 * @throws {ArgumentError} for what is no such thing
 * @throws {DataError} where it can't be read
 */
export async function bytesOf(
  name: string,
  from: FileSource,
  read: (path: string | URL) => Promise<Uint8Array>,
): Promise<[bytes: Uint8Array, where: string]> {
  if (isBytes(from)) return [from, 'the given bytes']
  if (typeof from !== 'string' && !(from instanceof URL)) {
    throw new ArgumentError(
      `${name}: expected a path, a URL, or a file's bytes as a Uint8Array, got ${kindOf(from)}`,
    )
  }
  const where = String(from)
  try {
    return [await (from instanceof URL && from.protocol !== 'file:' ? fetched(from) : read(from)), where]
  } catch (cause) {
    // (A folder's own error says as much already.)
    if (cause instanceof SimdgradError) throw new DataError(cause.message, { cause })
    throw new DataError(`${where} can't be read: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    })
  }
}

async function fetched(url: URL): Promise<Uint8Array> {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`the server answered ${response.status} ${response.statusText}`)
  return new Uint8Array(await response.arrayBuffer())
}

/** @throws {ArgumentError} for a path that is no text */
export function checkPath(name: string, path: unknown): asserts path is string {
  if (typeof path === 'string' && path !== '') return
  throw new ArgumentError(`${name}: expected a path and then a state dict, got ${kindOf(path)}`)
}
