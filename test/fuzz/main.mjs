// `npm run fuzz`: random programs of the public operations against a naive float64 interpreter, on every binary
// that can be had here. Ends with 1 if any failed.
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import cliProgress from 'cli-progress'
import { INSTALL_RUNTIMES, runtimePath, takesRelaxedSimd } from '../runtimes/runtimes.mjs'

const USAGE = `Usage: npm run fuzz -- [options]

  --programs N   programs on each binary (default 50000)
  --seed S       the seed of the first; the others follow (default 1)
  --binary NAME  only this one: strict-shared, strict-unshared, relaxed-shared, relaxed-unshared
`

const BINARIES = ['strict-shared', 'strict-unshared', 'relaxed-shared', 'relaxed-unshared']
/** Failures that are shrunk, on each binary; of the others there is a line. */
const SHRUNK = 40
/** A program that takes longer hangs, in milliseconds: the slowest, with shrinking, takes a tenth of it. */
const HANGS = 120_000

/** @param {string[]} args */
function parse(args) {
  const { values } = parseArgs({
    args,
    options: {
      programs: { type: 'string', default: '50000' },
      seed: { type: 'string', default: '1' },
      binary: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  const [programs, seed] = [Number(values.programs), Number(values.seed)]
  if (!(Number.isInteger(programs) && programs > 0)) throw new Error('--programs is a whole number from 1')
  if (!(Number.isInteger(seed) && seed >= 0)) throw new Error('--seed is a whole number from 0')
  if (values.binary !== undefined && !BINARIES.includes(values.binary)) {
    throw new Error(`--binary is one of ${BINARIES.join(', ')}`)
  }
  return { programs, seed, binaries: values.binary ? [values.binary] : BINARIES, help: values.help }
}

/**
 * The Node that runs a binary; undefined where there is none.
 * @param {string} binary
 */
function nodeFor(binary) {
  if (binary.startsWith('strict') || takesRelaxedSimd()) return process.execPath
  return runtimePath('node')
}

/**
 * A bar on a terminal, or a line for each tenth.
 * @param {string} binary
 * @param {number} total
 */
function progress(binary, total) {
  if (process.stderr.isTTY) {
    const bar = new cliProgress.SingleBar({
      format: `${binary} {bar} {value}/{total} · {failed} failed · {eta_formatted} left`,
      barsize: 20,
      clearOnComplete: true,
    })
    bar.start(total, 0, { failed: 0 })
    return {
      update: (/** @type {number} */ done, /** @type {number} */ failed) => bar.update(done, { failed }),
      print(/** @type {string} */ text, /** @type {number} */ done, /** @type {number} */ failed) {
        bar.stop()
        console.log(text)
        bar.start(total, done, { failed })
      },
      stop: () => bar.stop(),
    }
  }
  let tenths = 0
  return {
    update(/** @type {number} */ done, /** @type {number} */ failed) {
      if (Math.floor((10 * done) / total) <= tenths) return
      tenths = Math.floor((10 * done) / total)
      console.log(`${binary}: ${done} of ${total}, ${failed} failed`)
    },
    print: (/** @type {string} */ text) => console.log(text),
    stop() {},
  }
}

/**
 * @typedef {{ message: string, kind: string, operations: string[], code: string }} Found
 * @typedef {{ begin?: number, end?: number, result?: string, message?: string, found?: Found }} Message
 */

/**
 * One process, from a seed to the last or to one that ends it.
 * @param {string} node
 * @param {string[]} args
 * @param {(message: Message) => void} hear
 * @returns {Promise<string | undefined>} how it ended, if not well
 */
function runChild(node, args, hear) {
  return new Promise((resolve) => {
    const child = fork(fileURLToPath(new URL('child.mjs', import.meta.url)), args, { execPath: node })
    let hung = false
    const watch = () => setTimeout(() => (hung = child.kill('SIGKILL')), HANGS)
    let timer = watch()
    child.on('message', (/** @type {Message} */ message) => {
      clearTimeout(timer)
      timer = watch()
      hear(message)
    })
    child.on('exit', (code, signal) => {
      clearTimeout(timer)
      resolve(code === 0 ? undefined : hung ? 'hangs' : `the process ends with ${signal ?? code}`)
    })
  })
}

/**
 * All programs on one binary.
 * @param {string} binary
 * @param {string} node
 * @param {{ programs: number, seed: number }} options
 */
async function runBinary(binary, node, { programs, seed: first }) {
  const counts = { passed: 0, failed: 0, unstable: 0 }
  const bar = progress(binary, programs)
  let [next, began] = [first, first - 1]
  /** What failed first in a way. @type {Map<string, number>} */
  const known = new Map()
  const done = () => next - first
  const fail = (/** @type {string} */ text) => {
    counts.failed++
    bar.print(text, done(), counts.failed)
  }
  while (done() < programs) {
    const left = Math.max(0, SHRUNK - counts.failed)
    const args = [binary, next, programs - done(), left].map(String)
    const ended = await runChild(node, args, ({ begin, end, result, message, found }) => {
      if (begin !== undefined) began = begin
      if (end === undefined) return
      next = end + 1
      const again = `npm run fuzz -- --seed ${end} --programs 1 --binary ${binary}`
      if (result === 'failed') {
        const way = found && `${found.kind} with ${found.operations.join(', ')}`
        const before = way && known.get(way)
        if (way && before === undefined) known.set(way, end)
        const as = before === undefined ? '' : `, as seed ${before}: ${way}`
        const code = found && before === undefined ? `\n  shrunk: ${found.message}\n\n${found.code}\n` : ''
        fail(`seed ${end}: ${message}\n  ${again}${as}${code}`)
      } else if (result === 'unstable') counts.unstable++
      else counts.passed++
      bar.update(done(), counts.failed)
    })
    if (!ended) continue
    if (began < next) throw new Error(`${binary}: ${ended} before a program began`)
    next = began + 1
    fail(`seed ${began}: ${ended}\n  npm run fuzz -- --seed ${began} --programs 1 --binary ${binary}`)
  }
  bar.stop()
  return counts
}

async function main() {
  const options = parse(process.argv.slice(2))
  if (options.help) {
    console.log(USAGE)
    return
  }
  const total = { passed: 0, failed: 0 }
  for (const binary of options.binaries) {
    const node = nodeFor(binary)
    if (!node) {
      console.log(`${binary}: left out, this runtime has no relaxed SIMD; ${INSTALL_RUNTIMES}`)
      continue
    }
    const start = performance.now()
    const { passed, failed, unstable } = await runBinary(binary, node, options)
    const seconds = ((performance.now() - start) / 1000).toFixed(0)
    console.log(
      `${binary}: ${passed + unstable} passed (${unstable} of them in part: not stable in float32), ${failed} failed, ${seconds} s`,
    )
    total.passed += passed + unstable
    total.failed += failed
  }
  console.log(`\n${total.passed} passed, ${total.failed} failed`)
  process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0
}

try {
  await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
