// Other libraries on the same jobs, batch and threads, in turns with ours.
import { messageOf, startSide } from '../children.mjs'
import { findBuilds, here, python, startOurs } from '../environment.mjs'
import { digits } from '../report/tables.mjs'
import { figure } from '../results.mjs'
import { median, ratios } from '../statistics.mjs'
import { ourRunner, peerRunner, STEPS_PER_EPOCH, takeTurns, WARM_UP } from '../turns.mjs'

const NETS = ['mlp', 'mlp-bn-layer', 'cnn', 'cnn-bn']
const TABLE = 'times as fast as'
const OURS = 'simdgrad'

/** @param {string} peer @param {string} net */
function targetOf(peer, net) {
  const multilayer = net.startsWith('mlp')
  if (peer === 'jax-js (wasm)') return multilayer ? 6 : 200
  if (peer === 'tfjs (wasm)') return multilayer ? 30 : undefined
  return undefined
}

/**
 * @param {import('../turns.mjs').Context} context
 * @returns {Promise<import('../turns.mjs').Measured>}
 */
export async function peers({ rounds, turn, threads, progress }) {
  const { builds } = findBuilds()
  const build = builds[builds.length - 1]
  const [node] = build.command
  /** @type {{ name: string, command: string[], spins?: boolean, compiles?: boolean }[]} */
  const libraries = [
    { name: 'jax-js (wasm)', command: [node, here('peers/jax-js.mjs')], compiles: true },
    { name: 'tfjs (wasm)', command: [node, here('peers/tfjs.mjs'), 'wasm'] },
    { name: 'tfjs (cpu)', command: [node, here('peers/tfjs.mjs'), 'cpu'] },
    { name: 'JAX (jit)', command: [python, here('peers/jax_jobs.py')], compiles: true },
    { name: 'PyTorch (eager)', command: [python, here('peers/torch_jobs.py')], spins: true },
  ]
  /** @type {import('../results.mjs').Figure[]} */
  const figures = []
  /** @type {import('../results.mjs').Cell[]} */
  const cells = []
  /** @type {string[]} */
  const missing = []
  const ours = await startOurs(build, threads)
  /** @type {Record<string, string>} */
  const versions = { [OURS]: `${build.build}, ${ours.ready.runtime}` }
  /** @type {{ name: string, side: import('../children.mjs').Side, spins: boolean, compiles: boolean }[]} */
  const sides = []
  try {
    for (const { name, command, spins = false, compiles = false } of libraries) {
      progress(`starting ${name}`)
      try {
        const side = await startSide(command)
        sides.push({ name, side, spins, compiles })
        versions[name] = String(side.ready.version)
      } catch (error) {
        missing.push(`${name}: ${messageOf(error)}`)
      }
    }
    for (const net of NETS) {
      progress(net)
      const runners = [await ourRunner(ours, { net, batch: 32 }, OURS)]
      for (const { name, side, ...how } of sides) {
        try {
          runners.push(await peerRunner(side, { net, threads }, name, how))
        } catch (error) {
          cells.push({ table: TABLE, row: net, column: name, text: messageOf(error) })
        }
      }
      const samples = await takeTurns(runners, { rounds, turn })
      const mine = samples.get(OURS) ?? []
      for (const [name, theirs] of samples) {
        if (name === OURS) continue
        const detail = `${[mine, theirs].map((s) => `${digits(median(s) * STEPS_PER_EPOCH)} s`).join(' against ')} an epoch`
        const more = { secondsPerStep: mine, otherSecondsPerStep: theirs }
        const what = { part: 'peers', table: TABLE, row: net, column: name, target: targetOf(name, net) }
        figures.push(
          figure({ ...what, unit: '×', detail, more }, ratios(theirs, mine.slice(0, theirs.length))),
        )
      }
    }
  } finally {
    await Promise.all([ours, ...sides.map(({ side }) => side)].map((side) => side.stop()))
  }
  return {
    figures,
    cells,
    missing,
    versions,
    notes: [
      `Batch 32, ${threads} threads, our ${build.build} build, ${rounds} rounds of about ${turn} s a side; epochs are extrapolated, and a library whose step takes more than a second has one step. Each library is warmed up for ${WARM_UP} s first, after compiling.`,
      "In Node, tfjs runs on one thread: its WebAssembly backend leaves its threads off there, and fails where they are forced on. JAX and jax-js take all cores. JAX's max pooling is a reshape, which is faster here than its reduce_window.",
    ],
  }
}
