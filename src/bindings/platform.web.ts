import { InitError } from '../errors.js'
import type { Platform } from './platform.js'
import { bytesOf } from './response.js'

/** Browsers' pages and workers. */
export const webPlatform: Platform = {
  runtime: globalThis.navigator?.userAgent ?? 'browser',
  cores: globalThis.navigator?.hardwareConcurrency ?? 1,
  mayBlock: typeof document === 'undefined',
  async readBytes(from) {
    let response: Response
    try {
      response = await fetch(from)
    } catch (cause) {
      // No connection, another origin that does not allow it, or a policy: browsers do not tell which.
      throw new InitError(`${from} could not be reached (${cause})`, 'unreachable', { cause })
    }
    return bytesOf(response, `${from}`)
  },
  startWorker(work, script, on) {
    // The second is one literal, so that bundlers find the file.
    const worker = script
      ? new Worker(script, { type: 'module' })
      : new Worker(new URL('./worker.web.js', import.meta.url), { type: 'module' })
    worker.onmessage = on.ready
    // A script that can't be loaded (a wrong address or type, a policy) comes without a message.
    worker.onerror = ({ message }) => on.failed(message ?? 'its script could not be loaded')
    worker.postMessage(work)
    return { unref() {}, terminate: () => worker.terminate() }
  },
}
