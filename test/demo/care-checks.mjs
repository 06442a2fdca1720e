// What the page takes care of: workers that die, addresses that are wrong, whoever can't see or can't use a mouse.
import { equal, match, ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { FREE, onPage } from './check.mjs'
import { within } from './pace.mjs'

const axe = createRequire(new URL('../../bench/package.json', import.meta.url)).resolve('axe-core/axe.min.js')
/** Milliseconds within which a dead worker is told. */
const TOLD = 3000

/** What axe finds on a page, in a few words each. @param {import('./page.mjs').Demo} demo */
async function faults(demo) {
  await demo.page.evaluate(readFileSync(axe, 'utf8'))
  return demo.page.evaluate(async () => {
    const { violations } = await /** @type {any} */ (globalThis).axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    })
    return violations.map(
      (/** @type {any} */ v) => `${v.id}: ${v.nodes.map((/** @type {any} */ n) => n.target).join(', ')}`,
    )
  })
}

/** @type {import('./check.mjs').Check[]} */
export const CARE_CHECKS = [
  {
    name: 'a worker that dies is told within 3 s, and another goes on with the nets as they were',
    quick: true,
    run: (browser, { url }) =>
      within('told of a dead worker', TOLD, async () => {
        const demo = await browser.open(`${url}/${FREE}`)
        await demo.untilStep(200)
        await demo.until('checkpoints > 0')
        await demo.page.evaluate('workers[0].terminate(); killed = performance.now()')
        await demo.until(() =>
          document.getElementById('status')?.textContent?.includes('A new one goes on from step'),
        )
        const after = await demo.page.evaluate('performance.now() - killed')
        const step = Number(/step ([\d,]+)/.exec(await demo.text('status'))?.[1].replaceAll(',', ''))
        await demo.untilStep(step + 300)
        const samples = await demo.samples()
        ok(step > 0 && samples.some((sample) => sample.step >= step && sample.norm > 0.85))
        // Never back at the beginning.
        ok(samples.slice(-5).every((sample) => sample.step >= step))
        match(await demo.text('accuracy-now'), /new worker \(step \d+\)/)
        await demo.close()
        return after
      }),
  },
  {
    name: 'an address that can’t be had is told, and what can be had of it is there',
    run: async (browser, { url }) => {
      const demo = await browser.open(`${url}/?story=nowhere&lr=7&depth=2&speed=1`)
      await demo.untilStep(1)
      const told = await demo.text('address')
      for (const part of ['no step “nowhere”', '“lr=7” can’t be had', '“speed” is no setting'])
        ok(told.includes(part), told)
      equal(await demo.text('story-title'), '1. A deep net’s signal dies')
      match(
        await demo.page.$eval('#control-depth', (/** @type {any} */ e) => e.getAttribute('aria-valuetext')),
        /^2$/,
      )
      await demo.close()
    },
  },
  ...[
    { scheme: 'light', view: {} },
    { scheme: 'dark', view: { dark: true } },
    { scheme: 'a phone', view: { width: 375 } },
  ].map(({ scheme, view }, i) => ({
    name: `axe finds nothing: the story, the net and the playground (${scheme})`,
    quick: i === 0,
    ...(i > 0 ? { only: 'Chromium' } : {}),
    run: onPage(
      async (demo) => {
        await demo.atRest()
        equal((await faults(demo)).join('\n'), '')
        for (const step of ['formula', 'freedom', 'traps']) {
          await demo.click(`story-${step}`)
          await demo.atRest()
          equal((await faults(demo)).join('\n'), '', step)
        }
      },
      '',
      view,
    ),
  })),
  {
    name: 'the net is drawn; a layer opens with all of its units, by mouse or key; every figure says what it shows',
    quick: true,
    run: onPage(async (demo) => {
      await demo.atRest()
      const { page } = demo
      await page.$eval('#network', (/** @type {Element} */ e) => e.scrollIntoView())
      await demo.until(() => document.querySelectorAll('.layer-button').length === 4)
      await page.focus('#layer-1')
      await page.keyboard.press('Enter')
      await demo.until(() => document.querySelector('.opened p')?.textContent?.includes('100 units'))
      match(await page.$eval('.opened p', (/** @type {Element} */ e) => e.textContent), /28 × 28 picture/)
      await page.$eval('#network input[value=plain]', (/** @type {HTMLElement} */ e) => e.click())
      await page.$eval('#layer-4', (/** @type {HTMLElement} */ e) => e.click())
      await demo.until(() => document.querySelector('.opened p')?.textContent?.includes('10 units'))
      const words = await page.$$eval('.now', (/** @type {Element[]} */ all) =>
        all.filter((e) => e.id !== 'own-now').map((e) => e.textContent ?? ''),
      )
      ok(
        words.length >= 6 && words.every((/** @type {string} */ text) => text.length > 30),
        JSON.stringify(words),
      )
      const silent = await page.$$eval('canvas[role=img], .chart', (/** @type {Element[]} */ all) =>
        all.filter((e) => !e.getAttribute('aria-label')).map((e) => e.outerHTML),
      )
      equal(silent.join(), '')
    }, '?story=home'),
  },
  {
    name: 'a batch of one’s own, drawn or from PNG and IDX files, is judged in both modes; other files are refused in words',
    run: onPage(async (demo) => {
      await demo.atRest()
      const { page } = demo
      for (let i = 1; i <= 3; i++) {
        await demo.click('example')
        await demo.until('!document.querySelector("#answers h4").textContent.endsWith("–")')
        await demo.click('own-add')
        await demo.until(
          (/** @type {number} */ rows) => document.querySelectorAll('#own tbody tr').length === rows,
          i,
        )
      }
      match(await demo.text('own-now'), /^3 digits\. Training mode answers \d of these 3 differently/)
      /** @param {string} files an array of File, as code */
      const open = (files) =>
        page.evaluate(`(() => {
          const chosen = new DataTransfer()
          for (const file of ${files}) chosen.items.add(file)
          const input = document.getElementById('own-files')
          input.files = chosen.files
          input.dispatchEvent(new Event('change'))
        })()`)
      // A 1 as dark ink on white paper.
      await page.evaluate(async () => {
        const canvas = new OffscreenCanvas(100, 120)
        const context = canvas.getContext('2d')
        if (!context) return
        context.fillStyle = 'white'
        context.fillRect(0, 0, 100, 120)
        context.fillStyle = '#223'
        context.fillRect(46, 20, 10, 80)
        Object.assign(globalThis, { png: await canvas.convertToBlob() })
      })
      await open('[new File([png], "one.png")]')
      await demo.until('document.querySelectorAll("#own tbody tr").length === 4')
      match(
        await page.$eval('#own tbody tr:last-child', (/** @type {Element} */ e) => e.textContent),
        /^ ?1, \d+ % sure/,
      )
      const header = '0,0,8,3, 0,0,0,2, 0,0,0,28, 0,0,0,28'
      await open(
        `[new File([new Uint8Array([${header}]), new Uint8Array(1568)], "images"), new File([new Uint8Array([0,0,8,1,0,0,0,2,3,4])], "labels")]`,
      )
      await demo.until(() =>
        document.getElementById('own-now')?.textContent?.includes('2 digits. Right in evaluation mode'),
      )
      await open('[new File(["hello"], "letter.txt")]')
      await demo.until(() =>
        document.getElementById('own-now')?.textContent?.includes('letter.txt is neither a PNG'),
      )
      await open(`[new File([new Uint8Array([${header}])], "cut")]`)
      await demo.until(() =>
        document.getElementById('own-now')?.textContent?.startsWith('The files could not be read'),
      )
    }, '?story=home'),
  },
  {
    name: 'one number: the bar, the curve’s words and the story’s figure say the same; what was said of old nets goes',
    run: onPage(async (demo) => {
      await demo.atRest()
      const bar = await demo.text('accuracy-norm')
      ok(
        (await demo.text('accuracy-now')).includes(`evaluation mode ${bar}`),
        await demo.text('accuracy-now'),
      )
      equal(`${(100 * (await demo.figure()).normAccuracy).toFixed(1)} %`, bar)
      match(await demo.text('sample'), /2,000 test digits, evaluation mode, smoothed/)
      await demo.click('recalibrate')
      await demo.until(() => document.getElementById('recalibrated')?.textContent?.includes('went from'))
      ok((await demo.text('recalibrated')).includes(`went from ${bar} to`), await demo.text('recalibrated'))
      await demo.until(() =>
        document.getElementById('accuracy-now')?.textContent?.includes('recalibrated (step'),
      )
      await demo.click('task-large')
      await demo.atRest()
      match(await demo.text('status'), /diverged at step/)
      match(await demo.text('accuracy-now'), /plain diverged \(step \d+\)/)
      await demo.click('reset')
      await demo.until(() => !document.getElementById('status')?.textContent?.includes('diverged'))
      ok(!(await demo.text('recalibrated')).includes('went from'))
    }, '?story=speed'),
  },
  {
    name: 'while training rests, figures are drawn anew when the window’s width changes, or light turns to dark',
    run: onPage(async (demo, browser) => {
      await demo.atRest()
      const { page } = demo
      const canvases = ['.story-figure canvas', '#spark']
      for (const width of [700, 1100]) {
        await page.setViewport({ width, height: 900 })
        for (const which of canvases) {
          await demo.until((/** @type {string} */ name) => {
            const canvas = /** @type {HTMLCanvasElement} */ (document.querySelector(name))
            return Math.abs(canvas.width - canvas.clientWidth * Math.min(2, devicePixelRatio)) < 2
          }, which)
        }
      }
      // Firefox's colours can't be set.
      if (browser.name === 'Firefox') return
      const pictures = () =>
        page.evaluate(
          (/** @type {string[]} */ names) =>
            names.map((name) => /** @type {HTMLCanvasElement} */ (document.querySelector(name)).toDataURL()),
          canvases,
        )
      const light = await pictures()
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }])
      for (const [i, which] of canvases.entries()) {
        await demo.until(
          (/** @type {string[]} */ [name, old]) =>
            /** @type {HTMLCanvasElement} */ (document.querySelector(name)).toDataURL() !== old,
          [which, light[i]],
        )
      }
    }),
  },
  {
    name: 'nothing moves by itself for whoever wants less motion',
    only: 'Chromium',
    run: onPage(async (demo) => {
      const moving = () =>
        demo.page.$$eval('*', (/** @type {Element[]} */ all) =>
          all
            .filter((e) => {
              const { transitionDuration, animationName, scrollBehavior } = getComputedStyle(e)
              return transitionDuration !== '0s' || animationName !== 'none' || scrollBehavior === 'smooth'
            })
            .map((e) => e.outerHTML),
        )
      await demo.untilStep(1)
      ok((await moving()).length > 0, 'the check sees what moves')
      await demo.page.emulateMediaFeatures([{ name: 'prefers-reduced-motion', value: 'reduce' }])
      equal((await moving()).join(), '')
    }, FREE),
  },
  {
    name: 'on a phone both curves are on the first screen, and the initial scale stands beside the curves',
    run: onPage(
      async (demo) => {
        await demo.atRest()
        const bottom = await demo.page.$eval(
          '#spark',
          (/** @type {Element} */ e) => e.getBoundingClientRect().bottom,
        )
        ok(bottom < 667, `the curve ends at ${bottom} px`)
        ok(await demo.page.$('#beside-curves #control-scale'))
      },
      '',
      { width: 375 },
    ),
  },
]
