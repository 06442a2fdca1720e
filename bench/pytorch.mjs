// PyTorch beside us: eager with each number of threads, and compiled as long as that takes no minutes.
import { messageOf } from './children.mjs'
import { median } from './statistics.mjs'
import { peerRunner } from './turns.mjs'

export const PYTORCH = 'PyTorch (eager)'
export const COMPILED = 'torch.compile'

/** No further net is compiled once torch.compile has taken so long, unless a part has more time. */
const COMPILE_SECONDS = 15

/**
 * What makes the runners of a job.
 *
 * @param {import('./children.mjs').Side} side
 * @param {number} threads
 * @param {string[]} missing is told what was not compiled, and why
 * @param {number} [most] seconds that compiling may take, in all
 */
export function torchRunners(side, threads, missing, most = COMPILE_SECONDS) {
  let compiling = 0
  let givenUp = false
  /** @param {{ net: string } & Record<string, unknown>} job @param {string} [name] of the job */
  return async (job, name = job.net) => {
    const runners = []
    for (const count of new Set([1, threads])) {
      const eager = { ...job, threads: count }
      runners.push(await peerRunner(side, eager, `${PYTORCH} ${count}`, { spins: true }))
    }
    if (compiling > most) {
      if (!givenUp)
        missing.push(`${COMPILED}, from ${name} on: compiling took ${Math.round(compiling)} s before`)
      givenUp = true
      return runners
    }
    const began = performance.now()
    try {
      const compiled = { ...job, threads, compiled: true }
      runners.push(await peerRunner(side, compiled, COMPILED, { spins: true, compiles: true }))
    } catch (error) {
      missing.push(`${COMPILED}, ${name}: ${messageOf(error)}`)
    }
    compiling += (performance.now() - began) / 1000
    return runners
  }
}

/**
 * The faster of its eager sides: its name and seconds a step.
 *
 * @param {Map<string, number[]>} samples
 * @returns {[name: string, seconds: number[] | undefined]}
 */
export function eagerOf(samples) {
  const eager = [...samples].filter(([name]) => name.startsWith(PYTORCH))
  eager.sort(([, a], [, b]) => median(a) - median(b))
  return eager[0] ?? ['', undefined]
}
