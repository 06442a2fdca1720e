// Several processes with MPI against one: how speed grows with ranks, and what of a step is communication.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { digits } from '../report/tables.mjs'
import { figure } from '../results.mjs'
import { median, ratios } from '../statistics.mjs'

const JOB = fileURLToPath(new URL('../ours/ranks.mjs', import.meta.url))
const MAKES = /** @type {const} */ (['openmpi', 'mpich'])
const NETS = /** @type {const} */ ([
  ['cnn-bn', 32],
  ['cnn-bn', 256],
  ['resnet20', 64],
])
/** What two ranks of one thread are to reach of one rank's speed, with ResNet-20. */
const TWO_RANKS = 1.7

/**
 * @param {string[]} launcher
 * @param {object} job
 * @returns {{ seconds: number, share: number }[]} by round
 */
function rounds(launcher, job) {
  const [program, ...args] = [...launcher, process.execPath, JOB, JSON.stringify(job)]
  const env = {
    ...process.env,
    OMPI_ALLOW_RUN_AS_ROOT: '1',
    OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1',
    NO_COLOR: '1',
  }
  const { status, stdout, stderr } = spawnSync(program, args, { env, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program}: ${stderr}`)
  return stdout.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []))
}

/**
 * One after the other, for two ranks and two threads have the same two processors.
 *
 * @param {import('../turns.mjs').Context} context
 * @returns {Promise<import('../turns.mjs').Measured>}
 */
export async function ranks({ rounds: count, turn, progress }) {
  const figures = []
  const missing = []
  const installed = MAKES.filter((make) => spawnSync(`mpirun.${make}`, ['--version']).status === 0)
  if (installed.length < MAKES.length) missing.push('MPI: apt-get install openmpi-bin libopenmpi3 mpich')
  for (const [net, batch] of NETS) {
    const job = { net, batch, seconds: turn, rounds: count }
    progress(`${net}, batch ${batch}: one process`)
    const one = rounds([], { ...job, threads: 1 })
    const threads = rounds([], { ...job, threads: 2 })
    const row = `${net}, batch ${batch}`
    const what = { part: 'ranks', table: 'two ranks of one thread', row, unit: /** @type {const} */ ('×') }
    const secondsOf = (/** @type {{ seconds: number }[]} */ all) => all.map(({ seconds }) => seconds)
    const ms = (/** @type {{ seconds: number }[]} */ all) =>
      `${digits(1000 * median(secondsOf(all)))} ms a step`
    figures.push(
      figure(
        { ...what, column: '2 threads against 1', detail: `${ms(one)} → ${ms(threads)}` },
        ratios(secondsOf(one), secondsOf(threads)),
      ),
    )
    for (const make of installed) {
      progress(`${net}, batch ${batch}: two ranks, ${make}`)
      const two = rounds([`mpirun.${make}`, '-n', '2'], { ...job, threads: 1 })
      const target = net === 'resnet20' ? TWO_RANKS : undefined
      const column = `${make}: 2 ranks against 1`
      figures.push(
        figure(
          { ...what, column, target, detail: `${ms(one)} → ${ms(two)}` },
          ratios(secondsOf(one), secondsOf(two)),
        ),
      )
      if (net === 'resnet20') {
        progress(`${net}, batch ${batch}: what sending during backward gains, ${make}`)
        for (const bucketCapMb of [25, 0.25]) {
          const [sent, kept] = [true, false].map((overlaps) =>
            rounds([`mpirun.${make}`, '-n', '2'], { ...job, threads: 1, overlaps, bucketCapMb }),
          )
          figures.push(
            figure(
              {
                ...{ ...what, table: 'two ranks, gradients sent during backward against after it' },
                ...{ column: `${make}, buckets of ${bucketCapMb} MiB`, detail: `${ms(kept)} → ${ms(sent)}` },
              },
              ratios(secondsOf(kept), secondsOf(sent)),
            ),
          )
        }
      }
      const share = {
        ...what,
        unit: /** @type {const} */ ('%'),
        table: 'share of a step in MPI, waiting among it',
      }
      figures.push(
        figure(
          { ...share, column: make },
          two.map((round) => 100 * round.share),
        ),
      )
    }
  }
  const notes = ['The batch is that of all ranks together; batch norm is over all of it (SyncBatchNorm).']
  return { versions: {}, figures, cells: [], notes, missing }
}
