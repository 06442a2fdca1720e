import type { TeamWorker } from './platform.js'
import { platform } from './platform.js'
import type { InitOutput } from './wasm/bnkernels.js'

/** How long workers may take to come up, and then to do their first chunk, in milliseconds. */
const START_LIMIT = 10_000
const SELF_TEST_LIMIT = 2_000

/**
 * Starts `count` workers on `memory` and lets each do a chunk before it counts as one of the team (Bun has
 * had workers that do not see each other's writes).
 *
 * @returns undefined, or why there is no team; then no worker is left running
 */
export async function startTeam(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  kernels: InitOutput,
  count: number,
  script: string | URL | undefined,
): Promise<string | undefined> {
  const { cores, mayBlock } = platform()
  const workers: TeamWorker[] = []
  let ready = 0
  let failure: string | undefined
  const on = {
    ready: () => ready++,
    failed: (why: string) => {
      failure ??= `a worker could not be started (${why})`
    },
  }
  try {
    for (let index = 0; index < count; index++) {
      workers.push(platform().startWorker({ module, memory, index }, script, on))
    }
    const late = await until(
      () => ready === count || failure !== undefined,
      START_LIMIT,
      'a worker did not start in time',
    )
    failure ??= late
    if (!failure) {
      kernels.team_self_test_start(count)
      failure = await until(
        () => Boolean(kernels.team_self_test_done()),
        SELF_TEST_LIMIT,
        'a worker did not see the memory that it shares',
      )
    }
    if (failure) {
      for (const worker of workers) worker.terminate()
      return failure
    }
  } catch (error) {
    for (const worker of workers) worker.terminate()
    return `a worker could not be started (${error instanceof Error ? error.message : error})`
  }
  for (const worker of workers) worker.unref()
  kernels.team_set(count, Math.max(1, cores - 1), Number(mayBlock))
  return undefined
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
