// The page as a site: any folder, a strict policy, a slow line, no line at all. (All checks run in a folder, under the policy.)
import { equal, match, ok } from 'node:assert/strict'
import { FREE, onPage } from './check.mjs'

/** @type {import('./check.mjs').Check[]} */
export const SITE_CHECKS = [
  {
    name: 'works offline after the first visit, with threads from the second on any host, and never reloads itself',
    quick: true,
    run: async (browser, site) => {
      const context = await browser.apart()
      const first = await context.open(`${site.alone}/${FREE}`, { expectErrors: true })
      await first.until(() => document.getElementById('digits')?.textContent === '60,000')
      await first.until(() => navigator.serviceWorker.controller !== null)
      match(await first.text('badge'), /1 thread/)
      equal(await first.page.evaluate(() => performance.getEntriesByType('navigation').length), 1)
      await first.close()
      site.unplugAlone(true)
      try {
        const second = await context.open(`${site.alone}/${FREE}`, { expectErrors: true })
        await second.untilStep(50)
        match(await second.text('badge'), /[2-9] threads/)
        await second.until(() => document.getElementById('digits')?.textContent === '60,000')
        equal(await second.page.evaluate('loads()'), 1)
        await second.close()
      } finally {
        site.unplugAlone(false)
        await context.close()
      }
    },
  },
  {
    name: 'on a slow line it waits for digits and says so: the epoch is all of them, and the curves are the same',
    quick: true,
    run: async (browser, site) => {
      const whole = await browser.open(`${site.url}/?depth=1`)
      await whole.untilStep(60)
      const wanted = await whole.samples()
      await whole.close()
      site.hold('/digits/train-1.bin')
      // Apart, since the digits are kept once they have come.
      const context = await browser.apart()
      const demo = await context.open(`${site.url}/?depth=1`)
      await demo.until(() => document.getElementById('epoch')?.textContent === '0.03, waiting for digits')
      equal(await demo.text('steps'), '31')
      site.hold(undefined)
      await demo.untilStep(60)
      const samples = await demo.samples()
      for (const { step, norm, plain } of samples) {
        const same = wanted.find((sample) => sample.step === step)
        if (same && step <= 60) equal(`${norm} ${plain}`, `${same.norm} ${same.plain}`, `at step ${step}`)
      }
      await demo.close()
      await context.close()
    },
  },
  {
    name: 'links to the guide, the paper and how to install, says its licence, and has a picture for sharing',
    quick: true,
    run: onPage(async (demo) => {
      const { page } = demo
      const links = await page.$$eval('footer a', (/** @type {HTMLAnchorElement[]} */ all) =>
        all.map(({ href, textContent }) => `${textContent}: ${href}`),
      )
      for (const part of [/Guide.*guide\.html$/, /paper.*1502\.03167$/, /Install.*#install$/]) {
        ok(
          links.some((/** @type {string} */ link) => part.test(link)),
          `${part} is not in ${links}`,
        )
      }
      match(await page.$eval('footer', (/** @type {Element} */ e) => e.textContent), /MIT licence/)
      const found = await page.evaluate(async () => {
        const [guide, picture] = await Promise.all(['./guide.html', './share.png'].map((path) => fetch(path)))
        const text = await guide.text()
        const anchors = [
          ...new DOMParser().parseFromString(text, 'text/html').querySelectorAll('a[href^="#"]'),
        ]
        const missing = anchors
          .map((a) => a.getAttribute('href')?.slice(1) ?? '')
          .filter((id) => !text.includes(`id="${id}"`))
        return [
          guide.ok,
          text.includes('id="install"'),
          missing.join(),
          picture.ok,
          picture.headers.get('content-type'),
        ]
      })
      equal(JSON.stringify(found), JSON.stringify([true, true, '', true, 'image/png']))
    }, FREE),
  },
]
