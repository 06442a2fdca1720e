import type { Bytes } from '../check.js'

/**
 * How a step is written down while it runs, so that it can run again without TypeScript (program.ts). What the step
 * does besides running kernels is told here: what changes from run to run, and what the recording relies on. Without a
 * recorder each of these functions just does what it is given.
 */

/** As much of a storage (memory.ts) as a recording needs. */
export interface Storage {
  readonly address: number
  readonly bytes: number
  readonly isLeaf: boolean
  version: number
  willChange(): void
  readFloat(index: number): number
  copyOut(): Bytes
  write(values: ArrayLike<number>): void
  pin(): unknown
  unpin(): void
  /** Overwrites the float at `index`. */
  writeFloat(index: number, value: number): void
}

/** What has a gradient that a step sets: a tensor. */
export interface HasGradient {
  /** Where it lies, unseen by the recorder; set, what lies there becomes the gradient. */
  gradientStorage: Storage | undefined
}

/** Who writes down what happens. */
export interface Recorder {
  /** Somebody asks where `storage` lies. */
  asks(storage: Storage, address: number): void
  /** A storage came into wasm memory as a new one. */
  makes(storage: Storage): void
  /** A kernel is to run whose row was written; true where it is not to. */
  runs(row: Float64Array): boolean
  /** It has run. */
  ran(row: Float64Array, name: string): void
  /** JavaScript reads values. */
  reads(storage: Storage): void
  /** JavaScript is to write values. */
  writes(storage: Storage): void
  /** A gradient is read, or set. */
  gradient(of: HasGradient, how: 'read' | 'set'): void
  live(run: () => void): void
  eachRun(storages: readonly Storage[], run: (storages: readonly Storage[]) => void): void
  accepts(number: number, isRight: (number: number) => boolean): void
  reliesOn(what: object, holds: () => boolean): void
}

/** The recorder at work. */
export let recorder: Recorder | undefined

/** Lets `next` write down what happens while `run` runs; undefined lets nobody. */
export function recordedBy<T>(next: Recorder | undefined, run: () => T): T {
  const before = recorder
  recorder = next
  try {
    return run()
  } finally {
    recorder = before
  }
}

/**
 * Runs kernels whose numbers change from step to step, such as a place in the stream of random numbers. A recorded
 * step calls `run` again before each run, for the numbers only. So it runs exactly once a step, and may count.
 */
export function live(run: () => void): void {
  if (recorder) recorder.live(run)
  else run()
}

/**
 * Runs JavaScript that belongs to each run of a step, at this place: it may read what the kernels before it have made
 * (`storages`, which in a later run are others), run kernels of its own, and throw, before those after it run.
 */
export function eachRun(storages: readonly Storage[], run: (storages: readonly Storage[]) => void): void {
  if (recorder) recorder.eachRun(storages, run)
  else run(storages)
}

/**
 * Says of the `number` that the last kernel gave in which case all goes on as written down. In the other, a recorded
 * step takes back what it has done, and runs as if it were not recorded.
 *
 * @returns whether it is right
 */
export function accepts(number: number, isRight: (number: number) => boolean): boolean {
  recorder?.accepts(number, isRight)
  return isRight(number)
}

/** Says that what runs now does so because of a value of `what` that may change. */
export function reliesOn(what: object, holds: () => boolean): void {
  recorder?.reliesOn(what, holds)
}
