// Kills trainings at random moments, and looks at what the next start makes of it:
//   npm run test:kills                    200 kills
//   npm run test:kills -- --kills 10      CI's share
//   npm run test:kills -- --seed 5        other moments
// A training (child.mjs) saves after every step. It is killed (SIGKILL) and started again, on one or two threads in turn,
// until it comes to its end: its weights, average and figures must be those of the training that nobody killed. Then the
// next one begins. Each kill counts as a test. The last line is `N passed, M failed`.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: { kills: { type: 'string', default: '200' }, seed: { type: 'string', default: '1' } },
})
const wanted = Number(values.kills)
const root = fileURLToPath(new URL('../..', import.meta.url))
if (!existsSync(join(root, 'dist/index.node.js'))) throw new Error('npm run build first')
const scratch = mkdtempSync(join(tmpdir(), 'simdgrad-kills-'))

/** mulberry32: the moments of a seed are the same again. */
let state = Number(values.seed) >>> 0
function random() {
  state = (state + 0x6d2b79f5) >>> 0
  let t = Math.imul(state ^ (state >>> 15), state | 1)
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}

/**
 * @typedef {{ lines: Record<string, unknown>[], killed: boolean, stderr: string, code: number | null, seconds: number,
 *   begun: number }} Run
 */

/**
 * @param {string} folder
 * @param {number} seed
 * @param {number} threads
 * @param {number} [killAfter] seconds after the training has begun, or, if below 0, that long after the process has
 * @returns {Promise<Run>}
 */
function run(folder, seed, threads, killAfter) {
  const args = [fileURLToPath(new URL('child.mjs', import.meta.url)), folder, String(seed), String(threads)]
  const child = spawn(process.execPath, args, { cwd: root })
  const start = performance.now()
  let [out, stderr, begun] = ['', '', Number.NaN]
  /** @type {NodeJS.Timeout | undefined} */
  let timer
  const kill = (/** @type {number} */ seconds) => {
    timer = setTimeout(() => child.kill('SIGKILL'), seconds * 1000)
  }
  if (killAfter !== undefined && killAfter < 0) kill(-killAfter)
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out += text
    if (Number.isNaN(begun) && out.includes('\n')) {
      begun = (performance.now() - start) / 1000
      if (killAfter !== undefined && killAfter >= 0) kill(killAfter)
    }
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      // A line that was cut off by the kill is none.
      const lines = out
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line))
      resolve({
        lines,
        killed: signal === 'SIGKILL',
        stderr,
        code,
        begun,
        seconds: (performance.now() - start) / 1000,
      })
    })
  })
}

let [passed, failed, kills, whole] = [0, 0, 0, 0]
/** @type {Map<number, { end: string, seconds: number, begun: number }>} by seed: what the unbroken training came to */
const unbroken = new Map()

/** @param {number} seed */
async function withoutStop(seed) {
  const before = unbroken.get(seed)
  if (before) return before
  const { lines, code, stderr, seconds, begun } = await run(join(scratch, `whole-${seed}`), seed, 1)
  if (code !== 0) throw new Error(`the unbroken training failed: ${stderr}`)
  const found = { end: JSON.stringify(lines.at(-1)), seconds, begun }
  unbroken.set(seed, found)
  return found
}

try {
  for (let seed = 0; kills < wanted; seed++) {
    const { end, seconds, begun } = await withoutStop(seed % 3)
    const folder = join(scratch, `killed-${seed}`)
    let [step, running] = [0, true]
    while (running) {
      // Some kills come while the process starts (and reads a checkpoint), most while it trains.
      const early = random() < 0.15
      const killAfter =
        kills === wanted ? undefined : early ? -random() * begun : random() * (seconds - begun) * 0.6
      const one = await run(folder, seed % 3, 1 + (kills % 2), killAfter)
      const [first, last] = [one.lines[0], one.lines.at(-1)]
      const at = first ? Number(first.step) : step
      const fault = (/** @type {string} */ what) => {
        failed++
        running = false
        console.log(`FAILED (seed ${values.seed}, kill ${kills}): ${what}\n${one.stderr}`)
      }
      if (one.stderr !== '') fault('it complained')
      else if (at < step) fault(`it went back from step ${step} to ${at}`)
      else if (one.killed) {
        kills++
        passed++
        step = at
        if (kills % 20 === 0) console.log(`${kills} of ${wanted} kills, ${whole} trainings came to their end`)
      } else if (one.code !== 0) fault(`it ended with ${one.code}`)
      else if (JSON.stringify(last) !== end) fault(`it came to\n${JSON.stringify(last)}, not to\n${end}`)
      else {
        whole++
        passed++
        running = false
        const left = readdirSync(folder).filter((name) => !/^checkpoint-\d{10}\.safetensors$/.test(name))
        if (left.length > 0) fault(`it left ${left} behind`)
      }
    }
    rmSync(folder, { recursive: true, force: true })
    if (failed > 0) break
  }
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
console.log(`${kills} kills; ${whole} trainings came to their end with the weights of no kill at all`)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0
