/**
 * Gzip (RFC 1952) through the platform's own DecompressionStream, which Node, Bun, Deno and
 * browsers share. The output is written straight into one array of the size that the file itself
 * tells, so that the peak is that array and a few chunks, not twice the data.
 */
import { DataError } from '../errors.js'

const CHUNK_BYTES = 65_536

/** A gzip file has a header of 10 bytes and a trailer of 8. */
const SMALLEST_GZIP = 18

/** Deflate can't shrink data more (zlib.net/zlib_tech.html), so a larger size is a lie. */
const LARGEST_RATIO = 1032

/** Whether the bytes begin as gzip does (1f 8b). */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b
}

/**
 * The decompressed bytes of a gzip file of one member, as gzip writes it; several joined files are refused.
 *
 * @param where names the file in errors.
 * @throws DataError when the bytes are no gzip, are truncated or fail gzip's own checksum.
 */
export async function gunzip(bytes: Uint8Array, where: string): Promise<Uint8Array> {
  if (!isGzip(bytes)) {
    throw new DataError(
      `${where} is no gzip file: it should begin with the bytes 1f 8b. ` +
        'Get the file again, or drop the .gz from its name if it was never compressed.',
    )
  }
  if (bytes.length < SMALLEST_GZIP) throw damaged(where, bytes, 'it ends within its header')
  try {
    return await collect(chunksOf(bytes), new Uint8Array(expectedSize(bytes)))
  } catch (cause) {
    throw damaged(where, bytes, reasonOf(cause), cause)
  }
}

/** The message of the innermost cause: some runtimes wrap it in an error without one. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return 'it does not decompress'
  return cause.message || reasonOf(cause.cause)
}

function damaged(where: string, bytes: Uint8Array, why: string, cause?: unknown): DataError {
  return new DataError(
    `${where} is a truncated or corrupt gzip file (${bytes.length} bytes: ${why}). ` +
      'Download or copy it again.',
    { cause },
  )
}

/** The trailer's last four bytes are the decompressed size modulo 2^32, little-endian. */
function expectedSize(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Math.min(view.getUint32(bytes.length - 4, true), bytes.length * LARGEST_RATIO)
}

/** Copies of a chunk each: a stream may take its input over, and takes no shared memory. */
function chunksOf(bytes: Uint8Array): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = 0
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close()
      controller.enqueue(bytes.slice(at, at + CHUNK_BYTES))
      at += CHUNK_BYTES
    },
  })
}

/** Decompresses into `output`, of the size that the trailer tells, and no more. */
async function collect(
  compressed: ReadableStream<Uint8Array<ArrayBuffer>>,
  output: Uint8Array,
): Promise<Uint8Array> {
  const reader = compressed.pipeThrough(new DecompressionStream('gzip')).getReader()
  let length = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return length === output.length ? output : output.slice(0, length)
    if (length + value.length > output.length) {
      // A bomb, or several joined files, of which some runtimes read only the first.
      reader.cancel().catch(() => {})
      throw new Error(`it holds more than the ${output.length} bytes that its end tells`)
    }
    output.set(value, length)
    length += value.length
  }
}
