// What a page is told where something can't be loaded: an error with its code, or one thread and the reason.
import { execFile } from 'node:child_process'
import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { files, ISOLATION, serve } from '../../bench/browsers.mjs'
import { staticFolder } from './bundles.mjs'
import { check, expectTrained } from './checks.mjs'
import { freshProject, here } from './fresh.mjs'
import { browsers, resultOf } from './web.mjs'

const run = promisify(execFile)

const BINARY = 'node_modules/simdgrad/dist/bindings/wasm/strict-shared.wasm'
const SCRIPT = 'node_modules/simdgrad/dist/bindings/worker.web.js'
const NO_WORKER = /one thread, because a worker could not be started/

/** @typedef {{ code?: string, name?: string, message?: RegExp, threads?: number, reason?: RegExp }} Expected */
/** @type {[how: string, options: Record<string, string>, expected: Expected, policy?: string][]} */
const CASES = [
  ['binary: 404', { wasm: '/gone.wasm' }, { code: 'http-status', message: /gone\.wasm.*404/ }],
  ['binary: an HTML page', { wasm: '/index.html' }, { code: 'html', message: /but an HTML page/ }],
  ['binary: a server that is not there', { wasm: 'http://127.0.0.1:9/a.wasm' }, { code: 'unreachable' }],
  ['binary: a wrong MIME type', { wasm: `/text/${BINARY}` }, { threads: 2 }],
  ['worker: 404', { worker: '/gone.js' }, { threads: 1, reason: NO_WORKER }],
  ['worker: an HTML page', { worker: '/index.html' }, { threads: 1, reason: NO_WORKER }],
  ['worker: a wrong MIME type', { worker: `/text/${SCRIPT}` }, { threads: 1, reason: NO_WORKER }],
  ['worker: of another site', { worker: 'http://127.0.0.1:9/a.js' }, { threads: 1, reason: NO_WORKER }],
  ['worker: never starts', { worker: '/silent' }, { threads: 1, reason: /a worker did not start in time/ }],
  [
    'policy: no workers',
    {},
    { threads: 1, reason: NO_WORKER },
    "script-src 'self' 'wasm-unsafe-eval'; worker-src 'none'",
  ],
  ['policy: no WebAssembly', {}, { code: 'csp', message: /'wasm-unsafe-eval'/ }, "script-src 'self'"],
]

/** What CI leaves out. @type {typeof CASES} */
const MORE = [
  [
    'binary: cut short',
    { wasm: `/half/${BINARY}` },
    { code: 'damaged', message: /init\({ wasm, worker }\)/ },
  ],
  ['binary: compressed twice', { wasm: `/gzip/${BINARY}` }, { code: 'not-wasm', message: /no WebAssembly/ }],
  ['binary: an empty file', { wasm: '/empty' }, { code: 'not-wasm' }],
  ['binary: it breaks off', { wasm: `/broken/${BINARY}` }, { code: 'unreachable' }],
  ['binary: no URL', { wasm: 'http://[/a.wasm' }, { code: 'unreachable' }],
  ['binary: a server without CORS', { wasm: 'OTHER/strict-shared.wasm' }, { code: 'unreachable' }],
  ['worker: no URL', { worker: 'http://[/a.js' }, { threads: 1, reason: NO_WORKER }],
  ['worker: a syntax error', { worker: '/half/page.js' }, { threads: 1, reason: NO_WORKER }],
  ['policy: no connections', {}, { code: 'unreachable' }, "connect-src 'none'"],
  ['threads: a text', { threads: 'two' }, { name: 'ArgumentError', message: /whole number from 1 to 32/ }],
]

/** @param {string} folder @param {string | undefined} policy @returns {import('../../bench/browsers.mjs').Answer} */
function server(folder, policy) {
  /** @type {Record<string, string>} */
  const headers = policy ? { ...ISOLATION, 'Content-Security-Policy': policy } : ISOLATION
  const find = (/** @type {string} */ path) => join(folder, path.replace('/text/', '/'))
  return (request, response) => {
    // A connection that stays open without an answer.
    if (request.url === '/silent') return
    const [, how, path] = /^\/(half|gzip|empty|broken)\b\/?(.*)$/.exec(request.url ?? '') ?? []
    if (how) {
      const bytes = path ? readFileSync(find(path)) : Buffer.alloc(0)
      const half = bytes.subarray(0, bytes.length / 2)
      const type = path.endsWith('.js') ? 'text/javascript' : 'application/wasm'
      const length = how === 'broken' ? { 'Content-Length': bytes.length } : {}
      response.writeHead(200, { 'Content-Type': type, ...length, ...headers })
      if (how !== 'broken') response.end(how === 'gzip' ? gzipSync(bytes) : half)
      else response.write(half, () => response.destroy())
      return
    }
    const text = request.url?.startsWith('/text/')
    files(find, text ? { ...headers, 'Content-Type': 'text/plain' } : headers)(request, response)
  }
}

/** @param {{ quick: boolean }} share */
export async function failures({ quick }) {
  const folder = staticFolder('failures')
  const other = await serve(files((path) => join(folder, BINARY, '..', path), {}))
  for (const [how, given, { code, name, message, threads, reason }, policy] of [
    ...CASES,
    ...(quick ? [] : MORE),
  ]) {
    const options = { ...given }
    if (options.wasm) options.wasm = options.wasm.replace('OTHER', other.url)
    const { url, close } = await serve(server(folder, policy))
    for (const browser of await browsers()) {
      await check(['failures', browser.name, how], async () => {
        const asked = { where: 'page', threads: 2, deterministic: true, ...options }
        const { result } = await resultOf(browser, url, asked)
        if (threads) return expectTrained(result, { threads, deterministic: true, reason })
        if (result.code !== code || (name && result.name !== name))
          throw new Error(`code ${result.code}, not ${code}: ${JSON.stringify(result)}`)
        if (message && !message.test(result.error)) throw new Error(result.error)
        return `${result.name}: ${code ?? result.error}`
      })
    }
    close()
  }
  other.close()
  await script()
}

/** A script of no module, and minified: it has no import.meta, and no class its name. */
async function script() {
  const folder = freshProject('script', [
    'index.html',
    'page.js',
    'train.mjs',
    'train-worker.js',
    'locations.js',
  ])
  let built = false
  await check(['failures', 'esbuild', 'a script, minified: builds'], async () => {
    const options = ['--bundle', '--minify', '--format=iife', '--log-override:empty-import-meta=silent']
    await run(here('node_modules/.bin/esbuild'), ['page.js', ...options, '--outdir=dist'], { cwd: folder })
    cpSync(join(folder, 'index.html'), join(folder, 'dist/index.html'))
    built = true
    return ''
  })
  if (!built) return
  const { url, close } = await serve(files((path) => join(folder, 'dist', path), ISOLATION))
  for (const browser of await browsers()) {
    await check(['failures', browser.name, 'a script without import.meta'], async () => {
      const { result } = await resultOf(browser, url, { where: 'page', threads: 2 })
      const { name, code, error } = result
      const fits = name === 'InitError' && code === 'invalid-url' && error.includes('init({ wasm, worker })')
      if (!fits) throw new Error(JSON.stringify(result))
      return `${name}: ${code}`
    })
  }
  close()
}
