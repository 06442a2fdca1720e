import { InitError } from '../errors.js'
import type { Platform } from './platform.js'

/** Browsers' pages and workers. */
export const webPlatform: Platform = {
  runtime: globalThis.navigator?.userAgent ?? 'browser',
  cores: globalThis.navigator?.hardwareConcurrency ?? 1,
  mayBlock: typeof document === 'undefined',
  async readBytes(from) {
    const response = await fetch(from)
    if (!response.ok) {
      throw new InitError(
        `${from} could not be loaded: the server said ${response.status} ${response.statusText}`,
      )
    }
    return new Uint8Array(await response.arrayBuffer())
  },
  startWorker(module, memory, index, onReady) {
    const worker = new Worker(new URL('./worker.web.js', import.meta.url), { type: 'module' })
    worker.onmessage = onReady
    worker.postMessage({ module, memory, index })
    return { unref() {}, terminate: () => worker.terminate() }
  },
}
