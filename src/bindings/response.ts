import type { Bytes } from '../check.js'
import { InitError, type InitErrorCode } from '../errors.js'
import { platform } from './platform.js'

/** The error for a binary that can't be had from `from`: it names the cure where the address shows one. */
export function noBinary(from: string | URL, why: string, code: InitErrorCode, cause?: unknown): InitError {
  // A binary that is inside of the bundle has an address of half a million letters.
  const address = `${from}`.slice(0, 300)
  return new InitError(`${address} ${why}${platform().cure(address)}`, code, cause ? { cause } : undefined)
}

/**
 * What a server sent, whatever its MIME type says.
 *
 * @throws {InitError} where nothing is sent, or not all of it, and for a status such as 404
 */
export async function bytesOf(sent: Response | Promise<Response>, from: string | URL): Promise<Bytes> {
  let response: Response
  try {
    response = await sent
    if (response.ok) return new Uint8Array(await response.arrayBuffer())
  } catch (cause) {
    // No connection, another origin that does not allow it, or a policy: browsers do not tell which.
    throw noBinary(from, `could not be loaded (${cause})`, 'unreachable', cause)
  }
  throw noBinary(from, `could not be loaded (the server said ${response.status})`, 'http-status')
}
