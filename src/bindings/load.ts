/**
 * Loads a binary: one of the package's own eight, by name, or what the user gave. A server may send anything:
 * what it sent is looked at before it is compiled, and an error says what it was.
 */
import type { Bytes } from '../check.js'
import { InitError } from '../errors.js'
import { type BinaryName, own } from './own.js'
import { platform } from './platform.js'
import { bytesOf, noBinary } from './response.js'
import type { WasmSource } from './source.js'

const isPlace = (source: unknown): source is string | URL =>
  typeof source === 'string' || source instanceof URL

/** Whether `source` leaves the choice of a binary to `init`. */
export function isFolder(source: WasmSource | undefined): source is string | URL | undefined {
  return source === undefined || (isPlace(source) && `${source}`.endsWith('/'))
}

/** One of the eight, from the package or from a folder. @throws {InitError} */
export async function loadNamed(
  name: BinaryName,
  folder: string | URL | undefined,
): Promise<WebAssembly.Module> {
  const place = folder === undefined ? own(name) : `${folder}${name}.wasm`
  return compile(await platform().readBytes(place), `${place}`)
}

/** The binary that the user gave. @throws {InitError} */
export async function loadGiven(source: WasmSource): Promise<WebAssembly.Module> {
  if (source instanceof WebAssembly.Module) return source
  if (isPlace(source)) return compile(await platform().readBytes(source), `${source}`)
  const response = source instanceof Response ? source : new Response(source as BufferSource)
  const from = response.url || 'the given wasm'
  return compile(await bytesOf(response, from), from)
}

async function compile(bytes: Bytes, from: string): Promise<WebAssembly.Module> {
  const start = String.fromCharCode(...bytes.subarray(0, 64))
  if (!start.startsWith('\0asm')) {
    const html = /^[\s\xef\xbb\xbf]*</.test(start)
    throw noBinary(
      from,
      `is no WebAssembly binary${html ? ' but an HTML page: the server does not have the file' : ''}`,
      html ? 'html' : 'not-wasm',
    )
  }
  try {
    return await WebAssembly.compile(bytes)
  } catch (cause) {
    // A page's policy forbids to compile, not to validate.
    throw WebAssembly.validate(bytes)
      ? new InitError(
          "the Content-Security-Policy forbids WebAssembly: script-src needs 'wasm-unsafe-eval'",
          'csp',
          { cause },
        )
      : noBinary(from, 'is damaged, or for a newer runtime than this one', 'damaged', cause)
  }
}
