import { InitError } from '../errors.js'

/** What a server sent, whatever its MIME type says. @throws {InitError} for a status such as 404 */
export async function bytesOf(response: Response, from: string): Promise<Uint8Array<ArrayBuffer>> {
  if (!response.ok) {
    throw new InitError(
      `${from} could not be loaded: the server said ${response.status} ${response.statusText}`,
      'http-status',
    )
  }
  return new Uint8Array(await response.arrayBuffer())
}
