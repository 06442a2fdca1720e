import { ArgumentError, InitError } from '../errors.js'
import { type Instance, instance, setInstance } from './instance.js'
import { instantiate } from './instantiate.js'
import { platform } from './platform.js'
import { RELAXED_SIMD_PROBE, SIMD_PROBE } from './probes.js'
import { startTeam } from './team.js'

/** What `init` takes. */
export interface InitOptions {
  /** Threads, the caller's included, 1 … 32. Default: the cores there are, at most 8. */
  threads?: number
  /** No relaxed SIMD, so that every runtime and machine gives the same bits. Default false. */
  deterministic?: boolean
}

/** What `init` chose, and why. */
export interface Backend {
  /** `relaxed` has a fused multiply-add where the CPU has one; `strict` gives the same bits everywhere. */
  readonly simd: 'strict' | 'relaxed'
  /** Threads that work, the caller's included. */
  readonly threads: number
  /** Whether memory is shared with workers. */
  readonly shared: boolean
  /** Why this binary and this number of threads, in words. */
  readonly reason: string
  /** Such as `Node 20.20.2`. */
  readonly runtime: string
}

/** 2 GiB in pages of 64 KiB: the most that the shared builds declare. */
const MAX_PAGES = 32768
const INITIAL_PAGES = 256
const MOST_THREADS = 32

let started: { key: string; backend: Promise<Backend> } | undefined

/**
 * Loads the best binary that this runtime takes and starts the threads. Must be awaited before the first
 * tensor is made. Calling it again with the same options gives the same backend.
 *
 * @throws {InitError} when called again with other options, or where the runtime has no WebAssembly SIMD
 * @throws {ArgumentError} for an option that is unknown or out of range
 */
export async function init(options: InitOptions = {}): Promise<Backend> {
  const { threads = Math.min(platform().cores, 8), deterministic = false, ...unknown } = options
  for (const name of Object.keys(unknown)) {
    throw new ArgumentError(`init: unknown option '${name}'; it takes threads and deterministic`)
  }
  if (!Number.isInteger(threads) || threads < 1 || threads > MOST_THREADS) {
    throw new ArgumentError(`init: threads must be a whole number from 1 to ${MOST_THREADS}, not ${threads}`)
  }
  if (typeof deterministic !== 'boolean') {
    throw new ArgumentError(`init: deterministic is true or false, not ${deterministic}`)
  }
  const key = JSON.stringify({ threads, deterministic })
  if (started && started.key !== key) {
    throw new InitError(
      `init was called before with ${started.key} and can't change to ${key}: tensors live in the first one's memory`,
    )
  }
  started ??= { key, backend: start(threads, deterministic) }
  // A failed start may be tried again.
  started.backend.catch(() => {
    started = undefined
  })
  return started.backend
}

async function start(threads: number, deterministic: boolean): Promise<Backend> {
  if (!WebAssembly.validate(SIMD_PROBE)) {
    throw new InitError(
      `${platform().runtime} has no WebAssembly SIMD; simdgrad needs it (browsers since 2021-2023, Node since 16.4)`,
    )
  }
  const relaxed = !deterministic && WebAssembly.validate(RELAXED_SIMD_PROBE)
  const simd = relaxed ? 'relaxed' : 'strict'
  const why = relaxed
    ? 'relaxed SIMD validates here'
    : deterministic
      ? 'strict SIMD, because deterministic was asked for'
      : 'strict SIMD, because this runtime has no relaxed SIMD'
  const done = (loaded: Instance, shared: boolean, count: number, reason: string): Backend => {
    setInstance(loaded)
    return { simd, threads: count, shared, reason: `${why}; ${reason}`, runtime: platform().runtime }
  }

  let reason = 'one thread was asked for'
  if (threads > 1) {
    const memory = sharedMemory()
    if (memory) {
      const module = await compile(simd, 'shared')
      const loaded = instantiate(module, memory, false)
      const failure = await startTeam(module, memory, loaded, threads - 1, platform().cores)
      if (!failure) {
        return done(
          { kernels: loaded, memory },
          true,
          threads,
          `${threads} threads on ${platform().cores} cores`,
        )
      }
      reason = `one thread, because ${failure}`
    } else {
      reason =
        'one thread, because SharedArrayBuffer is not to be had here (a page needs the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp)'
    }
  }
  const loaded = instantiate(await compile(simd, 'unshared'), undefined, false)
  if (!loaded.memory) throw new InitError('the binary exports no memory; was it built from these sources?')
  return done({ kernels: loaded, memory: loaded.memory }, false, 1, reason)
}

/** A shared memory with the largest maximum that the runtime grants; undefined where there is none. */
function sharedMemory(): WebAssembly.Memory | undefined {
  if (typeof SharedArrayBuffer === 'undefined') return undefined
  for (let maximum = MAX_PAGES; maximum >= INITIAL_PAGES; maximum /= 2) {
    try {
      return new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum, shared: true })
    } catch {
      // Phones refuse a large maximum: try half.
    }
  }
  return undefined
}

async function compile(
  simd: 'strict' | 'relaxed',
  memory: 'shared' | 'unshared',
): Promise<WebAssembly.Module> {
  // Four literals, so that bundlers find and copy the files.
  const urls = {
    'strict-unshared': () => new URL('./wasm/strict-unshared.wasm', import.meta.url),
    'relaxed-unshared': () => new URL('./wasm/relaxed-unshared.wasm', import.meta.url),
    'strict-shared': () => new URL('./wasm/strict-shared.wasm', import.meta.url),
    'relaxed-shared': () => new URL('./wasm/relaxed-shared.wasm', import.meta.url),
  }
  const url = urls[`${simd}-${memory}`]()
  const bytes = await platform().readBytes(url)
  if (bytes[0] !== 0 || bytes[1] !== 0x61 || bytes[2] !== 0x73 || bytes[3] !== 0x6d) {
    const html =
      bytes[0] === 0x3c ? ' but an HTML page: the server does not have the file at this address' : ''
    throw new InitError(`${url} is no WebAssembly binary${html}`)
  }
  try {
    return await WebAssembly.compile(bytes)
  } catch (cause) {
    throw new InitError(`${url} is damaged, or was built for a newer runtime than this one`, { cause })
  }
}

/**
 * Chunks that each worker has done since the start; empty with one thread. It tells whether workers work.
 *
 * @param threads `backend.threads`
 */
export function chunksDone(threads: number): number[] {
  return Array.from({ length: threads - 1 }, (_, index) => instance().kernels.team_chunks_done(index))
}
