// The benchmark suite: `npm run bench` and `npm run bench -- [part ...] [options]`; see README.md here.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { describeMachine, here, root } from './environment.mjs'
import { jobs } from './parts/jobs.mjs'
import { kernels } from './parts/kernels.mjs'
import { nets } from './parts/nets.mjs'
import { peers } from './parts/peers.mjs'
import { ranks } from './parts/ranks.mjs'
import { runtimes } from './parts/runtimes.mjs'
import { scaling } from './parts/scaling.mjs'
import { charts } from './report/charts.mjs'
import { page } from './report/page.mjs'
import { withSpeed, withSummary } from './report/readme.mjs'
import { losses, tables } from './report/tables.mjs'
import { compare, makeFolder, merge } from './results.mjs'
import { roundTrip } from './round-trip.mjs'

/** @type {Record<string, (context: import('./turns.mjs').Context) => Promise<import('./turns.mjs').Measured>>} */
const PARTS = { jobs, nets, peers, runtimes, kernels, scaling, ranks }

const USAGE = `Usage: npm run bench -- [${Object.keys(PARTS).join('|')} ...] [options]

Without a part, all of them. Results go to bench/results/, docs/speed.md and README.md.

  --rounds N    rounds of each comparison (default 5)
  --turn S      seconds that a turn of a round takes (default 0.1)
  --threads N   threads of our side and of the others (default 2)
  --out DIR     write there, and leave README.md and docs/speed.md as they are
  --check       compare the ratios with bench/results/latest.json instead of writing;
                ends with 1 if one lost more than 15 %, in each of three runs
`

/** @param {string[]} args */
function parse(args) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '5' },
      turn: { type: 'string', default: '0.1' },
      threads: { type: 'string', default: '2' },
      out: { type: 'string' },
      check: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  const [rounds, turn, threads] = [values.rounds, values.turn, values.threads].map(Number)
  const unknown = positionals.filter((name) => !(name in PARTS))
  if (unknown.length > 0) throw new Error(`no part is called '${unknown[0]}'`)
  if (!(Number.isInteger(rounds) && rounds >= 1)) throw new Error('--rounds is a whole number from 1')
  if (!(turn > 0 && turn <= 10)) throw new Error('--turn is a number of seconds, up to 10')
  if (!(Number.isInteger(threads) && threads >= 1)) throw new Error('--threads is a whole number from 1')
  return {
    parts: positionals.length > 0 ? [...new Set(positionals)] : Object.keys(PARTS),
    options: { rounds, turn, threads },
    ...{ out: values.out, check: values.check, help: values.help },
  }
}

/**
 * Runs parts one after the other and prints each one's tables.
 *
 * @param {string[]} names
 * @param {{ rounds: number, turn: number, threads: number }} options
 */
async function measure(names, options) {
  /** @type {Record<string, import('./results.mjs').PartResult>} */
  const results = {}
  for (const name of names) {
    const [found, before] = [describeMachine(), await roundTrip()]
    const start = performance.now()
    const progress = (/** @type {string} */ text) => {
      const seconds = ((performance.now() - start) / 1000).toFixed(0)
      process.stderr.write(`${name} (${seconds} s): ${text}\n`)
    }
    const measured = await PARTS[name]({ ...options, progress })
    const seconds = Math.round((performance.now() - start) / 1000)
    const machine = { ...found, roundTrip: [before, await roundTrip()].map(Math.round) }
    results[name] = { date: new Date().toISOString(), machine, options, seconds, ...measured }
    console.log(`\n## ${name} (${seconds} s)\n\n${tables(results[name])}`)
  }
  return results
}

/** Runs in each of which a figure has to be lost. */
const RUNS = 3

const committed = here('results/latest.json')
/** @param {string} path @returns {import('./results.mjs').Results | undefined} */
const read = (path) => (existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined)

/**
 * @param {string[]} names
 * @param {{ rounds: number, turn: number, threads: number }} options
 * @param {string | undefined} out
 */
async function measureAndWrite(names, options, out) {
  const folder = out === undefined ? here('results') : resolve(out)
  // Before the minutes that a run takes: what can't be written must not be lost at their end.
  makeFolder(folder)
  const measured = await measure(names, options)
  const path = join(folder, 'latest.json')
  const all = merge(read(path), measured)
  writeFileSync(path, `${JSON.stringify(all, null, 1)}\n`)
  const drawn = await charts(all)
  writeFileSync(join(folder, 'index.html'), page(all, drawn))
  for (const { file, light, dark } of drawn) {
    if (!file) continue
    writeFileSync(join(folder, `${file}-light.svg`), light)
    writeFileSync(join(folder, `${file}-dark.svg`), dark)
  }
  if (out === undefined) {
    const [readme, speed] = [join(root, 'README.md'), join(root, 'docs/speed.md')]
    writeFileSync(readme, withSummary(readFileSync(readme, 'utf8'), all))
    writeFileSync(speed, withSpeed(readFileSync(speed, 'utf8'), all))
  }
  console.log(`\nWritten: ${path}, and index.html beside it`)
}

/**
 * @param {string[]} names
 * @param {{ rounds: number, turn: number, threads: number }} options
 */
async function check(names, options) {
  const before = read(committed)
  if (!before) throw new Error(`there is nothing to compare with: ${committed} is missing`)
  let result = compare(before, await measure(names, options))
  for (let again = 1; again < RUNS && result.losses.length > 0; again++) {
    const lost = new Set(result.losses.map(({ id }) => id))
    const suspects = names.filter((name) => [...lost].some((id) => id.startsWith(`${name}/`)))
    console.log(`\nOnce more, because a shared machine can be slow for a while: ${suspects.join(', ')}`)
    const { losses } = compare(before, await measure(suspects, options))
    result = { ...result, losses: losses.filter(({ id }) => lost.has(id)) }
  }
  console.log(`\n${losses(result)}`)
  if (result.losses.length > 0) process.exitCode = 1
}

try {
  const { parts, options, out, check: checking, help } = parse(process.argv.slice(2))
  if (help) console.log(USAGE)
  else if (checking) await check(parts, options)
  else await measureAndWrite(parts, options, out)
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : error}\n\n${USAGE}`)
  process.exitCode = 2
}
