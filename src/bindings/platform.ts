import type { Bytes } from '../check.js'

/** What differs between Node (and Bun, and Deno) and a browser; each entry of the package sets one. */
export interface Platform {
  /** Such as `Node 20.20.2`. */
  readonly runtime: string
  /** Processors that this process may use. */
  readonly cores: number
  /** Whether this thread may block: a browser's main thread may not. */
  readonly mayBlock: boolean
  /** What to do where the binary can't be had from there, to stand behind what was wrong; '' where nothing is known. */
  cure(from: string): string
  /** The bytes of a file or URL. @throws {InitError} when it can't be read */
  readBytes(from: string | URL): Promise<Bytes>
  /** Starts a worker of the team from `script`, or from the package's own file. */
  startWorker(work: TeamWork, script: string | URL | undefined, on: TeamWorkerEvents): TeamWorker
}

/** What a worker gets: the binary, the memory that it shares, and which of the team it is. */
export interface TeamWork {
  readonly module: WebAssembly.Module
  readonly memory: WebAssembly.Memory
  readonly index: number
}

export interface TeamWorkerEvents {
  /** It runs. */
  ready(): void
  /** It can't be loaded, or ended. */
  failed(why: string): void
}

/** A started worker. */
export interface TeamWorker {
  /** Lets the process end although the worker runs (Node). */
  unref?(): void
  terminate(): unknown
}

let current: Platform | undefined

/** Sets the platform; the package's entries call it once. */
export function setPlatform(platform: Platform): void {
  current = platform
}

export function platform(): Platform {
  if (!current) throw new Error('the package was loaded past its entry; import simdgrad')
  return current
}
