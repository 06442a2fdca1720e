// Limits by the wall's clock on a machine that does other things too.

/** Of so many runs the best counts: what else the machine does comes and goes. */
const RUNS = 5

/** How many times as long as on an idle machine work takes now: a loop by the wall's clock against its processor time. */
export function busy() {
  const [start, used] = [performance.now(), process.cpuUsage()]
  const spent = () => {
    const { user, system } = process.cpuUsage(used)
    return (user + system) / 1000
  }
  while (spent() < 100);
  return Math.max(1, (performance.now() - start) / spent())
}

/**
 * Holds the best of some runs to a limit by the wall's clock; on a busy machine it has as much more time as a loop needs.
 *
 * @param {string} what @param {number} limit milliseconds @param {() => Promise<number>} run gives milliseconds
 */
export async function within(what, limit, run) {
  /** @type {string[]} */
  const told = []
  for (let i = 0; i < RUNS; i++) {
    const before = busy()
    const took = await run()
    const allowed = limit * Math.max(before, busy())
    told.push(`${Math.round(took)} ms (of ${Math.round(allowed)})`)
    if (took > allowed) continue
    console.log(`    ${what}: ${told.join(', ')}`)
    return
  }
  throw new Error(`${what}: ${told.join(', ')}`)
}
