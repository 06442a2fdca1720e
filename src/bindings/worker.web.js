// A worker of the thread team in a browser: says that it runs, then works until the page ends.
import { instantiate } from './instantiate.js'

globalThis.onmessage = ({ data: { module, memory, index } }) => {
  const kernels = instantiate(module, memory, true)
  globalThis.postMessage('ready')
  try {
    kernels.team_work_forever(index)
  } catch {
    // It trapped: the caller, which waits, is told through the memory.
    kernels.team_worker_failed(index)
  }
}
