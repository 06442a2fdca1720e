// What every check reports to, and what a trained net must be.

/** @typedef {{ what: string, where: string, how: string, passed: boolean, seen: string, seconds: number }} Row */
/** @typedef {{ simd: 'strict' | 'relaxed', threads: number, shared: boolean, kernels: 'all' | 'core', reason: string, hash: string }} Trained */

/**
 * The hashes of the weights after apps/train.mjs: strict builds give the first on any machine, relaxed ones
 * the second where the runtime has a fused multiply-add (Bun on x86-64 has none: its relaxed is as strict).
 * They change with every change of what a kernel rounds: take the new ones from what failed.
 */
const STRICT = '0bf74409b90fba7981294aa63b51cf4ded8aa5f4f96f1c7343c03a627271413f'
const FUSED = '116fcd9a1d03c6ba188e9c5b6ba8d96101924d1c343cff638dba560345052d09'

/** @type {Row[]} */
export const rows = []
/** @type {string[]} */
export const leftOut = []

/**
 * Runs one check; what it returns is shown.
 *
 * @param {[what: string, where: string, how: string]} name
 * @param {() => string | Promise<string>} run throws where it fails
 */
export async function check([what, where, how], run) {
  const start = performance.now()
  let [passed, seen] = [true, '']
  try {
    seen = await run()
  } catch (error) {
    passed = false
    seen = error instanceof Error ? error.message : String(error)
  }
  const row = { what, where, how, passed, seen, seconds: (performance.now() - start) / 1000 }
  rows.push(row)
  console.log(line(row))
}

/** @param {Row} row */
function line({ what, where, how, passed, seen, seconds }) {
  const cells = [passed ? 'passed' : 'FAILED', what.padEnd(13), where.padEnd(14), how.padEnd(40)]
  return `${cells.join('  ')} ${seconds.toFixed(1).padStart(5)} s  ${seen}`
}

/**
 * What was trained is what was asked for, to the bit.
 *
 * @param {Trained & { error?: string }} trained
 * @param {{ threads: number, deterministic?: boolean, reason?: RegExp, kernels?: 'all' | 'core' }} expected
 */
export function expectTrained(trained, { threads, deterministic, reason, kernels = 'all' }) {
  const { error, simd, hash } = trained
  if (error) throw new Error(error)
  const seen = `${simd}, ${trained.threads} thread${trained.threads > 1 ? 's' : ''}`
  if (trained.threads !== threads || trained.shared !== threads > 1) {
    throw new Error(`${seen}, not ${threads}: ${trained.reason}`)
  }
  if (deterministic && simd !== 'strict') throw new Error(`${seen}: not deterministic`)
  if (trained.kernels !== kernels)
    throw new Error(`${trained.kernels} kernels, not ${kernels}: ${trained.reason}`)
  const known = simd === 'strict' ? [STRICT] : [STRICT, FUSED]
  if (!known.includes(hash)) throw new Error(`${seen}: weights ${hash}, not ${known.join(' or ')}`)
  if (reason && !reason.test(trained.reason)) throw new Error(`the reason is told as '${trained.reason}'`)
  return `${seen}${kernels === 'core' ? ', core kernels' : ''}`
}
