import type { Bytes } from '../check.js'
import { InitError, type InitErrorCode } from '../errors.js'
import { platform } from './platform.js'

/** The error for a binary that can't be had from `from`: it names the cure where the address shows one. */
export function noBinary(from: string | URL, why: string, code: InitErrorCode, cause?: unknown): InitError {
  // A binary that is inside of the bundle has an address of half a million letters.
  const address = `${from}`.slice(0, 300)
  return new InitError(`${address} ${why}${platform().cure(address)}`, code, cause ? { cause } : undefined)
}

/** What a server sent, whatever its MIME type says. @throws {InitError} for a status such as 404 */
export async function bytesOf(response: Response, from: string | URL): Promise<Bytes> {
  if (!response.ok) {
    throw noBinary(from, `could not be loaded: the server said ${response.status}`, 'http-status')
  }
  return new Uint8Array(await response.arrayBuffer())
}
