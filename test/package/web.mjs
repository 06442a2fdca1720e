// Every bundle's page in real browsers: isolated, not isolated, and isolated under a strict policy; on the page's own
// thread and in a Worker.
import { findBrowsers, ISOLATION, launch } from '../../bench/browsers.mjs'
import { BUNDLES } from './bundles.mjs'
import { check, expectTrained, leftOut } from './checks.mjs'
import { needed } from './fresh.mjs'

export const POLICY = {
  'Content-Security-Policy': "script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'",
}
const NO_ISOLATION = /one thread, because SharedArrayBuffer.*Cross-Origin-Opener-Policy: same-origin/

/** They drop what the page does not use: it then takes the smaller binary. The others import everything. */
const DROP = ['vite-build', 'webpack', 'rollup', 'bun-page']

/** @type {{ name: string, headers: Record<string, string>, threads: number, reason: RegExp }[]} */
const MODES = [
  { name: 'isolated', headers: ISOLATION, threads: 2, reason: /2 threads on \d+ cores/ },
  { name: 'not isolated', headers: {}, threads: 1, reason: NO_ISOLATION },
  { name: 'strict policy', headers: { ...ISOLATION, ...POLICY }, threads: 2, reason: /2 threads on/ },
]

/** @typedef {{ name: string, open: () => Promise<any>, browser: any }} Opened */
/** @type {Opened[] | undefined} */
let opened

/** Those that this machine has, started once. @returns {Promise<Opened[]>} */
export async function browsers() {
  if (opened) return opened
  opened = []
  const { default: puppeteer } = await needed('puppeteer-core')
  for (const which of findBrowsers()) {
    const { name, path, install } = which
    if (path) {
      const open = () => launch(puppeteer, { ...which, path })
      opened.push({ name, open, browser: await open() })
    } else {
      leftOut.push(`${name}: ${install}`)
    }
  }
  return opened
}

export async function closeBrowsers() {
  for (const { browser } of opened ?? []) if (browser.connected) await browser.close()
}

/**
 * What a page left in `globalThis.result`; what it says on its console is an error.
 *
 * One page in fifty never gets past `new Worker` in a Worker in Firefox, when the machine is busy: the Worker's own
 * thread stands still, so that no time limit of ours can end it. There is one more try then, and the row tells; and one
 * where the browser itself is gone, which a page can't end.
 *
 * @param {Opened} opened
 * @param {string} url
 * @param {Record<string, unknown>} options of apps/page.js
 * @param {string} [page] its path, if it is not the index
 */
export async function resultOf(opened, url, options, page = '') {
  try {
    return { ...(await load(opened, `${url}/${page}`, options)), tries: '' }
  } catch (error) {
    const hung = opened.name === 'Firefox' && options.where === 'worker' && /TimeoutError/.test(`${error}`)
    const gone = !opened.browser.connected || /(Connection|Target) closed/.test(`${error}`)
    if (!hung && !gone) throw error
    // (Then another one is started. One that was left running would keep this process from ending.)
    if (gone) await opened.browser.close().catch(() => {})
    return { ...(await load(opened, `${url}/${page}`, options)), tries: '; second try' }
  }
}

/** @param {Opened} opened @param {string} url @param {Record<string, unknown>} options */
async function load(opened, url, options) {
  // A browser that crashed has failed one check, not those after it.
  if (!opened.browser.connected) opened.browser = await opened.open()
  const page = await opened.browser.newPage()
  /** @type {string[]} */
  const complaints = []
  page.on('console', (/** @type {any} */ message) => {
    if (['error', 'warn'].includes(message.type())) complaints.push(message.text())
  })
  page.on('pageerror', (/** @type {Error} */ error) => complaints.push(String(error)))
  try {
    await page.goto(`${url}?${encodeURIComponent(JSON.stringify(options))}`)
    const handle = await page.waitForFunction('globalThis.result', { timeout: 60_000 })
    return { result: await handle.jsonValue(), complaints }
  } catch (error) {
    throw new Error(`${error}; the console: ${complaints.join('; ') || 'nothing'}`)
  } finally {
    await page.close()
  }
}

/**
 * A page's text, once it is what is waited for.
 *
 * @param {Opened} opened
 * @param {string} url
 * @param {string} selector of the element
 * @param {RegExp} pattern of what its text has at the end
 * @returns {Promise<string>}
 */
export async function textOf(opened, url, selector, pattern) {
  if (!opened.browser.connected) opened.browser = await opened.open()
  const page = await opened.browser.newPage()
  /** @type {string[]} */
  const complaints = []
  page.on('pageerror', (/** @type {Error} */ error) => complaints.push(String(error)))
  const text = () => page.$eval(selector, (/** @type {Element} */ element) => element.textContent ?? '')
  try {
    await page.goto(url)
    await page.waitForFunction(
      (/** @type {string} */ where, /** @type {string} */ source) =>
        new RegExp(source).test(document.querySelector(where)?.textContent ?? ''),
      { timeout: 60_000 },
      selector,
      pattern.source,
    )
    return await text()
  } catch (error) {
    throw new Error(`${error}; it has '${await text()}'; errors: ${complaints.join('; ') || 'none'}`)
  } finally {
    await page.close()
  }
}

/** @param {string} what */
async function trainInBrowsers(what) {
  const all = await browsers()
  /** @type {import('./bundles.mjs').Site | undefined} */
  let site
  await check([what, '', 'builds'], async () => {
    site = await BUNDLES[what]()
    return ''
  })
  if (!site) return
  for (const { name: mode, headers, threads, reason } of MODES) {
    const server = await site(headers)
    for (const browser of all) {
      for (const where of ['page', 'worker']) {
        // Each way sees relaxed and strict builds, and each binary.
        const deterministic = (where === 'worker') !== (mode === 'strict policy')
        const how = `${mode}, in the ${where}${deterministic ? ', deterministic' : ''}`
        await check([what, browser.name, how], async () => {
          const options = { where, threads: 2, deterministic }
          const { result, complaints, tries } = await resultOf(browser, server.url, options)
          const kernels = DROP.includes(what) ? 'core' : 'all'
          const seen = expectTrained(result, { threads, deterministic, reason, kernels }) + tries
          if (complaints.length > 0) throw new Error(`the console: ${complaints.join('; ')}`)
          return seen
        })
      }
    }
    await server.close()
  }
}

export const WEB = Object.fromEntries(Object.keys(BUNDLES).map((what) => [what, () => trainInBrowsers(what)]))
