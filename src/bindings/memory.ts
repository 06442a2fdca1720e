import { DisposedError, OutOfMemoryError } from '../errors.js'
import { instance } from './instance.js'

/**
 * How the values of a tensor lie in memory: `rows` is row-major; `lanes` is batch in lanes, for 4-D
 * activations (see crates/bnkernels/src/lib.rs).
 */
export type Layout = 'rows' | 'lanes'

/**
 * Whether a storage is made by an operation, and so mostly garbage two steps later, or is a `leaf` that
 * a user or the library made to stay: parameters, buffers, data, what an optimiser keeps.
 */
export type Lifetime = 'temporary' | 'leaf'

/**
 * Memory looks after itself: finalizers run only when the event loop turns, so a synchronous training
 * loop would never get its memory back. Instead, what was not used for two steps moves out of wasm
 * memory into an ArrayBuffer that only its Storage owns, and garbage collection does the rest; when it is
 * used again, it moves back in. A step ends with `backward()`, with the outermost `noGrad`, or when much
 * was allocated without either.
 */
const IDLE_STEPS = 2

/** Bytes of temporaries after which a step ends by itself, at least. */
const STEP_BYTES = 64 << 20

/** Bytes of new leaves after which the idle ones are looked through. */
const LEAF_BYTES = 16 << 20

let step = 0
let temporaries: Storage[] = []
let leaves: Storage[] = []
let allocatedThisStep = 0
let largestStep = STEP_BYTES
let leafBytesSinceSweep = 0
let liveBytes = 0
let liveStorages = 0

let cachedFloats = new Float32Array(0)
let cachedBytes = new Uint8Array(0)
let cachedWords = new Uint32Array(0)

/** All of wasm memory as floats. Ask anew after any call that may allocate: growth detaches old views. */
export function floats(): Float32Array {
  const { buffer } = instance().memory
  if (cachedFloats.buffer !== buffer) cachedFloats = new Float32Array(buffer)
  return cachedFloats
}

/** All of wasm memory as bytes; see `floats`. */
export function bytes(): Uint8Array {
  const { buffer } = instance().memory
  if (cachedBytes.buffer !== buffer) cachedBytes = new Uint8Array(buffer)
  return cachedBytes
}

/** All of wasm memory as words; see `floats`. */
export function words(): Uint32Array {
  const { buffer } = instance().memory
  if (cachedWords.buffer !== buffer) cachedWords = new Uint32Array(buffer)
  return cachedWords
}

function allocate(size: number): number {
  const { kernels } = instance()
  let address = kernels.allocate(size)
  if (!address) {
    // Everything that the current operation does not use may go.
    temporaries = moveOutIdle(temporaries, 1)
    leaves = moveOutIdle(leaves, 1)
    address = kernels.allocate(size)
  }
  if (!address) {
    throw new OutOfMemoryError(
      `no ${size} bytes left in wasm memory (${liveBytes} are live, the memory has ${instance().memory.buffer.byteLength}); use smaller batches, or dispose of what is not needed`,
    )
  }
  return address >>> 0
}

/** A piece of wasm memory that tensors share, or its copy in an ArrayBuffer while nothing uses it. */
export class Storage {
  /** Counts changes in place, so that backward can tell that a saved value is no longer what it was. */
  version = 0
  #address = 0
  #lastUsed = step
  #outside: Uint8Array | undefined
  #owners = 1
  readonly #lifetime: Lifetime

  /** `size` bytes of uninitialised memory. */
  constructor(
    readonly size: number,
    readonly layout: Layout = 'rows',
    lifetime: Lifetime = 'temporary',
  ) {
    this.#address = allocate(size)
    liveBytes += size
    liveStorages++
    this.#lifetime = lifetime
    this.#enlist()
  }

  /** Where it lies in wasm memory: moved back in if need be. Valid until the step ends. */
  get address(): number {
    this.#lastUsed = step
    if (this.#address === 0) this.#moveIn()
    return this.#address
  }

  /** Floats (or u32 words) that it holds. */
  get length(): number {
    return this.size / 4
  }

  get disposed(): boolean {
    return this.#owners === 0
  }

  get idleSteps(): number {
    return step - this.#lastUsed
  }

  get resident(): boolean {
    return this.#address !== 0
  }

  /** Whether a single tensor (or other holder) has it. */
  get exclusive(): boolean {
    return this.#owners === 1
  }

  /** A copy of its bytes, without moving it in. */
  copyOut(): Uint8Array<ArrayBuffer> {
    this.#checkAlive()
    if (this.#outside) return this.#outside.slice() as Uint8Array<ArrayBuffer>
    // A slice of an array on shared memory lies in memory of its own; it is not filled with zeros first.
    return bytes().slice(this.#address, this.#address + this.size) as Uint8Array<ArrayBuffer>
  }

  /** The float at `index`, without moving it in. */
  readFloat(index: number): number {
    this.#checkAlive()
    if (this.#outside) return new Float32Array(this.#outside.buffer)[index]
    return floats()[this.#address / 4 + index]
  }

  /** One more holder. */
  retain(): this {
    this.#checkAlive()
    this.#owners++
    return this
  }

  /** One holder fewer; the last frees the memory. */
  release(): void {
    if (this.#owners === 0) return
    this.#owners--
    if (this.#owners > 0) return
    this.#outside = undefined
    this.#free()
  }

  moveOut(): void {
    this.#outside = this.copyOut()
    this.#free()
  }

  #moveIn(): void {
    this.#checkAlive()
    const outside = this.#outside
    if (!outside) throw new DisposedError('a storage has lost its values')
    this.#address = allocate(this.size)
    liveBytes += this.size
    liveStorages++
    bytes().set(outside, this.#address)
    this.#outside = undefined
    this.#enlist()
  }

  #enlist(): void {
    if (this.#lifetime === 'leaf') {
      leaves.push(this)
      leafBytesSinceSweep += this.size
    } else {
      temporaries.push(this)
      allocatedThisStep += this.size
    }
  }

  #free(): void {
    if (this.#address === 0) return
    instance().kernels.release(this.#address, this.size)
    this.#address = 0
    liveBytes -= this.size
    liveStorages--
  }

  #checkAlive(): void {
    if (this.#owners === 0) {
      throw new DisposedError(
        'this tensor was disposed of; use it before dispose(), or keep a copy (toFloat32Array)',
      )
    }
  }
}

/** Moves out what has been idle for `limit` steps, and gives what is still inside. */
function moveOutIdle(storages: Storage[], limit: number): Storage[] {
  let kept = 0
  for (const storage of storages) {
    if (!storage.resident) continue
    if (storage.idleSteps >= limit) storage.moveOut()
    else storages[kept++] = storage
  }
  storages.length = kept
  return storages
}

/** Ends a step: what two steps did not use leaves wasm memory. */
export function endStep(): void {
  step++
  largestStep = Math.max(largestStep, 2 * allocatedThisStep)
  allocatedThisStep = 0
  temporaries = moveOutIdle(temporaries, IDLE_STEPS)
  if (leafBytesSinceSweep > LEAF_BYTES) {
    leafBytesSinceSweep = 0
    leaves = moveOutIdle(leaves, IDLE_STEPS)
  }
}

/** Ends a step if much was allocated since the last one: for loops that call neither backward nor noGrad. */
export function endStepIfLarge(): void {
  if (allocatedThisStep <= largestStep && leafBytesSinceSweep <= LEAF_BYTES) return
  const natural = largestStep
  endStep()
  largestStep = natural
}

/** What is in wasm memory now. */
export interface MemoryUse {
  /** Bytes of wasm memory that tensors use. */
  liveBytes: number
  /** Pieces of wasm memory that tensors use (views share one). */
  liveTensors: number
  /** Size of the wasm memory in bytes; it never shrinks. */
  wasmBytes: number
}

/** Tells what is in wasm memory now. */
export function memory(): MemoryUse {
  return { liveBytes, liveTensors: liveStorages, wasmBytes: instance().memory.buffer.byteLength }
}
