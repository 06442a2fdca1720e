// Node (ESM and require), Bun and Deno: each trains in a process of its own, which must end by itself.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { INSTALL_RUNTIMES, runtimePath } from '../runtimes/runtimes.mjs'
import { check, expectTrained, leftOut } from './checks.mjs'
import { freshProject } from './fresh.mjs'

const run = promisify(execFile)

/** Deno asks before it reads files: what the docs tell to allow. */
const DENO = ['run', '--no-prompt', '--allow-read']

/** @param {string} what as named on the command line @param {string} script @param {string[][]} commands with a name before each */
async function trainIn(what, script, commands) {
  const folder = freshProject(what, ['train.mjs', script])
  for (const [where, path, ...before] of commands) {
    for (const options of [
      { threads: 2 },
      { threads: 2, deterministic: true },
      { threads: 1, deterministic: true },
    ]) {
      const { threads, deterministic } = options
      const how = `${threads} thread${threads > 1 ? 's' : ''}${deterministic ? ', deterministic' : ''}`
      await check([what, where, how], async () => {
        const args = [...before, script, JSON.stringify(options)]
        const { stdout, stderr } = await run(path, args, { cwd: folder, timeout: 250_000 })
        if (stderr) throw new Error(`it says on stderr: ${stderr}`)
        return expectTrained(JSON.parse(stdout), options)
      })
    }
  }
}

/** This Node and the newest. */
function nodes() {
  const newest = runtimePath('node')
  if (!newest) leftOut.push(`the newest Node: ${INSTALL_RUNTIMES}`)
  return [[`Node ${process.versions.node}`, process.execPath], ...(newest ? [['newest Node', newest]] : [])]
}

/** @param {'Bun' | 'Deno'} name @param {string[]} before */
async function other(name, before) {
  const path = runtimePath(/** @type {'bun' | 'deno'} */ (name.toLowerCase()))
  if (!path) leftOut.push(`${name}: ${INSTALL_RUNTIMES}`)
  else await trainIn(name.toLowerCase(), 'node.mjs', [[name, path, ...before]])
}

export const RUNTIMES = {
  node: () => trainIn('node', 'node.mjs', nodes()),
  require: () => trainIn('require', 'node.cjs', nodes()),
  bun: () => other('Bun', []),
  deno: () => other('Deno', DENO),
}
