/** Files from the web. */
import { checkOptions, kindOf } from '../check.js'
import { ArgumentError, DataError } from '../errors.js'

/** How far a download is. */
export interface FetchProgress {
  /** What is downloaded. */
  readonly url: string
  /** Bytes that have come. */
  readonly loaded: number
  /** Bytes in all; undefined where the server does not say, or sends them compressed. */
  readonly total: number | undefined
}

/** Options of `fetchBytes`. */
export interface FetchOptions {
  /** Called for each piece that comes. */
  onProgress?: ((progress: FetchProgress) => void) | undefined
  /** Ends the download with its reason. */
  signal?: AbortSignal | undefined
  /** The most bytes that are taken. Default 2³⁰. */
  limit?: number | undefined
}

/** No status of HTTP. */
const UNREACHABLE = 0

/** A download that failed, with HTTP's status; 0 where there was no answer. */
export class FetchError extends DataError {
  constructor(
    message: string,
    readonly status: number,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

/**
 * The bytes at a URL.
 *
 * @param url what is downloaded
 * @param options onProgress, signal, limit
 * @throws {DataError} where there is no answer, another status than 2xx, or more bytes than `limit`
 * @throws {ArgumentError} for what is no URL, or options that are none
 */
export async function fetchBytes(url: string | URL, options: FetchOptions = {}): Promise<Uint8Array> {
  checkOptions('fetchBytes', options, ['onProgress', 'signal', 'limit'])
  const { onProgress, signal, limit = 2 ** 30 } = options
  if (!(typeof url === 'string' || url instanceof URL)) {
    throw new ArgumentError(`fetchBytes: expected a URL, got ${kindOf(url)}`)
  }
  const where = String(url)
  let answer: Response
  try {
    answer = await fetch(where, signal ? { signal } : {})
  } catch (cause) {
    signal?.throwIfAborted()
    throw new FetchError(
      `${where} can't be reached. Check the address and the network; another site must allow it (CORS).`,
      UNREACHABLE,
      { cause },
    )
  }
  if (!answer.ok) {
    throw new FetchError(
      `${where}: the server says ${answer.status} ${answer.statusText}. Check the address.`,
      answer.status,
    )
  }
  // A length that counts compressed bytes says nothing of these.
  const told = answer.headers.get('content-encoding') ? null : answer.headers.get('content-length')
  const total = told !== null && /^\d+$/.test(told) ? Number(told) : undefined
  const tooLarge = () =>
    new FetchError(`${where} has more than ${limit} bytes. Is it the right file?`, answer.status)
  if (total !== undefined && total > limit) throw tooLarge()
  const chunks: Uint8Array[] = []
  let loaded = 0
  const reader = answer.body?.getReader()
  try {
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
      chunks.push(next.value)
      loaded += next.value.length
      if (loaded > limit) throw tooLarge()
      onProgress?.({ url: where, loaded, total })
    }
  } catch (cause) {
    await reader?.cancel().catch(() => {})
    signal?.throwIfAborted()
    if (cause instanceof DataError) throw cause
    throw new FetchError(`${where}: the download broke off after ${loaded} bytes. Try again.`, UNREACHABLE, {
      cause,
    })
  }
  const bytes = new Uint8Array(loaded)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}
