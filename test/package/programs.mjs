// Other programs: a framework's build, its server, npm; and the Node that the newest of them need.
import { execFile, spawn } from 'node:child_process'
import { delimiter, dirname } from 'node:path'
import { promisify } from 'node:util'
import { serve } from '../../bench/browsers.mjs'
import { runtimePath } from '../runtimes/runtimes.mjs'

const run = promisify(execFile)

/** As long as a build or the start of a server may take, in milliseconds. */
const LIMIT = 300_000

/** A Node of 22 or newer: this one, or that of test/runtimes; undefined where there is none. */
export function newNode() {
  return Number(process.versions.node.split('.')[0]) >= 22 ? process.execPath : runtimePath('node')
}

/** What a program finds: `node` first, and no question to a user. @param {string} node @param {Record<string, string>} env */
function environment(node, env) {
  const path = `${dirname(node)}${delimiter}${process.env.PATH}`
  const quiet = {
    CI: '1',
    NEXT_TELEMETRY_DISABLED: '1',
    ASTRO_TELEMETRY_DISABLED: '1',
    NUXT_TELEMETRY_DISABLED: '1',
  }
  // Vite, where it served something in this process before, has set NODE_ENV, with which Next builds no page.
  const { NODE_ENV: _, ...own } = process.env
  return { ...own, ...quiet, WRANGLER_SEND_METRICS: 'false', FORCE_COLOR: '0', ...env, PATH: path }
}

/**
 * Runs a program of Node's to its end; an error has the end of what it said.
 *
 * @param {string} node @param {string} cwd @param {string[]} args @param {Record<string, string>} [env]
 */
export async function program(node, cwd, args, env = {}) {
  const options = { cwd, timeout: LIMIT, maxBuffer: 1 << 26, env: environment(node, env) }
  try {
    return await run(node, args, options)
  } catch (error) {
    const {
      message,
      stdout = '',
      stderr = '',
    } = /** @type {Error & { stdout?: string, stderr?: string }} */ (error)
    throw new Error(`${message.split('\n')[0]}: ${`${stdout}\n${stderr}`.trim().slice(-1500)}`)
  }
}

/** @param {string} cwd @param {string[]} args */
export async function npm(cwd, ...args) {
  await run('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], { cwd, timeout: LIMIT }).catch(
    (error) => {
      throw new Error(`npm ${args[0]}: ${(error.stderr || error.message).trim().slice(-600)}`)
    },
  )
}

/**
 * A server that is a program: waited for until it answers, ended with all that it started.
 *
 * @param {string} node @param {string} cwd @param {string[]} args `PORT` stands for a free port
 * @param {Record<string, string>} [env]
 */
export async function started(node, cwd, args, env = {}) {
  const free = await serve(() => {})
  free.close()
  const { port } = new URL(free.url)
  const address = {
    PORT: port,
    HOST: '127.0.0.1',
    NITRO_PORT: port,
    NITRO_HOST: '127.0.0.1',
    ORIGIN: free.url,
  }
  const child = spawn(
    node,
    args.map((arg) => (arg === 'PORT' ? port : arg)),
    {
      ...{ cwd, env: environment(node, { ...address, ...env }) },
      // A group of its own: servers have children.
      ...{ detached: true, stdio: ['ignore', 'pipe', 'pipe'] },
    },
  )
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (said += data))
  const close = () => {
    process.off('exit', close)
    try {
      if (child.pid) process.kill(-child.pid, 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
  }
  process.once('exit', close)
  for (const end = performance.now() + LIMIT; ; ) {
    const there = await fetch(free.url, { signal: AbortSignal.timeout(60_000) }).then(
      () => true,
      () => false,
    )
    if (there) return { url: free.url, close }
    if (child.exitCode !== null || performance.now() > end) {
      close()
      throw new Error(`no server at ${free.url}: ${said.trim().slice(-1500)}`)
    }
    await new Promise((next) => setTimeout(next, 200))
  }
}
