// The same job and kernels in Node 20, Node 26, Bun, Deno, Chromium and Firefox.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { INSTALL_RUNTIMES, runtimePath } from '../../test/runtimes/runtimes.mjs'
import { findBrowsers, openBrowser, servePage } from '../browsers.mjs'
import { bundlePage } from '../bundle.mjs'
import { messageOf, startSide } from '../children.mjs'
import { here } from '../environment.mjs'
import { digits } from '../report/tables.mjs'
import { figure } from '../results.mjs'
import { median, ratios } from '../statistics.mjs'
import { ourRunner, STEPS_PER_EPOCH, takeTurns, WARM_UP } from '../turns.mjs'

/**
 * @typedef {{ threads: number, deterministic: boolean }} Options
 * @typedef {object} Runtime
 * @property {string} name
 * @property {(options: Options) => Promise<import('../children.mjs').Side>} side
 * @property {string[]} [command] of a process
 * @property {() => Promise<number>} [firstStep] of a page, in milliseconds
 */

const JOB = { net: 'cnn-bn', batch: 32 }
const HASH_STEPS = 20

/** @type {import('../ours/kernels.mjs').Case[]} */
const KERNELS = [
  { name: 'matmul 128³', op: 'matmul', form: 'NN', m: 128, n: 128, k: 128 },
  {
    name: 'conv2d 6→16, 5×5, 14×14',
    op: 'conv2dForward',
    ...{ n: 32, c: 6, h: 14, w: 14, oc: 16, kernel: 5, padding: 0 },
  },
]

/** Milliseconds to the first step: more than an empty script (Node), from the page's load (Chromium). */
const START_UP = { node: 150, Chromium: 300 }

/** The runtimes that are processes, and those that are missing. */
function findProcesses() {
  const name = `Node ${process.versions.node.split('.')[0]}`
  /** @type {[name: string, command: string[] | undefined, install: string][]} */
  const all = [[name, [process.execPath], '']]
  if (name !== 'Node 20')
    all.unshift(['Node 20', undefined, 'run the suite with it: it is the Node that runs'])
  const [node, bun, deno] = [runtimePath('node'), runtimePath('bun'), runtimePath('deno')]
  if (name !== 'Node 26') all.push(['Node 26', node ? [node] : undefined, INSTALL_RUNTIMES])
  all.push(['Bun', bun ? [bun] : undefined, INSTALL_RUNTIMES])
  all.push(['Deno', deno ? [deno, 'run', '--allow-all'] : undefined, INSTALL_RUNTIMES])
  return all
}

/** @param {string} name @param {string[]} command @returns {Runtime} */
function processRuntime(name, command) {
  return {
    ...{ name, command },
    side: ({ threads, deterministic }) =>
      startSide([
        ...[...command, here('ours/node.mjs'), '--threads', String(threads)],
        ...(deterministic ? ['--deterministic'] : []),
      ]),
  }
}

/**
 * One setting in all runtimes, in turns: epochs against the reference's, kernels on one thread, and hashes.
 *
 * @param {Runtime[]} runtimes
 * @param {Options} options
 * @param {string} reference
 * @param {import('../turns.mjs').Context} context
 * @param {import('../turns.mjs').Measured} result
 */
async function measureSetting(runtimes, options, reference, { rounds, turn, progress }, result) {
  const { threads, deterministic } = options
  const build = deterministic ? 'strict' : 'relaxed'
  const setting = `${build}, ${threads} thread${threads > 1 ? 's' : ''}`
  const runners = []
  /** @type {import('../children.mjs').Side[]} */
  const sides = []
  try {
    for (const { name, side: start } of runtimes) {
      progress(`${setting}: ${name}`)
      try {
        const side = await start(options)
        sides.push(side)
        if (!(name in result.versions)) result.versions[name] = String(side.ready.runtime)
        if (side.ready.simd !== build || side.ready.threads !== threads) {
          result.cells.push({
            table: 'epoch',
            row: name,
            column: setting,
            text: `not here: ${side.ready.reason}`,
          })
          continue
        }
        const { hash } = await side.ask({ do: 'hash', ...JOB, steps: HASH_STEPS })
        const table = `weights after ${HASH_STEPS} steps, SHA-256`
        result.cells.push({ table, row: name, column: setting, text: hash.slice(0, 16) })
        if (threads === 1) {
          const asked = { cases: KERNELS, rounds: Math.min(rounds, 5), milliseconds: 100 * turn }
          const { results } = await side.ask({ do: 'kernels', ...asked })
          for (const { name: kernel, rates, bounds } of results) {
            const what = {
              part: 'runtimes',
              table: `${kernel}, share of the multiply-add peak there`,
              row: name,
            }
            const detail = `of ${digits(median(bounds) / 1e9)} GFLOPS`
            const shares = ratios(rates, bounds).map((share) => 100 * share)
            const more = { rates, bounds }
            result.figures.push(figure({ ...what, column: build, unit: '%', detail, more }, shares))
          }
        }
        runners.push(await ourRunner(side, JOB, name))
      } catch (error) {
        result.cells.push({ table: 'epoch', row: name, column: setting, text: messageOf(error) })
      }
    }
    const samples = await takeTurns(runners, { rounds, turn })
    const base = samples.get(reference)
    for (const [name, seconds] of samples) {
      const step = median(seconds)
      const detail = `${digits(step * STEPS_PER_EPOCH)} s an epoch, ${digits(1000 * step)} ms a step`
      const what = { part: 'runtimes', table: 'epoch', row: name, column: setting, detail }
      const more = { secondsPerStep: seconds }
      if (base) result.figures.push(figure({ ...what, unit: '×', more }, ratios(base, seconds)))
    }
  } finally {
    await Promise.all(sides.map((side) => side.stop().catch(() => {})))
  }
}

/**
 * Milliseconds until a process prints its first line.
 *
 * @param {string[]} command
 */
async function timeToLine(command) {
  const start = performance.now()
  const side = await startSide(command)
  const passed = performance.now() - start
  await side.stop()
  return passed
}

/**
 * @param {Runtime[]} runtimes
 * @param {import('../turns.mjs').Context} context
 * @param {import('../turns.mjs').Measured} result
 */
async function measureStartUp(runtimes, { rounds, progress }, result) {
  progress('start-up')
  for (const { name, command, firstStep } of runtimes) {
    const table = 'start-up to the first training step'
    try {
      if (command) {
        /** @type {[all: number[], empty: number[]]} */
        const [all, empty] = [[], []]
        // The first time reads files from the disk.
        await timeToLine([...command, here('ours/first-step.node.mjs')])
        for (let round = 0; round < rounds; round++) {
          empty.push(await timeToLine([...command, here('ours/empty.mjs')]))
          all.push(await timeToLine([...command, here('ours/first-step.node.mjs')]))
        }
        const target = name.startsWith('Node') ? START_UP.node : undefined
        const what = { part: 'runtimes', table, row: name, column: 'more than an empty script', target }
        const detail = `${digits(median(all))} ms, an empty script ${digits(median(empty))} ms`
        const difference = all.map((value, i) => value - empty[i])
        result.figures.push(figure({ ...what, unit: 'ms', detail, more: { all, empty } }, difference))
      }
      if (firstStep) {
        await firstStep()
        const samples = []
        for (let round = 0; round < rounds; round++) samples.push(await firstStep())
        const target = name === 'Chromium' ? START_UP.Chromium : undefined
        const what = { part: 'runtimes', table, row: name, column: "from the page's load", target }
        result.figures.push(figure({ ...what, unit: 'ms' }, samples))
      }
    } catch (error) {
      result.cells.push({ table, row: name, column: '', text: messageOf(error) })
    }
  }
}

/** Says of each hash whether it is that of the same build elsewhere. @param {import('../results.mjs').Cell[]} cells */
function compareHashes(cells) {
  for (const build of ['strict', 'relaxed']) {
    const members = cells.filter(({ table, column }) => table.endsWith('SHA-256') && column.startsWith(build))
    for (const cell of members) {
      const same = members.filter(({ text }) => text.split(' ')[0] === cell.text).length
      cell.text += ` (${same} of ${members.length} ${build} ones are this)`
    }
  }
}

/**
 * @param {import('../turns.mjs').Context} context
 * @returns {Promise<import('../turns.mjs').Measured>}
 */
export async function runtimes(context) {
  const { threads, progress } = context
  /** @type {import('../turns.mjs').Measured} */
  const result = { figures: [], cells: [], missing: [], versions: {}, notes: [] }
  /** @type {Runtime[]} */
  const found = []
  for (const [name, command, install] of findProcesses()) {
    if (command) found.push(processRuntime(name, command))
    else result.missing.push(`${name}: not installed; ${install}`)
  }
  const folder = mkdtempSync(join(tmpdir(), 'simdgrad-bench-'))
  /** @type {import('../browsers.mjs').OpenBrowser[]} */
  const open = []
  /** @type {Awaited<ReturnType<typeof servePage>> | undefined} */
  let server
  try {
    progress('bundling the page')
    await bundlePage(folder)
    server = await servePage(folder)
    for (const { path, ...browser } of findBrowsers()) {
      if (!path) {
        result.missing.push(`${browser.name}: not installed; ${browser.install}`)
        continue
      }
      try {
        const opened = await openBrowser({ ...browser, path }, server.url)
        open.push(opened)
        result.versions[browser.name] = opened.version
        found.push({ name: browser.name, side: opened.side, firstStep: opened.firstStep })
      } catch (error) {
        result.missing.push(`${browser.name}: ${messageOf(error)}`)
      }
    }
    // Node 26 has both builds.
    const reference = found.some(({ name }) => name === 'Node 26') ? 'Node 26' : found[0].name
    for (const deterministic of [true, false]) {
      for (const count of new Set([1, threads])) {
        await measureSetting(found, { threads: count, deterministic }, reference, context, result)
      }
    }
    compareHashes(result.cells)
    await measureStartUp(found, context, result)
    result.notes.push(
      `Epochs of ${JOB.net}, batch ${JOB.batch}, extrapolated from ${context.rounds} turns of about ${context.turn} s each, all runtimes in turns after a warm-up of some ${WARM_UP} s: times as fast as ${reference} with the same build and threads. In browsers, training runs in a Worker of a cross-origin isolated page that Vite bundled.`,
      'Start-up: loading, choosing a binary, starting the threads, and one training step of cnn-bn on random images. A first run that reads from the disk is left out.',
    )
  } finally {
    await Promise.all(open.map((browser) => browser.close().catch(() => {})))
    server?.close()
    rmSync(folder, { recursive: true, force: true })
  }
  return result
}
