// SIGKILL of a rank.
import { job, mpirun, run } from './launch.mjs'

/**
 * Starts a training, and kills one rank after a step; two steps later it waits for that.
 * @param {import('./launch.mjs').Make} make @param {number} ranks @param {object} options
 * @param {{ victim: number, after: number, pause: number }} when
 * @param {Parameters<typeof run>[2]} [how]
 */
export async function killRank(make, ranks, options, { victim, after, pause }, how) {
  /** @type {Map<number, number>} */
  const pids = new Map()
  const [program, ...args] = mpirun(make, ranks)
  const given = { ...options, steps: true, pids: true, hold: after + 2 }
  return run(program, [...args, '-n', String(ranks), process.execPath, job('train'), JSON.stringify(given)], {
    ...how,
    onLine(line) {
      if (!line.startsWith('{')) return
      const { rank, pid, step } = JSON.parse(line)
      if (pid) pids.set(rank, pid)
      const target = pids.get(victim)
      if (step === after && target) setTimeout(() => process.kill(target, 'SIGKILL'), pause)
    },
  })
}
