/** Which pieces of wasm memory stay there: steps, and what they make room for. */
import { instance } from './instance.js'

/**
 * Whether a storage is made by an operation, and so mostly garbage two steps later, or is a `leaf` that
 * a user or the library made to stay: parameters, buffers, data, what an optimiser keeps.
 */
export type Lifetime = 'temporary' | 'leaf'

/** A piece of wasm memory that may move out. */
export interface Resident {
  readonly bytes: number
  readonly resident: boolean
  readonly idleSteps: number
  moveOut(): void
}

/**
 * Memory looks after itself: finalizers run only when the event loop turns, so a synchronous training
 * loop would never get its memory back. Instead, what was not used for two steps moves out of wasm
 * memory into an ArrayBuffer that only its Storage owns, or is dropped where it can be made again (recipes.ts), and
 * garbage collection does the rest; when it is used again, it moves back in. A step ends with `backward()`, with the outermost `noGrad`, or when many
 * bytes, or many storages, were made without either. (Many small ones are as bad: each holds an object.)
 */
const IDLE_STEPS = 2

/** A step ends by itself when so much was made in it, or twice as much as the largest step had. */
const STEP = { bytes: 64 << 20, storages: 8192 }

/**
 * When there is so much more of leaves, in bytes, than when they were last looked through, the idle ones move out. What
 * comes and goes does not count: a data set that idles takes no more memory inside than outside. (Many small ones are as
 * bad: each counts for 16 kB at least.)
 */
const SWEEP = 16 << 20

let step = 0
let temporaries: Resident[] = []
const leaves = new Set<Resident>()
let made = { bytes: 0, storages: 0 }
const largest = { ...STEP }
let leafBytes = 0
/** The same, when they were last looked through. */
let sweptBytes = 0
let liveBytes = 0
let livePieces = 0
/** While a backward is under way: it holds addresses of what a step's end would move out. */
let stepsHeld = false

/** Counts the steps. */
export function currentStep(): number {
  return step
}

/** A piece came into wasm memory. */
export function enter(piece: Resident, lifetime: Lifetime): void {
  const { bytes } = piece
  liveBytes += bytes
  livePieces++
  if (lifetime === 'leaf') {
    enterLeaf(piece)
  } else {
    temporaries.push(piece)
    made.bytes += bytes
    made.storages++
  }
}

/** A piece that an operation made, in wasm memory, is a leaf from now on. */
export function settle(piece: Resident): void {
  temporaries = temporaries.filter((one) => one !== piece)
  enterLeaf(piece)
}

function enterLeaf(piece: Resident): void {
  leaves.add(piece)
  leafBytes += asLeaf(piece)
}

const asLeaf = ({ bytes }: Resident) => Math.max(bytes, 1 << 14)

/** A piece left it. */
export function leave(piece: Resident): void {
  liveBytes -= piece.bytes
  livePieces--
  if (leaves.delete(piece)) leafBytes -= asLeaf(piece)
}

/** Makes room: everything that the current step has not used leaves wasm memory. */
export function relieve(): void {
  temporaries = moveOutIdle(temporaries, 1)
  moveOutIdle(leaves, 1)
  instance().kernels.scratch_trim()
}

/** Moves out what has been idle for `limit` steps, and gives what is still inside. */
function moveOutIdle(storages: Iterable<Resident>, limit: number): Resident[] {
  const inside: Resident[] = []
  for (const storage of storages) {
    if (!storage.resident) continue
    if (storage.idleSteps < limit || !moves(storage)) inside.push(storage)
  }
  return inside
}

/** Whether it could be moved out: there may be no room outside either, and then it stays. */
function moves(storage: Resident): boolean {
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
  if (made.bytes > largest.bytes || made.storages > largest.storages || moreLeaves()) nextStep()
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
  if (!moreLeaves()) return
  moveOutIdle(leaves, IDLE_STEPS)
  sweptBytes = leafBytes
}

const moreLeaves = () => leafBytes > sweptBytes + SWEEP

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
  return { liveBytes, liveTensors: livePieces, wasmBytes: instance().memory.buffer.byteLength }
}
