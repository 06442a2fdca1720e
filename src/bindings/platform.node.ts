import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { InitError } from '../errors.js'
import type { Platform } from './platform.js'
import { bytesOf } from './response.js'

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

/** Node, Bun and Deno. */
export const nodePlatform: Platform = {
  runtime: runtimeName(),
  cores: availableParallelism(),
  mayBlock: true,
  async readBytes(from) {
    const place = locate(from)
    try {
      if (place instanceof URL && place.protocol !== 'file:')
        return await bytesOf(await fetch(place), `${from}`)
      return await readFile(place)
    } catch (cause) {
      if (cause instanceof InitError) throw cause
      throw new InitError(`${from} can't be read (${cause})`, 'unreachable', { cause })
    }
  },
  startWorker({ module, memory, index }, script, on) {
    const worker = new Worker(script ? locate(script) : new URL('./worker.node.js', import.meta.url), {
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
