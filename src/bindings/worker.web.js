// A worker of the thread team in a browser: says that it runs, then works until the page ends.
import { instantiate } from './instantiate.js'

globalThis.onmessage = ({ data: { module, memory, index } }) => {
  const kernels = instantiate(module, memory, true)
  globalThis.postMessage('ready')
  kernels.team_work_forever(index)
}
