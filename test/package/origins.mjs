// The package from another origin than the page's, as of a CDN: an import map names it, and its workers start from a blob
// where the page's policy allows that. A page of its own origin never makes a blob; a sandboxed frame has no origin.
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { files, ISOLATION, serve } from '../../bench/browsers.mjs'
import { check, expectTrained } from './checks.mjs'
import { freshProject, here, installedFile } from './fresh.mjs'
import { browsers, resultOf } from './web.mjs'

const run = promisify(execFile)

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

const PACKAGE = 'node_modules/simdgrad'

/** @param {string} folder @param {string} simdgrad the address of its module */
function writePages(folder, simdgrad) {
  const html = readFileSync(join(folder, 'index.html'), 'utf8')
  const map = JSON.stringify({ imports: { simdgrad } })
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

/** @param {{ quick: boolean }} share */
export async function origins({ quick }) {
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
    writePages(folder, `${origin === 'own' ? '' : cdn.url}/${PACKAGE}/dist/index.js`)
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
  if (!quick) await oneFile(folder, cdn.url)
  cdn.close()
}

/** How CDNs make one file of a package, which they serve beside its own: all that is exported, and import.meta stays. */
const MAKERS = {
  'as jsdelivr (Rollup)': (/** @type {string} */ folder) => {
    const rollup = join(dirname(installedFile('rollup/package.json')), 'dist/bin/rollup')
    const args = ['--format=es', `--file=${PACKAGE}/esm.js`, '--silent']
    return run(process.execPath, [rollup, `${PACKAGE}/dist/index.js`, ...args], { cwd: folder })
  },
  'as esm.sh (esbuild)': (/** @type {string} */ folder) => {
    const args = ['--bundle', '--minify', '--format=esm', '--target=es2022', `--outfile=${PACKAGE}/esm.js`]
    return run(here('node_modules/.bin/esbuild'), [`${PACKAGE}/dist/index.js`, ...args], { cwd: folder })
  },
}

/** @param {string} folder @param {string} cdn */
async function oneFile(folder, cdn) {
  const bindings = `${cdn}/${PACKAGE}/dist/bindings`
  const places = { wasm: `${bindings}/wasm/`, worker: `${bindings}/worker.web.js` }
  writePages(folder, `${cdn}/${PACKAGE}/esm.js`)
  const find = (/** @type {string} */ path) => join(folder, path)
  const { url, close } = await serve(files(find, { ...ISOLATION, ...CDN }))
  for (const [how, make] of Object.entries(MAKERS)) {
    await check(['origins', how, "a CDN's bundle: builds"], async () => {
      await make(folder)
      return ''
    })
    for (const browser of await browsers()) {
      const asked = { where: 'page', threads: 2, deterministic: true }
      await check(['origins', browser.name, `${how}: the cure`], async () => {
        const { result } = await resultOf(browser, url, asked, 'page.html')
        // (This server says 404 without letting another origin read it.)
        const fits = result.code === 'unreachable' && result.error.includes('init({ wasm, worker })')
        if (!fits) throw new Error(JSON.stringify(result))
        return `InitError: ${result.code}`
      })
      await check(['origins', browser.name, `${how}, with a line`], async () => {
        const { result } = await resultOf(browser, url, { ...asked, ...places }, 'page.html')
        return expectTrained(result, { threads: 2, deterministic: true, reason: /2 threads on/ })
      })
    }
  }
  close()
}
