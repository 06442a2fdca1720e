// The sides of a comparison: each is a process of its own that answers lines of JSON with lines of JSON.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/**
 * What can be asked: a child process here, a browser's page in browsers.mjs.
 *
 * @typedef {object} Side
 * @property {Record<string, unknown>} ready what its first line told: versions and the like
 * @property {(request: Record<string, unknown>) => Promise<Record<string, any>>} ask
 *   throws the side's own error text
 * @property {() => Promise<void>} stop
 */

/** No single answer takes longer than this. */
const TIME_LIMIT = 120_000

/**
 * Starts a side.
 *
 * @param {readonly string[]} command
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Promise<Side>}
 */
export async function startSide([program, ...args], env = process.env) {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env })
  let complaint = ''
  child.stderr.on('data', (text) => {
    complaint = (complaint + text).slice(-4000)
  })
  /** @type {Error | undefined} */
  let failure
  child.on('error', (error) => {
    failure = error
  })
  child.stdin.on('error', () => {})
  const exited = new Promise((resolve) => {
    child.on('close', resolve)
    child.on('error', resolve)
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()

  /** The next line that is JSON; libraries print other things now and then. */
  const answer = async () => {
    const limit = setTimeout(() => {
      failure = new Error(`no answer in ${TIME_LIMIT / 1000} s`)
      child.kill('SIGKILL')
    }, TIME_LIMIT)
    try {
      for (let line = await lines.next(); !line.done; line = await lines.next()) {
        if (line.value.startsWith('{')) return JSON.parse(line.value)
      }
    } finally {
      clearTimeout(limit)
    }
    await exited
    throw failure ?? new Error(complaint.trim().split('\n').at(-1) || `${program} ended without an answer`)
  }

  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null || failure) return
    child.stdin.end()
    child.kill()
    const limit = setTimeout(() => child.kill('SIGKILL'), 3000)
    await exited
    clearTimeout(limit)
  }

  const ready = await answer()
  if (ready.error) {
    await stop()
    throw new Error(ready.error)
  }
  return {
    ready,
    async ask(request) {
      if (!child.stdin.write(`${JSON.stringify(request)}\n`)) await once(child.stdin, 'drain')
      const result = await answer()
      if (result.error) throw new Error(result.error)
      return result
    },
    stop,
  }
}

/** @param {unknown} error */
export const messageOf = (error) => (error instanceof Error ? error.message : String(error)).split('\n')[0]
