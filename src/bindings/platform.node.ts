import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { InitError } from '../errors.js'
import { type BinaryName, own } from './own.js'
import { here, ownWorker } from './own.node.js'
import type { Platform } from './platform.js'
import { bytesOf, noBinary } from './response.js'

function runtimeName(): string {
  const { bun, deno, node } = process.versions
  if (bun) return `Bun ${bun}`
  if (deno) return `Deno ${deno}`
  return `Node ${node}`
}

/** A URL where it is one, else a file's path (`C:\\file` is no URL). */
function locate(place: string | URL): string | URL {
  return typeof place === 'string' && /^[a-z]+:\/\//i.test(place) ? new URL(place) : place
}

/**
 * A file of the package's own: where it should be, or else where the package is installed, seen from the bundle. (Next
 * with webpack names files by their address for browsers; a server's bundle lies in a project that has the package.)
 *
 * @param name of package.json's exports
 */
function installed(place: string | URL, name: string): string | URL {
  // (What webpack makes is an instance of URL without a protocol.)
  const at = `${place}`
  if (/^(?!file:)[a-z]{2,}:/.test(at) || existsSync(at.startsWith('file:') ? new URL(at) : at)) return place
  try {
    // (A bundler that saw a require would follow it.)
    return process.getBuiltinModule('node:module').createRequire(`${here}`).resolve(`simdgrad/${name}`)
  } catch {
    return place
  }
}

/** One of the package's own binaries, by the name in its path; a bundler may have put a hash behind it. */
function ownBinary(place: string | URL): string | undefined {
  const [name] = /(?:strict|relaxed)-(?:un)?shared(?:-core)?(?=[.-][^/\\]*$)/.exec(`${place}`) ?? []
  try {
    return name && `${own(name as BinaryName)}` === `${place}` ? name : undefined
  } catch {
    // CommonJS, which has no import.meta.url: the place is the caller's.
    return undefined
  }
}

/** Where a framework's build has put the file, or left it, and the line that helps there. */
const CURES: readonly [where: RegExp, cure: string][] = [
  [/[\\/]_?\.?next[\\/]/, "Next has bundled it: next.config needs serverExternalPackages: ['simdgrad']"],
  [
    /[\\/]\.output[\\/]/,
    "Nuxt's server is without it: nitro needs externals: { trace: true }, or init({ wasm, worker })",
  ],
  [
    /bindings[\\/]wasm[\\/][a-z-]+\.wasm$/,
    'a program that was bundled says where the binaries and the worker are: init({ wasm, worker }), see docs/bundlers.md',
  ],
]

/** Node, Bun and Deno. */
export const nodePlatform: Platform = {
  runtime: runtimeName(),
  cores: availableParallelism(),
  mayBlock: true,
  cure(from) {
    const found = CURES.find(([where]) => where.test(from))
    return found ? `; ${found[1]}` : ''
  },
  async readBytes(from) {
    try {
      const binary = ownBinary(from)
      const place = binary ? installed(locate(from), `wasm/${binary}.wasm`) : locate(from)
      if (place instanceof URL && place.protocol !== 'file:') return await bytesOf(fetch(place), from)
      return await readFile(place)
    } catch (cause) {
      if (cause instanceof InitError) throw cause
      throw noBinary(from, `can't be read (${cause})`, 'unreachable', cause)
    }
  },
  startWorker({ module, memory, index }, script, on) {
    const worker = new Worker(script ? locate(script) : installed(ownWorker(), 'worker.js'), {
      workerData: { module, memory, index },
      // Not the process's own flags: some, as --input-type, are for its main script only.
      execArgv: [],
    })
    worker.once('message', on.ready)
    worker.on('error', (error) => on.failed(error.message))
    worker.on('exit', (code) => on.failed(`exit code ${code}`))
    return worker
  },
}
