// The page's own thread only hands requests on: it may not block, so training is in a Worker.
const worker = new Worker(new URL('./session.worker.mjs', import.meta.url), { type: 'module' })
/** @type {(answer: unknown) => void} */
let resolve = () => {}
worker.onmessage = ({ data }) => resolve(data)
worker.onerror = ({ message }) => resolve({ error: message })

/** One request at a time. @param {unknown} request */
const ask = (request) =>
  new Promise((done) => {
    resolve = done
    worker.postMessage(request)
  })
Object.assign(globalThis, { ask })
