// A worker of the thread team in Node, Bun and Deno: says that it runs, then works until the process ends.
import { parentPort, workerData } from 'node:worker_threads'
import { instantiate } from './instantiate.js'

const { module, memory, index } = workerData
const kernels = instantiate(module, memory, true)
parentPort?.postMessage('ready')
try {
  kernels.team_work_forever(index)
} catch {
  // The caller waits for this worker's chunk and hears of no message: it looks at the memory alone.
  kernels.team_worker_failed(index)
}
