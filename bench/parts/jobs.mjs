// The notebook's nets: our epoch beside PyTorch's and JAX's, in turns.
import { messageOf, startSide } from '../children.mjs'
import { findBuilds, here, python, startOurs } from '../environment.mjs'
import { COMPILED, eagerOf, PYTORCH, torchRunners } from '../pytorch.mjs'
import { digits } from '../report/tables.mjs'
import { figure } from '../results.mjs'
import { median, ratios } from '../statistics.mjs'
import { ourRunner, peerRunner, STEPS_PER_EPOCH, takeTurns, WARM_UP } from '../turns.mjs'

export const NETS = /** @type {const} */ (['mlp', 'mlp-bn-layer', 'mlp-bn', 'cnn', 'cnn-bn'])
/** JAX has no layers, so that batch norm by hand and as a layer are one job there. */
const JAX_NETS = ['mlp', 'mlp-bn-layer', 'cnn', 'cnn-bn']

const JAX = 'JAX (jit)'

const TARGETS = {
  strict: { [PYTORCH]: 2.3, [JAX]: 1 },
  relaxed: { [PYTORCH]: 3, [JAX]: 1.3 },
}

/**
 * @param {string} row
 * @param {'strict' | 'relaxed'} build
 * @param {string} peer
 */
function targetOf(row, build, peer) {
  if (peer === JAX && !row.startsWith('mlp')) return undefined
  return /** @type {Record<string, number>} */ (TARGETS[build])[peer]
}

/**
 * @param {import('../turns.mjs').Context} context
 * @returns {Promise<import('../turns.mjs').Measured>}
 */
export async function jobs({ rounds, turn, threads, progress }) {
  const { builds, missing } = findBuilds()
  /** @type {import('../results.mjs').Figure[]} */
  const figures = []
  /** @type {import('../results.mjs').Cell[]} */
  const cells = []
  /** @type {Record<string, string>} */
  const versions = {}
  /** @type {import('../children.mjs').Side[]} */
  const sides = []
  /** @param {Promise<import('../children.mjs').Side>} starting @param {string} what */
  const start = async (starting, what) => {
    try {
      const side = await starting
      sides.push(side)
      return side
    } catch (error) {
      missing.push(`${what}: ${messageOf(error)} (SIMDGRAD_PYTHON names a Python that has it)`)
      return undefined
    }
  }
  try {
    progress('starting')
    const torch = await start(startSide([python, here('peers/torch_jobs.py')]), 'PyTorch')
    const jax = await start(startSide([python, here('peers/jax_jobs.py')]), 'JAX')
    const ours = []
    for (const build of builds) {
      const side = await startOurs(build, threads)
      sides.push(side)
      ours.push({ build: build.build, side })
      versions[build.build] = String(side.ready.runtime)
    }
    if (torch) versions.torch = String(torch.ready.version)
    if (jax) versions.jax = String(jax.ready.version)

    const torchSide = torch && torchRunners(torch, threads, missing)
    for (const net of NETS) {
      progress(net)
      const runners = []
      for (const { build, side } of ours) runners.push(await ourRunner(side, { net, batch: 32 }, build))
      if (jax && JAX_NETS.includes(net))
        runners.push(await peerRunner(jax, { net, threads }, JAX, { compiles: true }))
      if (torchSide) runners.push(...(await torchSide({ net })))
      const samples = await takeTurns(runners, { rounds, turn })
      figures.push(...figuresOf(net, samples))
      if (torch || jax) continue
      for (const [build, seconds] of samples) {
        const text = `${digits(median(seconds) * STEPS_PER_EPOCH)} s an epoch, with nothing to compare with`
        cells.push({ table: 'epoch', row: net, column: build, text })
      }
    }
  } finally {
    await Promise.all(sides.map((side) => side.stop()))
  }
  return {
    figures,
    cells,
    missing,
    versions,
    notes: [
      `How many times as fast as the other library one epoch is: medians of ${rounds} rounds, in which every side trains for about ${turn} s, batch 32, ${threads} threads (PyTorch: the better of 1 and ${threads}). Each net is warmed up for ${WARM_UP} s first, after compiling; PyTorch's threads spin for a while after work, and are waited for.`,
      'Epoch seconds are extrapolated from these turns.',
    ],
  }
}

/**
 * @param {string} net
 * @param {Map<string, number[]>} samples seconds a step
 */
function figuresOf(net, samples) {
  /** @type {[string, string, number[] | undefined][]} */
  const others = [
    [PYTORCH, ...eagerOf(samples)],
    [COMPILED, COMPILED, samples.get(COMPILED)],
    [JAX, JAX, samples.get(JAX)],
  ]
  /** @param {number[]} seconds */
  const epoch = (seconds) => seconds.map((value) => value * STEPS_PER_EPOCH)
  return /** @type {const} */ (['strict', 'relaxed']).flatMap((build) => {
    const mine = samples.get(build)
    if (!mine) return []
    return others.flatMap(([peer, name, theirs]) => {
      if (!theirs) return []
      const target = targetOf(net, build, peer)
      const more = { epochSeconds: epoch(mine), otherEpochSeconds: epoch(theirs), other: name }
      const [our, their] = [median(more.epochSeconds), median(more.otherEpochSeconds)]
      const detail = `${digits(our)} s against ${digits(their)} s an epoch`
      const what = {
        part: 'jobs',
        table: 'epoch',
        row: net,
        column: `${build}, against ${peer}`,
        target,
        detail,
        more,
      }
      return [figure({ ...what, unit: '×' }, ratios(theirs, mine))]
    })
  })
}
