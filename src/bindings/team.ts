/** The thread team: started, told to be lost where a worker fails, and started anew. */
import { WorkerError } from '../errors.js'
import { instance } from './instance.js'
import type { TeamWorker } from './platform.js'
import { platform } from './platform.js'
import type { InitOutput } from './wasm/bnkernels.js'

/** How long workers may take to come up, and then to do their first chunk, in milliseconds. */
const START_LIMIT = 10_000
const SELF_TEST_LIMIT = 2_000

/** What a team is made of. */
export interface TeamPlan {
  readonly module: WebAssembly.Module
  readonly memory: WebAssembly.Memory
  readonly kernels: InitOutput
  /** Workers beside the caller. */
  readonly count: number
  /** Where their script is, if not in the package. */
  readonly script: string | URL | undefined
  /** Called once when the team is lost after it had started, with the reason. */
  readonly onLost: (why: string) => void
}

interface Team {
  readonly workers: readonly TeamWorker[]
  readonly plan: TeamPlan
}

let team: Team | undefined
/** The workers of the last team, as long as they may still be running. */
let ending: Promise<unknown> = Promise.resolve()

/**
 * Starts the workers on the memory and lets each do a chunk before it counts as one of the team (Bun has
 * had workers that do not see each other's writes).
 *
 * @returns undefined, or why there is no team; then no worker is left running
 */
export async function startTeam(plan: TeamPlan): Promise<string | undefined> {
  const { module, memory, kernels, count, script } = plan
  const { cores, mayBlock } = platform()
  const workers: TeamWorker[] = []
  let started = false
  await ending
  kernels.team_reset()
  try {
    let limit: ReturnType<typeof setTimeout> | undefined
    let failure = await new Promise<string | undefined>((resolve) => {
      let ready = 0
      const on = {
        ready: () => {
          if (++ready === count) resolve(undefined)
        },
        failed: (why: string) => {
          if (started && team?.workers === workers) lose(`a worker ended (${why})`)
          resolve(`a worker could not be started (${why})`)
        },
      }
      for (let index = 0; index < count; index++) {
        workers.push(platform().startWorker({ module, memory, index }, script, on))
      }
      limit = setTimeout(resolve, START_LIMIT, 'a worker did not start in time')
    })
    clearTimeout(limit)
    if (!failure) {
      kernels.team_self_test_start(count)
      failure = await until(
        () => Boolean(kernels.team_self_test_done()),
        SELF_TEST_LIMIT,
        'a worker did not see the memory that it shares',
      )
    }
    if (failure) {
      end(workers)
      return failure
    }
  } catch (error) {
    end(workers)
    return `a worker could not be started (${error instanceof Error ? error.message : error})`
  }
  for (const worker of workers) worker.unref?.()
  kernels.team_set(count, Math.max(1, cores - 1), Number(mayBlock))
  team = { workers, plan }
  started = true
  return undefined
}

function end(workers: readonly TeamWorker[]): void {
  ending = Promise.allSettled(workers.map((worker) => worker.terminate()))
}

/** The team is no more: from now on the caller works alone. */
function lose(why: string): void {
  if (!team) return
  const { workers, plan } = team
  team = undefined
  plan.kernels.team_set(0, 1, Number(platform().mayBlock))
  end(workers)
  plan.onLost(why)
}

/** `team_failure` says above the low byte, which has the worker's index, how it failed: this, or it is gone. */
const TRAPPED = 1

/** The error behind a trap: a worker's failure, which ends the team, or a kernel's own, after which the team goes on. */
export function teamFailure(trap: unknown): WorkerError {
  const { kernels } = instance()
  const failure = kernels.team_failure()
  if (failure === 0 || !team) {
    kernels.team_abandon()
    return new WorkerError(
      `a kernel failed (${trap instanceof Error ? trap.message : trap}): an older wasm, or a fault: please report it`,
      { cause: trap },
    )
  }
  const why = `worker ${failure & 255} of the thread team ${failure >> 8 === TRAPPED ? 'trapped' : 'is gone: it stood still for seconds with a piece of work'}`
  lose(why)
  return new WorkerError(
    `${why}; what was being computed is lost. Work goes on with one thread; await init() with the same options starts a new team`,
    { cause: trap },
  )
}

/** Waits for `condition` without blocking; undefined once it holds, `failure` after `limit` ms. */
async function until(condition: () => boolean, limit: number, failure: string): Promise<string | undefined> {
  const end = performance.now() + limit
  for (let wait = 0; !condition(); wait = Math.min(wait + 1, 10)) {
    if (performance.now() > end) return failure
    await new Promise((resolve) => setTimeout(resolve, wait))
  }
  return undefined
}
