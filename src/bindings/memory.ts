/** Storages: pieces of wasm memory, how long they stay there, and the one place that reads and writes them. */
import { DisposedError } from '../errors.js'
import { allocate, bytes, floats } from './allocate.js'
import { instance } from './instance.js'
import { recorder } from './recording.js'

/**
 * How the values of a tensor lie in memory: `rows` is row-major; `lanes` is batch in lanes, for activations
 * whose first dimension is the batch (see crates/bnkernels/src/lib.rs).
 */
export type Layout = 'rows' | 'lanes'

/**
 * Whether a storage is made by an operation, and so mostly garbage two steps later, or is a `leaf` that
 * a user or the library made to stay: parameters, buffers, data, what an optimiser keeps.
 */
export type Lifetime = 'temporary' | 'leaf'

/** What a kernel takes for an array: a storage, or a part of one. */
export interface Memory {
  /** Where it begins in wasm memory. Valid until the step ends. */
  readonly address: number
  /** How many elements it has. */
  readonly length: number
  /** Counts changes in place. */
  version: number
}

/**
 * Memory looks after itself: finalizers run only when the event loop turns, so a synchronous training
 * loop would never get its memory back. Instead, what was not used for two steps moves out of wasm
 * memory into an ArrayBuffer that only its Storage owns, and garbage collection does the rest; when it is
 * used again, it moves back in. A step ends with `backward()`, with the outermost `noGrad`, or when many
 * bytes, or many storages, were made without either. (Many small ones are as bad: each holds an object.)
 */
const IDLE_STEPS = 2

/** A step ends by itself when so much was made in it, or twice as much as the largest step had. */
const STEP = { bytes: 64 << 20, storages: 8192 }

/** After so much of new leaves the idle ones are looked through: few enough that it takes no time. */
const SWEEP = { bytes: 16 << 20, storages: 1024 }

let step = 0
let temporaries: Storage[] = []
let leaves: Storage[] = []
let made = { bytes: 0, storages: 0 }
const largest = { ...STEP }
let newLeaves = { bytes: 0, storages: 0 }
let liveBytes = 0
let liveStorages = 0
/** While a backward is under way: it holds addresses of what a step's end would move out. */
let stepsHeld = false

/** Makes room: everything that the current step has not used leaves wasm memory. */
export function relieve(): void {
  temporaries = moveOutIdle(temporaries, 1)
  leaves = moveOutIdle(leaves, 1)
  instance().kernels.scratch_trim()
}

/**
 * A piece of wasm memory that tensors share, or its copy in an ArrayBuffer while nothing uses it. It lives as
 * long as a tensor has it (`retain`, `release`) or the tape needs it for backward (`save`, `unsave`).
 */
export class Storage implements Memory {
  version = 0
  #address = 0
  #lastUsed = step
  #outside: Uint8Array<ArrayBuffer> | undefined
  /** Makes the values that it had in that version. */
  #again: { make: () => void; version: number } | undefined
  #owners = 1
  #saves = 0
  /** Who needs it to stay where it is. */
  #pins = 0
  readonly #lifetime: Lifetime
  readonly #elementBytes: number

  /** `length` uninitialised elements. @throws {OutOfMemoryError} */
  constructor(
    readonly length: number,
    readonly layout: Layout = 'rows',
    lifetime: Lifetime = 'temporary',
    elementBytes: 1 | 4 = 4,
  ) {
    this.#elementBytes = elementBytes
    this.#lifetime = lifetime
    this.#enter()
    recorder?.makes(this)
  }

  /** Whether it was made to stay. */
  get isLeaf(): boolean {
    return this.#lifetime === 'leaf'
  }

  /** Its size in bytes. */
  get bytes(): number {
    return this.length * this.#elementBytes
  }

  /** Where it lies in wasm memory: moved back in if need be. Valid until the step ends. */
  get address(): number {
    this.#lastUsed = step
    if (this.#address === 0) this.#moveIn()
    recorder?.asks(this, this.#address)
    return this.#address
  }

  get idleSteps(): number {
    return this.#pins > 0 ? 0 : step - this.#lastUsed
  }

  get resident(): boolean {
    return this.#address !== 0
  }

  /** Whether a single tensor has it, and the tape not. */
  get exclusive(): boolean {
    return this.#owners === 1 && this.#saves === 0
  }

  get disposed(): boolean {
    return this.#owners + this.#saves === 0
  }

  /** A copy of its bytes, without moving it in. */
  copyOut(): Uint8Array<ArrayBuffer> {
    recorder?.reads(this)
    return this.#copyOut()
  }

  #copyOut(): Uint8Array<ArrayBuffer> {
    this.#checkAlive()
    if (this.#outside) return this.#outside.slice()
    if (!this.resident) this.#moveIn()
    // A slice of an array on shared memory lies in memory of its own; it is not filled with zeros first.
    return bytes().slice(this.#address, this.#address + this.bytes) as Uint8Array<ArrayBuffer>
  }

  /** The float at `index`, without moving it in. */
  readFloat(index: number): number {
    recorder?.reads(this)
    this.#checkAlive()
    const outside = this.#outside
    if (!outside && !this.resident) this.#moveIn()
    return outside ? new Float32Array(outside.buffer)[index] : floats()[this.#address / 4 + index]
  }

  /** Overwrites the float at `index`. */
  writeFloat(index: number, value: number): void {
    recorder?.writes(this)
    // The address first: moving in may make the memory grow.
    const { address } = this
    floats()[address / 4 + index] = value
    this.version++
  }

  /** Overwrites all of it with these elements. */
  write(values: ArrayLike<number>, as: 'f32' | 'u32' | 'u8' = 'f32'): void {
    recorder?.writes(this)
    // The address first: moving in may make the memory grow.
    const { address } = this
    const { buffer } = instance().memory
    const View = { f32: Float32Array, u32: Uint32Array, u8: Uint8Array }[as]
    new View(buffer, address, this.length).set(values)
    this.version++
  }

  /** One more tensor has it. */
  retain(): this {
    this.#checkAlive()
    this.#owners++
    return this
  }

  /** One tensor fewer has it. */
  release(): void {
    this.#owners--
    if (this.disposed) this.#free()
  }

  /** As `release`, by a user who wants the memory back now: what the tape has saved goes too. */
  dispose(): void {
    this.#owners--
    if (this.#owners > 0) return
    this.#saves = 0
    this.#free()
  }

  /** The tape needs it. */
  save(): this {
    this.#checkAlive()
    this.#saves++
    return this
  }

  /** The tape needs it no longer. */
  unsave(): void {
    // A user's `dispose` may have come first.
    if (this.#saves === 0) return
    this.#saves--
    if (this.disposed) this.#free()
  }

  /** Somebody needs it to stay where it is in wasm memory, even when no tensor has it any more. */
  pin(): this {
    void this.address
    this.#pins++
    return this
  }

  /** One fewer needs it there. */
  unpin(): void {
    this.#pins--
    if (this.disposed) this.#free()
  }

  /**
   * Tells how the values that it has now can be made again: when idle they are then dropped, and not copied.
   * (A batch of images is most of what a step makes, and nobody looks at it twice.)
   *
   * @param make writes them to this storage, from what never changes
   */
  makeAgainBy(make: () => void): void {
    this.#again = { make, version: this.version }
  }

  moveOut(): void {
    if (this.#again?.version !== this.version) this.#outside = this.#copyOut()
    this.#leave()
  }

  #moveIn(): void {
    this.#checkAlive()
    const outside = this.#outside
    if (!outside && !this.#again) throw new DisposedError('a storage has lost its values')
    this.#enter()
    if (outside) bytes().set(outside, this.#address)
    else this.#makeAgain()
    this.#outside = undefined
  }

  #makeAgain(): void {
    const { version } = this
    try {
      this.#again?.make()
    } catch (error) {
      this.#leave()
      throw error
    }
    // The values are the same: what remembers the version need not mind.
    this.version = version
  }

  #enter(): void {
    const size = this.bytes
    this.#address = allocate(size, relieve)
    liveBytes += size
    liveStorages++
    const leaf = this.#lifetime === 'leaf'
    const counted = leaf ? newLeaves : made
    if (leaf) leaves.push(this)
    else temporaries.push(this)
    counted.bytes += size
    counted.storages++
  }

  #leave(): void {
    if (this.#address === 0 || this.#pins > 0) return
    instance().kernels.release(this.#address, this.bytes)
    this.#address = 0
    liveBytes -= this.bytes
    liveStorages--
  }

  #free(): void {
    this.#outside = undefined
    this.#again = undefined
    this.#leave()
  }

  #checkAlive(): void {
    if (this.disposed && this.#pins === 0) {
      throw new DisposedError(
        'this tensor was disposed of; use it before dispose(), or keep a copy (toFloat32Array)',
      )
    }
  }
}

/** A part of a storage, as a kernel takes it: `length` elements from `start` on. */
export class Part implements Memory {
  constructor(
    readonly of: Memory,
    readonly start: number,
    readonly length: number,
  ) {}

  get address(): number {
    return this.of.address + 4 * this.start
  }

  get version(): number {
    return this.of.version
  }

  set version(version: number) {
    this.of.version = version
  }
}

/** Moves out what has been idle for `limit` steps, and gives what is still inside. */
function moveOutIdle(storages: Storage[], limit: number): Storage[] {
  const inside: Storage[] = []
  for (const storage of storages) {
    if (!storage.resident) continue
    if (storage.idleSteps < limit || !moves(storage)) inside.push(storage)
  }
  return inside
}

/** Whether it could be moved out: there may be no room outside either, and then it stays. */
function moves(storage: Storage): boolean {
  try {
    storage.moveOut()
    return true
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

/** Ends a step: what two steps did not use leaves wasm memory. */
export function endStep(): void {
  if (stepsHeld) return
  largest.bytes = Math.max(largest.bytes, 2 * made.bytes)
  largest.storages = Math.max(largest.storages, 2 * made.storages)
  nextStep()
}

/**
 * Ends a step if much was made since the last one: for loops that call neither backward nor noGrad. To be called
 * before an operation, or what makes a tensor of a user's: then nothing holds an address.
 */
export function endStepIfLarge(): void {
  if (stepsHeld) return
  if (isMore(made, largest) || isMore(newLeaves, SWEEP)) nextStep()
}

/** Lets no step end until it is called with false; gives what was before. */
export function holdSteps(hold: boolean): boolean {
  const before = stepsHeld
  stepsHeld = hold
  return before
}

function nextStep(): void {
  step++
  made = { bytes: 0, storages: 0 }
  temporaries = moveOutIdle(temporaries, IDLE_STEPS)
  if (!isMore(newLeaves, SWEEP)) return
  newLeaves = { bytes: 0, storages: 0 }
  leaves = moveOutIdle(leaves, IDLE_STEPS)
}

/**
 * Ends a step because memory ran out, and moves out all that the last one used: what runs next may have it.
 * Not while a kernel's addresses are in use.
 *
 * @returns false where no step may end
 */
export function makeRoom(): boolean {
  if (stepsHeld) return false
  nextStep()
  relieve()
  return true
}

function isMore(a: typeof STEP, b: typeof STEP): boolean {
  return a.bytes > b.bytes || a.storages > b.storages
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
