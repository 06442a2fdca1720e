// Our side in a browser: the first message starts it, each further one is a request.
import { data } from '../../dist/index.node.js'
import { startSession } from '../ours/session.mjs'

/** @param {string} name */
async function idx(name) {
  const response = await fetch(`/mnist/${name}`)
  return data.parseIdx(new Uint8Array(await response.arrayBuffer()), name)
}
const loadTrain = async () =>
  new data.ImageDataset(await idx('train-images-idx3-ubyte'), await idx('train-labels-idx1-ubyte'))

/** @type {Awaited<ReturnType<typeof startSession>> | undefined} */
let session
addEventListener('message', async ({ data: request }) => {
  try {
    if (session) {
      postMessage(await session.ask(request))
    } else {
      session = await startSession(request, loadTrain)
      postMessage({ ready: true, ...session.backend })
    }
  } catch (error) {
    postMessage({ error: error instanceof Error ? error.message : String(error) })
  }
})
