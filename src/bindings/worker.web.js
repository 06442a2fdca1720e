// A worker of the thread team in a browser: says that it runs, then works until the page ends.
import { instantiate } from './instantiate.js'

globalThis.onmessage = ({ data: { module, memory, index } }) => {
  const kernels = instantiate(module, memory, true)
  globalThis.postMessage('ready')
  try {
    kernels.team_work_forever(index)
  } catch {
    // The caller waits for this worker's chunk and hears of no message: it looks at the memory alone.
    kernels.team_worker_failed(index)
  }
}
