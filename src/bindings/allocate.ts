/**
 * Pieces of wasm memory by their address. A view of the memory is for the statement at hand: what allocates may make
 * it grow, and every view is then stale.
 */
import { OutOfMemoryError } from '../errors.js'
import { instance } from './instance.js'

/** No piece is larger: an address has 32 bits, and sizes are whole numbers below 2^31 in the binary. */
const MOST_BYTES = 2 ** 31 - 65536

let cachedBytes = new Uint8Array(0)
let cachedFloats = new Float32Array(0)

/** All of wasm memory. */
export function bytes(): Uint8Array {
  const { buffer } = instance().memory
  if (cachedBytes.buffer !== buffer) cachedBytes = new Uint8Array(buffer)
  return cachedBytes
}

/** All of wasm memory, as floats. */
export function floats(): Float32Array {
  const { buffer } = instance().memory
  if (cachedFloats.buffer !== buffer) cachedFloats = new Float32Array(buffer)
  return cachedFloats
}

/** Before what is as large is made elsewhere. @throws {OutOfMemoryError} for more bytes than wasm memory can have */
export function checkBytes(size: number): void {
  if (!(size <= MOST_BYTES)) throw outOfMemory(`no ${size} bytes`)
}

/**
 * The address of `size` uninitialised bytes.
 *
 * @param relieve makes room, once, where there is none
 * @throws {OutOfMemoryError} where there still is none
 */
export function allocate(size: number, relieve: () => void): number {
  checkBytes(size)
  const { kernels } = instance()
  let address = kernels.allocate(size)
  if (!address) {
    relieve()
    address = kernels.allocate(size)
  }
  if (!address) throw outOfMemory(`no ${size} bytes`)
  return address >>> 0
}

/** The error of who found no room; `what` is not there. */
export function outOfMemory(what: string): OutOfMemoryError {
  const { byteLength } = instance().memory.buffer
  return new OutOfMemoryError(
    `${what} left in wasm memory (it has ${byteLength} bytes and grows to ${MOST_BYTES} at most; memory() tells how many are live); use smaller batches or shapes, or dispose of what is not needed`,
  )
}
