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

/** Milliseconds in which a page has what is waited for, on a busy machine too. */
const LIMIT = 60_000
/** Of a wait that is part of one with that limit. */
const NO_LIMIT = { timeout: 0 }
const TRIES = 3

/**
 * What `look` sees in a page of a browser's own; of a page that errs, its console too.
 *
 * In Firefox a Worker's `new Worker` may stand still for ever, for one page in eight of a machine that is busy, and no
 * limit of ours can end it there. It is Firefox's own, and only while WebDriver or its developer tools listen for Workers:
 * the Worker that makes another one then waits until that is registered, on the condition variable on which the new one
 * waits for its first event, and only one of the two is woken (WorkerPrivate::SetIsDebuggerRegistered). So a page whose
 * Workers have Workers has more tries there, and the row tells; and any page has them where the browser itself is gone.
 *
 * @template T
 * @param {Opened} opened
 * @param {string} url
 * @param {(page: any, complaints: string[]) => Promise<T>} look
 * @param {boolean} nested whether a Worker of this page makes Workers
 * @returns {Promise<{ seen: T, tries: string }>}
 */
export async function inPage(opened, url, look, nested) {
  for (let tries = 1; ; tries++) {
    try {
      return { seen: await once(opened, url, look), tries: tries > 1 ? `; ${tries} tries` : '' }
    } catch (error) {
      const hung = opened.name === 'Firefox' && nested && /TimeoutError/.test(`${error}`)
      const gone = !opened.browser.connected || /(Connection|Target) closed/.test(`${error}`)
      if (tries === TRIES || !(hung || gone)) throw error
      // (Then another one is started. One that was left running would keep this process from ending.)
      if (gone) await opened.browser.close().catch(() => {})
    }
  }
}

/**
 * @template T
 * @param {Opened} opened
 * @param {string} url
 * @param {(page: any, complaints: string[]) => Promise<T>} look
 */
async function once(opened, url, look) {
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
    return await inTime(page.goto(url).then(() => look(page, complaints)))
  } catch (error) {
    const body = page.$eval('body', (/** @type {Element} */ element) => element.textContent)
    const text = await inTime(body).catch(() => '')
    throw new Error(`${error}; the console: ${complaints.join('; ') || 'nothing'}; the page: '${text}'`)
  } finally {
    await inTime(page.close())
  }
}

/** What comes, if it does so within the limit. @template T @param {Promise<T>} promise @returns {Promise<T>} */
export async function inTime(promise) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`TimeoutError: nothing in ${LIMIT / 1000} s`)), LIMIT)
  })
  try {
    return /** @type {T} */ (await Promise.race([promise, late]))
  } finally {
    clearTimeout(timer)
  }
}

/**
 * What a page left in `globalThis.result`; what it says on its console is an error.
 *
 * @param {Opened} opened
 * @param {string} url
 * @param {Record<string, unknown>} options of apps/page.js
 * @param {string} [page] its path, if it is not the index
 */
export async function resultOf(opened, url, options, page = '') {
  const search = encodeURIComponent(JSON.stringify(options))
  const look = async (/** @type {any} */ page, /** @type {string[]} */ complaints) => {
    const handle = await page.waitForFunction('globalThis.result', NO_LIMIT)
    return { result: await handle.jsonValue(), complaints }
  }
  const { seen, tries } = await inPage(opened, `${url}/${page}?${search}`, look, options.where === 'worker')
  return { ...seen, tries }
}

/**
 * A page's text, once it is what is waited for.
 *
 * @param {Opened} opened
 * @param {string} url
 * @param {string} selector of the element
 * @param {RegExp} pattern of what its text has at the end
 * @returns {Promise<{ text: string, tries: string }>}
 */
export async function textOf(opened, url, selector, pattern) {
  const look = async (/** @type {any} */ page) => {
    await page.waitForFunction(
      (/** @type {string} */ where, /** @type {string} */ source) =>
        new RegExp(source).test(document.querySelector(where)?.textContent ?? ''),
      NO_LIMIT,
      selector,
      pattern.source,
    )
    return page.$eval(selector, (/** @type {Element} */ element) => element.textContent ?? '')
  }
  const { seen, tries } = await inPage(opened, url, look, true)
  return { text: seen, tries }
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
