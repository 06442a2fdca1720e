// The package from another origin than the page's, as of a CDN: an import map names it, and its workers start from a blob
// where the page's policy allows that. A page of its own origin never makes a blob; a sandboxed frame has no origin.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { files, ISOLATION, serve } from '../../bench/browsers.mjs'
import { check, expectTrained } from './checks.mjs'
import { freshProject } from './fresh.mjs'
import { browsers, resultOf } from './web.mjs'

/** What a CDN sends, so that pages of other origins may use its files. */
const CDN = { 'Access-Control-Allow-Origin': '*', 'Cross-Origin-Resource-Policy': 'cross-origin' }

const FROM_A_BLOB = /one thread, because a worker could not be started \(.*\)/

/** Counts the blobs of which addresses are made. */
const COUNT_BLOBS = `const made = URL.createObjectURL
  URL.createObjectURL = (blob) => { globalThis.blobs = (globalThis.blobs ?? 0) + 1; return made(blob) }`

/** The page around a frame without an origin of its own, which hands its result out. */
const FRAME = `<!doctype html>
<link rel="icon" href="data:,">
<script>
  addEventListener('message', ({ data }) => { globalThis.result = data })
  const frame = document.createElement('iframe')
  frame.sandbox = 'allow-scripts'
  frame.allow = 'cross-origin-isolated'
  frame.src = '/framed.html' + location.search
  document.documentElement.append(frame)
</script>
`

/** @param {string} folder @param {string} from the address of the package */
function writePages(folder, from) {
  const html = readFileSync(join(folder, 'index.html'), 'utf8')
  const map = JSON.stringify({ imports: { simdgrad: `${from}/node_modules/simdgrad/dist/index.js` } })
  const page = html.replace(
    '<script type',
    `<script>${COUNT_BLOBS}</script>\n<script type="importmap">${map}</script>\n<script type`,
  )
  const tells = `<script type="module">
  for (let i = 0; i < 600 && !globalThis.result; i++) await new Promise((next) => setTimeout(next, 50))
  parent.postMessage(globalThis.result ?? { error: 'no result' }, '*')
</script>`
  writeFileSync(join(folder, 'page.html'), page)
  writeFileSync(join(folder, 'framed.html'), `${page}${tells}`)
  writeFileSync(join(folder, 'frame.html'), FRAME)
}

/**
 * @typedef {{ how: string, page: string, origin: 'own' | 'another', threads: number, reason: RegExp,
 *   blobs?: number, policy?: string }} Case
 */

/** @type {Case[]} */
const CASES = [
  {
    ...{ how: 'a CDN, an import map', page: 'page.html', origin: 'another' },
    ...{ threads: 2, blobs: 1, reason: /2 threads on/ },
  },
  {
    ...{ how: 'a CDN, a policy against blobs', page: 'page.html', origin: 'another' },
    ...{ threads: 1, blobs: 1, reason: FROM_A_BLOB },
    policy: "script-src * 'unsafe-inline' 'wasm-unsafe-eval'; worker-src 'self'",
  },
  {
    ...{ how: "the page's own origin: no blob", page: 'page.html', origin: 'own' },
    ...{ threads: 2, blobs: 0, reason: /2 threads on/ },
  },
  {
    ...{ how: 'a sandboxed frame', page: 'frame.html', origin: 'own' },
    ...{ threads: 2, reason: /2 threads on/ },
  },
]

export async function origins() {
  const folder = freshProject('origins', [
    'index.html',
    'page.js',
    'train.mjs',
    'train-worker.js',
    'locations.js',
  ])
  const find = (/** @type {string} */ path) => join(folder, path)
  const cdn = await serve(files(find, CDN))
  for (const { how, page, origin, threads, reason, blobs, policy } of CASES) {
    /** @type {Record<string, string>} */
    const headers = { ...ISOLATION, ...CDN, ...(policy ? { 'Content-Security-Policy': policy } : {}) }
    const { url, close } = await serve(files(find, headers))
    writePages(folder, origin === 'own' ? '' : cdn.url)
    for (const browser of await browsers()) {
      await check(['origins', browser.name, how], async () => {
        const asked = { where: 'page', threads: 2, deterministic: true }
        const { result } = await resultOf(browser, url, asked, page)
        const seen = expectTrained(result, { threads, deterministic: true, reason })
        if (blobs !== undefined && (result.blobs ?? 0) !== blobs)
          throw new Error(`${result.blobs ?? 0} blobs`)
        return threads === 1 ? `${seen}: ${result.reason}` : seen
      })
    }
    close()
  }
  cdn.close()
}
