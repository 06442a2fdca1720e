import type { Platform } from './platform.js'
import { bytesOf } from './response.js'

/**
 * The address of the package's own script, which a bundler may have moved, and to another origin. One literal with
 * Worker, as bundlers look for it; but what is called is Object, which gives back what it is given.
 */
const own = (Worker: new (url: URL, options: WorkerOptions) => unknown) =>
  new Worker(new URL('./worker.web.js', import.meta.url), { type: 'module' }) as URL

/** What is to be said of a worker that could not be loaded. */
let hint = ''

/** Browsers' pages and workers. */
export const webPlatform: Platform = {
  runtime: globalThis.navigator?.userAgent ?? 'browser',
  cores: globalThis.navigator?.hardwareConcurrency ?? 1,
  mayBlock: typeof document === 'undefined',
  cure: (from) =>
    from.includes('/deps/')
      ? ": Vite needs optimizeDeps: { exclude: ['simdgrad'] }"
      : ': init({ wasm, worker })',
  async readBytes(from) {
    // The build of a library by Vite puts binaries into the code, and names the worker from the site's root.
    if (`${from}`.startsWith('data:')) hint = '; libraries leave simdgrad external'
    return bytesOf(fetch(from), from)
  },
  startWorker(work, script = own(Object), on) {
    const url = new URL(script, location.href)
    // A worker's script is of the page's own origin; what it imports may be of another. (A sandboxed frame has no
    // origin, and Chromium then starts no module from a blob, but from a data URL.)
    const code = `import "${url}"`
    const foreign =
      url.origin !== origin &&
      (origin === 'null'
        ? `data:text/javascript,${code}`
        : URL.createObjectURL(new Blob([code], { type: 'text/javascript' })))
    const worker = new Worker(foreign || url, { type: 'module' })
    worker.onmessage = on.ready
    // A script that can't be loaded (a wrong address or type, a policy) comes without a message.
    worker.onerror = ({ message }) =>
      on.failed(message || `${url} could not be loaded${foreign ? ' from a blob' : hint}`)
    worker.postMessage(work)
    return worker
  },
}
