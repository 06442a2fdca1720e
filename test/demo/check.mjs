// What a check of the demo is.

/** @typedef {import('./page.mjs').Demo} Demo */
/** @typedef {Awaited<ReturnType<typeof import('./page.mjs').startBrowser>>} Browser */
/** @typedef {Awaited<ReturnType<typeof import('./site.mjs').serveSite>> & { alone: string, unplugAlone: (off: boolean) => void }} Site `alone` is not isolated */
/** @typedef {{ name: string, quick?: boolean, only?: string, run: (browser: Browser, site: Site) => Promise<void> }} Check */

/**
 * A check on a page that is closed afterwards, and must have logged no error.
 * @param {(demo: Demo, browser: Browser) => Promise<void>} check
 * @param {string} [query]
 * @param {import('./page.mjs').View} [view]
 * @returns {Check['run']}
 */
export const onPage =
  (check, query = '', view = {}) =>
  async (browser, { url }) => {
    const demo = await browser.open(`${url}/${query}`, view)
    await check(demo, browser)
    await demo.close()
  }

/** The playground without the story, as it is by default. */
export const FREE = '?story=none'

/** @param {import('./page.mjs').Sample[]} samples @param {'norm' | 'plain'} side */
export const largest = (samples, side) => Math.max(...samples.map((sample) => sample[side]))
