// The built site as a host would serve it: in a folder, with a strict policy, and as slow or broken as a test wants.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { files, ISOLATION, serve } from '../../bench/browsers.mjs'

const BASE = '/some/folder'

/**
 * @param {string} folder of the built site
 * @param {{ isolated?: boolean }} [options] whether it sends the headers that threads need
 */
export async function serveSite(folder, { isolated = true } = {}) {
  /** @type {string | undefined} */
  let refused
  /** @type {string | undefined} */
  let held
  /** @type {(() => void)[]} */
  let waiting = []
  let down = false
  const find = (/** @type {string} */ path) => {
    if (!path.startsWith(`${BASE}/`) || (refused !== undefined && path.endsWith(refused))) return ''
    const within = path.slice(BASE.length)
    return join(folder, within === '/' ? 'index.html' : within)
  }
  const page = readFileSync(join(folder, 'index.html'), 'utf8')
  const policy = /http-equiv="Content-Security-Policy" content="(.*?)"/.exec(page)?.[1]
  if (policy === undefined) throw new Error('the built page has no content security policy')
  // A meta element says the policy of the page; a header says it of the workers too.
  const answer = files(find, { 'Content-Security-Policy': policy, ...(isolated ? ISOLATION : {}) })
  const server = await serve((request, response) => {
    if (down) request.socket.destroy()
    else if (held !== undefined && request.url?.endsWith(held)) waiting.push(() => answer(request, response))
    else answer(request, response)
  })
  return {
    url: `${server.url}${BASE}`,
    close: server.close,
    /** Says 404 to addresses with this end. @param {string | undefined} path */
    refuse(path) {
      refused = path
    },
    /** Answers addresses with this end only once it is called with nothing. @param {string | undefined} path */
    hold(path) {
      held = path
      if (path !== undefined) return
      for (const go of waiting) go()
      waiting = []
    },
    /** Whether nothing is answered at all. @param {boolean} off */
    unplug(off) {
      down = off
    },
  }
}
