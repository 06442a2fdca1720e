// A page: trains on its own thread, or in a Worker, and leaves the result where the test finds it.
import { locations } from './locations.js'
import { train } from './train.mjs'

const { where, ...options } = JSON.parse(decodeURIComponent(location.search.slice(1)))
const given = { ...locations, ...options }

function inWorker() {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./train-worker.js', import.meta.url), { type: 'module' })
    worker.onmessage = ({ data }) => (data.error ? reject(data.error) : resolve(data))
    worker.onerror = ({ message }) => reject(message ?? 'the worker could not be loaded')
    worker.postMessage(given)
  })
}

const result = where === 'worker' ? inWorker() : train(given)
result.then(
  (trained) => Object.assign(globalThis, { result: { ...trained, blobs: Reflect.get(globalThis, 'blobs') } }),
  (error) =>
    Object.assign(globalThis, { result: { error: String(error), code: error?.code, name: error?.name } }),
)
