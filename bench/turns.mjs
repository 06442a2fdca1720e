// Sides in turns: every round gives each side one turn, so that a slow minute of the machine hits all of them.
import { cpus } from 'node:os'

/**
 * What every part is given.
 *
 * @typedef {object} Context
 * @property {number} rounds
 * @property {number} turn seconds that a turn should take
 * @property {number} threads
 * @property {(text: string) => void} progress
 *
 * What every part gives.
 *
 * @typedef {Pick<import('./results.mjs').PartResult, 'figures' | 'cells' | 'notes' | 'missing' | 'versions'>} Measured
 *
 * @typedef {object} Runner
 * @property {string} name
 * @property {number} secondsPerStep of its warm-up
 * @property {(steps: number) => Promise<number>} run tells seconds
 * @property {number} [rounds] fewer rounds for a slow one
 * @property {boolean} [spins] whether its threads spin on after its work
 */

/** A machine is idle that had less than this share of its processors' time to do, for so long. */
const IDLE = { share: 0.1, milliseconds: 150 }

/** Nothing waits longer for it. */
const PATIENCE = 3000

/** Seconds of training before anything is timed: V8 compiles twice, and its better code comes late. */
export const WARM_UP = 0.6

/** Steps of an epoch at batch 32. */
export const STEPS_PER_EPOCH = 1875

/**
 * What tells how busy the machine is, and waits. Tests have one of their own: a real one is as busy as it is.
 *
 * @typedef {object} Machine
 * @property {() => number} now milliseconds
 * @property {() => { all: number, idle: number }} times of all processors together, since the machine's start
 * @property {(milliseconds: number) => Promise<unknown>} wait
 */

/** @type {Machine} */
const MACHINE = {
  now: () => performance.now(),
  times() {
    const times = cpus().map(({ times }) => times)
    const all = times.flatMap((time) => Object.values(time)).reduce((a, b) => a + b, 0)
    return { all, idle: times.reduce((sum, { idle }) => sum + idle, 0) }
  },
  wait: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
}

/**
 * Waits until the machine is idle: PyTorch's threads (OpenMP's) spin for some 200 ms after their last work, and
 * its compiler's helpers go on for seconds.
 *
 * @param {Machine} machine
 */
async function untilIdle({ now, times, wait }) {
  const end = now() + PATIENCE
  for (let share = 1; share > IDLE.share && now() < end; ) {
    const before = times()
    await wait(IDLE.milliseconds)
    const after = times()
    share = 1 - (after.idle - before.idle) / Math.max(1, after.all - before.all)
  }
}

/**
 * Seconds a step, round by round, by the runner's name. Runners whose threads spin come last, and the next
 * round waits for them.
 *
 * @param {readonly Runner[]} runners
 * @param {{ rounds: number, turn: number }} how
 * @param {Machine} machine
 * @returns {Promise<Map<string, number[]>>}
 */
export async function takeTurns(runners, { rounds, turn }, machine = MACHINE) {
  const order = [...runners.filter(({ spins }) => !spins), ...runners.filter(({ spins }) => spins)]
  /** @type {Map<string, number[]>} */
  const samples = new Map(runners.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    if (round === 0 || order.some(({ spins }) => spins)) await untilIdle(machine)
    for (const { name, secondsPerStep, run, rounds: most = rounds } of order) {
      if (round >= most) continue
      const steps = Math.max(1, Math.round(turn / secondsPerStep))
      samples.get(name)?.push((await run(steps)) / steps)
    }
  }
  return samples
}

/**
 * A job of our side, warmed up.
 *
 * @param {import('./children.mjs').Side} side
 * @param {{ net: string, batch: number } & Record<string, unknown>} job
 * @param {string} name
 * @returns {Promise<Runner>}
 */
export async function ourRunner(side, job, name) {
  const { seconds } = await side.ask({ do: 'warm', ...job, seconds: WARM_UP })
  return {
    name,
    secondsPerStep: seconds,
    run: async (steps) => (await side.ask({ do: 'train', ...job, steps })).seconds,
  }
}

/** A step of more seconds than this is timed once. */
const SLOW_STEP = 1

/**
 * A job of another library, warmed up. The protocol of peers/: {net, threads, steps} → {seconds}.
 *
 * @param {import('./children.mjs').Side} side
 * @param {{ net: string, threads: number } & Record<string, unknown>} job
 * @param {string} name
 * @param {{ spins?: boolean, compiles?: boolean }} [how]
 * @returns {Promise<Runner>}
 */
export async function peerRunner(side, job, name, { spins = false, compiles = false } = {}) {
  /** @param {number} steps */
  const run = async (steps) => {
    const { seconds, loss } = await side.ask({ ...job, steps })
    if (!Number.isFinite(loss)) throw new Error(`the loss is ${loss}`)
    return seconds
  }
  const first = await run(1)
  // A first step that is slow may have compiled.
  if (first > SLOW_STEP && (!compiles || (await run(1)) > SLOW_STEP)) {
    return { name, spins, secondsPerStep: first, run, rounds: 1 }
  }
  let secondsPerStep = await run(1)
  for (let i = 0; i < 2; i++) {
    const steps = Math.min(20, Math.max(1, Math.round(WARM_UP / 2 / secondsPerStep)))
    secondsPerStep = (await run(steps)) / steps
  }
  return { name, spins, secondsPerStep, run }
}
