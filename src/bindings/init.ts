import { checkBoolean, checkNumber, checkOptions, kindOf } from '../check.js'
import { ArgumentError, InitError, SimdgradError } from '../errors.js'
import { type Instance, instance, setInstance } from './instance.js'
import { instantiate } from './instantiate.js'
import { isFolder, loadGiven, loadNamed } from './load.js'
import { platform } from './platform.js'
import { RELAXED_SIMD_PROBE, SIMD_PROBE } from './probes.js'
import type { WasmSource } from './source.js'
import { startTeam, type TeamPlan } from './team.js'
import { wantsWhole } from './whole.js'

/** What `init` takes. */
export interface InitOptions {
  /** Threads, the caller's included, 1 … 32. Default: the cores there are, at most 8. */
  threads?: number
  /** No relaxed SIMD, so that every runtime and machine gives the same bits. Default false. */
  deterministic?: boolean
  /**
   * Where the binary is, for a bundler that does not copy it: the URL of a folder that holds the package's
   * own (it ends in `/`), or one of them as its URL, response, bytes or module. Default: beside the package.
   */
  wasm?: WasmSource
  /**
   * `'all'` loads the larger binary, `'core'` the smaller one without what few use: the kernels of recurrent nets,
   * attention, layer and group norm, NAdam, RMSprop and Adagrad. Default: `'all'` where something that needs those was
   * imported before; a bundler drops what a page does not use.
   */
  kernels?: 'all' | 'core'
  /** Where the script of the threads' workers is (`simdgrad/worker.js`). Default: beside the package. */
  worker?: string | URL
}

/** What `init` chose, and why. Where a worker is lost later, `threads` and `reason` say so from then on. */
export interface Backend {
  /** `relaxed` has a fused multiply-add where the CPU has one; `strict` gives the same bits everywhere. */
  readonly simd: 'strict' | 'relaxed'
  /** Threads that work, the caller's included. */
  readonly threads: number
  /** Whether memory is shared with workers. */
  readonly shared: boolean
  /** Whether the binary has `all` kernels, or the `core` of them: what most nets use. */
  readonly kernels: 'all' | 'core'
  /** Why this binary and this number of threads, in words. */
  readonly reason: string
  /** Such as `Node 20.20.2`. */
  readonly runtime: string
}

/** 2 GiB in pages of 64 KiB: the most that the shared builds declare. */
const MAX_PAGES = 32768
/** The binary needs 18; the allocator takes the rest as it goes, and does not use what is there before. */
const INITIAL_PAGES = 32
/** Less than this is no memory to train in: then one that is not shared may be had. */
const LEAST_PAGES = 256
const MOST_THREADS = 32

let started: { key: string; kernels: Backend['kernels']; backend: Promise<Backend> } | undefined

/** A team that was lost, and how to have a new one. */
let lost: { plan: TeamPlan; backend: Writable<Backend>; why: string } | undefined

type Writable<T> = { -readonly [K in keyof T]: T[K] }

/**
 * Loads the best binary that this runtime takes and starts the threads. Must be awaited before the first
 * tensor is made. Calling it again with the same threads, determinism and kernels gives the same backend; where its team
 * was lost (a WorkerError), with a new one.
 *
 * @throws {InitError} when called again with others, where the binary can't be loaded, or where the runtime
 * has no WebAssembly SIMD; its `code` tells which
 * @throws {ArgumentError} for an option that is unknown or out of range
 */
export async function init(options: InitOptions = {}): Promise<Backend> {
  checkOptions('init', options, ['threads', 'deterministic', 'wasm', 'worker', 'kernels'])
  const {
    threads = Math.min(platform().cores, 8),
    deterministic = false,
    kernels = started?.kernels ?? (wantsWhole() ? 'all' : 'core'),
  } = options
  checkNumber('init', 'threads', threads, { least: 1, most: MOST_THREADS, whole: true })
  checkBoolean('init', 'deterministic', deterministic)
  if (kernels !== 'all' && kernels !== 'core') {
    throw new ArgumentError(`init: kernels is 'all' or 'core', got ${kindOf(kernels)}`)
  }
  const key = JSON.stringify({ threads, deterministic, kernels })
  if (started && started.key !== key) {
    throw new InitError(
      `init was called before with ${started.key} and can't change to ${key}: tensors live in the first one's memory`,
      'other-options',
    )
  }
  const asked = { ...options, threads, deterministic }
  started ??= { key, kernels, backend: start(asked, kernels).catch(failed) }
  const backend = await started.backend
  if (lost) await startAgain(lost, options.worker)
  return backend
}

/** A new team in the place of the lost one; where there is none, `reason` says why. */
async function startAgain(last: NonNullable<typeof lost>, script: string | URL | undefined): Promise<void> {
  lost = undefined
  const { backend, why } = last
  const plan = { ...last.plan, script: script ?? last.plan.script }
  const failure = await startTeam(plan)
  if (failure) {
    lost = last
    backend.reason = `one thread, because ${why}, and then ${failure}`
  } else {
    backend.threads = plan.count + 1
    backend.reason = `${backend.threads} threads on ${platform().cores} cores, a new team after ${why}`
  }
}

async function start(
  asked: InitOptions & { threads: number; deterministic: boolean },
  wanted: Backend['kernels'],
): Promise<Backend> {
  const { threads, deterministic, wasm: source, worker: script } = asked
  const { runtime, cores } = platform()
  if (!globalThis.WebAssembly?.validate(SIMD_PROBE)) {
    throw new InitError(`${runtime} has no WebAssembly SIMD, which simdgrad needs`, 'no-simd')
  }
  const simd = !deterministic && WebAssembly.validate(RELAXED_SIMD_PROBE) ? 'relaxed' : 'strict'
  const folder = isFolder(source) ? source : undefined
  const given = isFolder(source) ? undefined : await loadGiven(source)
  const load = (memory: 'shared' | 'unshared') =>
    given ?? loadNamed(`${simd}-${memory}${wanted === 'core' ? '-core' : ''}`, folder)
  const givenShares = given && WebAssembly.Module.imports(given).some(({ kind }) => kind === 'memory')
  const simdOf = (loaded: Instance): [Backend['simd'], string] =>
    given ? kindOfGiven(loaded, asked) : [simd, whySimd(simd, deterministic)]
  const done = (
    loaded: Instance,
    [kind, why]: [Backend['simd'], string],
    rest: Pick<Backend, 'shared' | 'threads' | 'reason'>,
  ): Backend => {
    setInstance(loaded)
    const kernels = loaded.whole ? 'all' : 'core'
    const few = loaded.whole ? '' : `; the smaller binary, ${whyCore(given, asked)}`
    return { simd: kind, kernels, runtime, ...rest, reason: `${why}; ${rest.reason}${few}` }
  }
  let reason = 'one thread was asked for'
  if (threads > 1) {
    const memory = sharedMemory()
    if (givenShares === false) {
      reason = 'one thread, because the given binary has no shared memory'
    } else if (memory) {
      const module = await load('shared')
      const loaded = instanceOf(instantiate(module, memory), memory)
      const { kernels } = loaded
      const kind = simdOf(loaded)
      let backend: Writable<Backend> | undefined
      const onLost = (why: string) => {
        if (!backend) return
        lost = { plan, backend, why }
        backend.threads = 1
        backend.reason = `one thread, because ${why}`
      }
      const plan: TeamPlan = { module, memory, kernels, count: threads - 1, script, onLost }
      const failure = await startTeam(plan)
      if (!failure) {
        reason = `${threads} threads on ${cores} cores`
        backend = done(loaded, kind, { shared: true, threads, reason })
        return backend
      }
      reason = `one thread, because ${failure}`
    } else {
      reason =
        'one thread, because SharedArrayBuffer is not to be had here (a page needs Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp)'
    }
  }
  const own = givenShares ? sharedMemory() : undefined
  if (givenShares && !own) {
    throw new InitError(
      'the given binary needs shared memory, which is not to be had here; give the folder of all',
      'needs-shared-memory',
    )
  }
  const kernels = instantiate(await load('unshared'), own)
  const loaded = instanceOf(kernels, own ?? kernels.memory)
  return done(loaded, simdOf(loaded), { shared: own !== undefined, threads: 1, reason })
}

/** A failed start may be tried again. @throws {SimdgradError} always: what a runtime throws becomes an InitError */
function failed(cause: unknown): never {
  started = undefined
  if (cause instanceof SimdgradError) throw cause
  const text = `${cause}`
  const [code, why] = /URL/.test(text)
    ? ([
        'invalid-url',
        'no import.meta.url in this bundle, or wasm is no URL: init({ wasm, worker })',
      ] as const)
    : /^Range/.test(text)
      ? (['out-of-memory', 'not enough memory'] as const)
      : (['damaged', "the binary is none of simdgrad's"] as const)
  throw new InitError(`init: ${why} (${text})`, code, { cause })
}

function instanceOf(kernels: Instance['kernels'], memory: WebAssembly.Memory): Instance {
  const { __stack_pointer: pointer } = kernels as { __stack_pointer?: unknown }
  return {
    kernels,
    memory,
    whole: Boolean(kernels.is_whole()),
    stack: pointer instanceof WebAssembly.Global ? { pointer, top: pointer.value } : undefined,
  }
}

function whySimd(simd: Backend['simd'], deterministic: boolean): string {
  if (simd === 'relaxed') return 'relaxed SIMD validates here'
  return `strict SIMD, because ${deterministic ? 'deterministic was asked for' : 'this runtime has no relaxed SIMD'}`
}

function whyCore(given: unknown, { kernels }: InitOptions): string {
  if (given) return 'as the given one is'
  return kernels ? 'which was asked for' : 'because nothing imported needs the larger'
}

/** What a given binary does says which it is. @throws {ArgumentError} where that is not what was asked for */
function kindOfGiven(loaded: Instance, { deterministic, kernels }: InitOptions): [Backend['simd'], string] {
  const simd = loaded.kernels.fuses() ? 'relaxed' : 'strict'
  if (kernels && (kernels === 'all') !== loaded.whole) {
    throw new ArgumentError(
      `init: the given wasm has ${loaded.whole ? 'all' : 'the core'} kernels, but kernels: '${kernels}' was asked for`,
    )
  }
  if (simd === 'relaxed' && deterministic) {
    throw new ArgumentError('init: the given wasm has relaxed SIMD; deterministic needs a strict one')
  }
  return [simd, `${simd} SIMD, as the given binary has it`]
}

/** A shared memory with the largest maximum that the runtime grants; undefined where there is none. */
function sharedMemory(): WebAssembly.Memory | undefined {
  if (typeof SharedArrayBuffer === 'undefined') return undefined
  for (let maximum = MAX_PAGES; maximum >= LEAST_PAGES; maximum /= 2) {
    try {
      return new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum, shared: true })
    } catch {
      // Phones refuse a large maximum: try half.
    }
  }
  return undefined
}

/**
 * Chunks that each worker has done since the start; empty with one thread. It tells whether workers work.
 *
 * @param threads `backend.threads`
 * @throws {ArgumentError} for another number
 */
export function chunksDone(threads: number): number[] {
  checkNumber('chunksDone', 'threads', threads, { least: 1, most: MOST_THREADS, whole: true })
  return Array.from({ length: threads - 1 }, (_, index) => instance().kernels.team_chunks_done(index))
}
