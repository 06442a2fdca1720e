// The demo in a real browser: opened, watched and driven as a visitor would.
import { launch } from '../../bench/browsers.mjs'
import { needed } from '../../bench/optional.mjs'

/** @typedef {{ step: number, norm: number, plain: number }} Sample what the page's figures said at a step */
/** @typedef {Awaited<ReturnType<typeof openDemo>>} Demo */
/** @typedef {{ width?: number, dark?: boolean, expectErrors?: boolean, still?: boolean, before?: () => void, bare?: boolean }} View `bare`: nothing of the tests runs in the page */

/** Runs in the page: its first Worker does nothing. */
function standStill() {
  const page = /** @type {any} */ (globalThis)
  let first = true
  page.Worker = class extends page.Worker {
    /** @param {string} url @param {unknown} options */
    constructor(url, options) {
      super(url, options)
      // (The page's policy lets no script but its own be one.)
      if (first) this.terminate()
      first = false
    }
  }
}

/**
 * Runs in the page: keeps its Workers and the points of the curves of the nets at hand, and counts how often nets were
 * built, the checkpoints, and the loads of the page. The points are the same on any machine; which of them a frame shows first is not.
 */
function keepWorkers() {
  const page = /** @type {any} */ (globalThis)
  page.workers = []
  page.checkpoints = 0
  page.points = []
  page.builds = 0
  page.Worker = class extends page.Worker {
    /** @param {string} url @param {unknown} options */
    constructor(url, options) {
      super(url, options)
      page.workers.push(this)
      this.addEventListener('message', (/** @type {MessageEvent} */ { data }) => {
        if (data?.kind === 'checkpoint') page.checkpoints++
        if (data?.kind === 'built') {
          page.points = []
          page.builds++
        }
        for (const { step, accuracy } of data?.kind === 'frame' ? data.points : []) {
          if (page.points.at(-1)?.step === step) page.points.pop()
          page.points.push({ step, ...accuracy })
        }
      })
    }
  }
  // A blank page has no storage.
  if (!location.protocol.startsWith('http')) return
  sessionStorage.setItem('loads', String(Number(sessionStorage.getItem('loads') ?? 0) + 1))
  page.loads = () => Number(sessionStorage.getItem('loads'))
}

/** Runs in the page: records every figure that it shows. */
function watch() {
  const page = /** @type {any} */ (globalThis)
  page.samples = []
  const text = (/** @type {string} */ id) => document.getElementById(id)?.textContent ?? ''
  const look = () => {
    const step = Number(text('steps').replaceAll(',', ''))
    const [norm, plain] = ['accuracy-norm', 'accuracy-plain'].map((id) => Number.parseFloat(text(id)) / 100)
    if (Number.isNaN(norm)) return
    if (step >= 2) page.firstCurve ??= performance.now()
    if (page.samples.at(-1)?.step === step) page.samples.pop()
    page.samples.push({ step, norm, plain })
  }
  document.addEventListener('DOMContentLoaded', () => {
    const bar = document.querySelector('.bar')
    if (bar) new MutationObserver(look).observe(bar, { subtree: true, childList: true, characterData: true })
  })
}

/** @param {Parameters<typeof launch>[1]} which */
export async function startBrowser(which) {
  const { default: puppeteer } = await needed('puppeteer-core')
  const browser = await launch(puppeteer, which)
  return {
    name: which.name,
    version: await browser.version(),
    /** @param {string} url @param {View} [view] */
    open: (url, view) => openDemo(browser, url, view),
    /** After a failure: leaves no page behind that would go on training. */
    async closePages() {
      for (const page of (await browser.pages()).slice(1)) await page.close()
    },
    /** As a browser of its own, without what others have stored. */
    async apart() {
      const context = await browser.createBrowserContext()
      return {
        /** @param {string} url @param {View} [view] */
        open: (url, view) => openDemo(context, url, view),
        close: () => context.close(),
      }
    },
    close: () => browser.close(),
  }
}

/** @param {any} browser @param {string} url @param {View} [view] */
async function openDemo(
  browser,
  url,
  { width = 1280, dark = false, expectErrors = false, still = false, before = undefined, bare = false } = {},
) {
  const page = await browser.newPage()
  /** @type {string[]} */
  const errors = []
  page.on('pageerror', (/** @type {Error} */ error) => errors.push(String(error)))
  page.on('console', (/** @type {any} */ message) => {
    if (['error', 'warn', 'warning'].includes(message.type())) errors.push(message.text())
  })
  await page.setViewport({ width, height: 900 })
  if (dark) await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }])
  if (!bare) await page.evaluateOnNewDocument(watch)
  if (still) await page.evaluateOnNewDocument(standStill)
  if (!bare) await page.evaluateOnNewDocument(keepWorkers)
  if (before) await page.evaluateOnNewDocument(before)
  await page.goto(url)

  /** @param {string} id @returns {Promise<string>} */
  const text = (id) => page.$eval(`#${id}`, (/** @type {Element} */ element) => element.textContent ?? '')
  /**
   * Waits for a condition in the page, longer than a busy machine needs.
   * @param {string | ((argument: any) => unknown)} condition @param {unknown} [argument]
   */
  const until = (condition, argument) =>
    page.waitForFunction(
      condition,
      { timeout: Number(process.env.DEMO_WAIT ?? 300_000), polling: 100 },
      argument,
    )
  return {
    page,
    errors,
    text,
    until,
    /** Clicks as a visitor does, but without moving the page under the pointer. @param {string} id */
    click: (id) => page.$eval(`#${id}`, (/** @type {HTMLElement} */ element) => element.click()),
    /** @param {number} step */
    untilStep: (step) => until(`samples.at(-1)?.step >= ${step}`),
    /** @returns {Promise<Sample[]>} */
    samples: () => page.evaluate('samples'),
    /** The curves up to a step, once they have come so far: in evaluation mode. @param {number} step @returns {Promise<Sample[]>} */
    async points(step) {
      await until(`points.at(-1)?.step >= ${step}`)
      return (await page.evaluate('points')).filter((/** @type {Sample} */ point) => point.step <= step)
    },
    /** The numbers of the story's figure, as they are beside its words. @returns {Promise<any>} */
    figure: () =>
      page.$eval('.story-figure', (/** @type {HTMLElement} */ box) => JSON.parse(box.dataset.values ?? '{}')),
    /** Waits until training rests at what was asked for last, and all of it is in sight. */
    atRest: () =>
      until(() => {
        const { asked = '0', turn, resting } = document.body.dataset
        return turn === asked && resting === 'true'
      }),
    /** @param {string} id of a control @param {number | string} value its place in the list of choices */
    choose: (id, value) =>
      page.$eval(
        `#${id}`,
        (/** @type {any} */ input, /** @type {any} */ at) => {
          if (input.tagName === 'SELECT') input.selectedIndex = at
          else input.value = String(at)
          input.dispatchEvent(new Event('input', { bubbles: true }))
          input.dispatchEvent(new Event('change', { bubbles: true }))
        },
        value,
      ),
    async close() {
      if (!expectErrors && errors.length > 0) throw new Error(`console errors: ${errors.join(' | ')}`)
      await page.close()
    },
  }
}
