// A worker of the team that fails while it works, in one of two ways: the real worker runs in a thread below this
// one, which stays able to act. As soon as it has done chunks of the caller's, it
//   trapped   is said to have trapped, as the real one says it of itself
//   gone      is terminated, without a word
import { parentPort, Worker, workerData } from 'node:worker_threads'
import { instantiate } from '../../../dist/bindings/instantiate.js'

const how = process.env.TEST_WORKER_DIES
const { module, memory, index } = workerData
const inner = new Worker(new URL('../../../dist/bindings/worker.node.js', import.meta.url), { workerData })
const kernels = instantiate(module, memory)

inner.once('message', () => {
  parentPort?.postMessage('ready')
  // The first chunk is the self-test's.
  const watch = setInterval(() => {
    if (kernels.team_chunks_done(index) < 5) return
    clearInterval(watch)
    if (how === 'trapped') kernels.team_worker_failed(index)
    void inner.terminate()
  }, 1)
})
