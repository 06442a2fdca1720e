import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Platform } from './platform.js'

function runtimeName(): string {
  const { bun, deno, node } = process.versions
  if (bun) return `Bun ${bun}`
  if (deno) return `Deno ${deno}`
  return `Node ${node}`
}

/** Node, Bun and Deno. */
export const nodePlatform: Platform = {
  runtime: runtimeName(),
  cores: availableParallelism(),
  mayBlock: true,
  async readBytes(from) {
    if (from instanceof URL && from.protocol !== 'file:') {
      return new Uint8Array(await (await fetch(from)).arrayBuffer())
    }
    return readFile(from)
  },
  startWorker(module, memory, index, onReady) {
    const worker = new Worker(new URL('./worker.node.js', import.meta.url), {
      workerData: { module, memory, index },
      // Not the process's own flags: some, as --input-type, are for its main script only.
      execArgv: [],
    })
    worker.once('message', onReady)
    // A worker that fails to start is told by the time limit, with the reason in `backend.reason`.
    worker.once('error', () => {})
    return worker
  },
}
