// What the demo promises, as checks that each take a browser and the address of the built site.
import { equal, match, ok } from 'node:assert/strict'
import { CARE_CHECKS } from './care-checks.mjs'
import { FREE, largest, onPage } from './check.mjs'
import { PRESET_CHECKS } from './preset-checks.mjs'
import { RUN_CHECKS } from './run-checks.mjs'
import { SITE_CHECKS } from './site-checks.mjs'
import { SPEED_CHECKS } from './speed-checks.mjs'
import { STORY_CHECKS } from './story-checks.mjs'

/** @typedef {import('./page.mjs').Demo} Demo */
/** @typedef {import('./check.mjs').Check} Check */

const TRAIN = '60,000'
/** Whether a chart's canvas changes. @param {Demo} demo @param {string} id */
const picture = (demo, id) =>
  demo.page.$eval(`#${id} canvas`, (/** @type {HTMLCanvasElement} */ canvas) => canvas.toDataURL())

/** @type {Check[]} */
export const CHECKS = [
  {
    name: 'starts by itself with threads, trains, moves its curves, loads all digits',
    quick: true,
    run: onPage(async (demo) => {
      await demo.untilStep(20)
      await demo.page.$eval('#loss', (/** @type {Element} */ e) => e.scrollIntoView())
      await demo.until(
        () => document.querySelector('#loss canvas') && document.querySelector('#histograms canvas'),
      )
      const before = await Promise.all(['accuracy', 'loss', 'histograms'].map((id) => picture(demo, id)))
      match(await demo.text('badge'), /SIMD · [2-9] threads/)
      await demo.untilStep(300)
      ok(largest(await demo.samples(), 'norm') > 0.85)
      await demo.until((all) => document.getElementById('digits')?.textContent === all, TRAIN)
      for (const [i, id] of ['accuracy', 'loss', 'histograms'].entries()) {
        ok((await picture(demo, id)) !== before[i], `${id} did not move`)
      }
      match(await demo.text('speed'), /images\/s \(an epoch of 60,000 in/)
    }, FREE),
  },
  {
    name: 'without isolation it trains on one thread and says why',
    quick: true,
    async run(browser, { alone }) {
      const demo = await browser.open(`${alone}/${FREE}`)
      await demo.untilStep(100)
      match(await demo.text('badge'), /1 thread.*Cross-Origin-Opener-Policy/)
      ok(largest(await demo.samples(), 'norm') > 0.8)
      await demo.close()
    },
  },
  ...PRESET_CHECKS,
  ...STORY_CHECKS,
  ...SITE_CHECKS,
  ...CARE_CHECKS,
  ...RUN_CHECKS,
  ...SPEED_CHECKS,
  {
    name: 'pause, step, play and reset',
    quick: true,
    run: onPage(async (demo) => {
      await demo.untilStep(50)
      await demo.click('play')
      // The button says so before the last steps are in sight.
      await demo.atRest()
      equal(await demo.text('play'), 'Play')
      const paused = Number((await demo.text('steps')).replaceAll(',', ''))
      await demo.click('step')
      await demo.until(
        (steps) => document.getElementById('steps')?.textContent === steps,
        (paused + 1).toLocaleString('en'),
      )
      await demo.click('reset')
      await demo.until(() => document.getElementById('steps')?.textContent === '0')
      const start = await demo.text('accuracy-norm')
      await demo.click('play')
      await demo.untilStep(50)
      await demo.click('play')
      await demo.click('reset')
      await demo.until(() => document.getElementById('steps')?.textContent === '0')
      equal(await demo.text('accuracy-norm'), start, 'the same seed starts from the same weights')
    }, FREE),
  },
  {
    name: 'settings work while it trains, are in the address, and come back from it',
    run: onPage(async (demo, browser) => {
      await demo.untilStep(50)
      await demo.choose('control-lr', 8)
      await demo.choose('control-batch', 3)
      await demo.choose('control-momentum', 6)
      await demo.choose('control-optimizer', 1)
      const there = (await demo.samples()).at(-1)?.step ?? 0
      await demo.untilStep(there + 100)
      const address = demo.page.url()
      match(address, /\?lr=0.5&batch=16&momentum=0.9&optimizer=momentum$/)
      await demo.choose('control-depth', 4)
      await demo.until(`samples.at(-1)?.step < ${there}`)
      match(await demo.text('status'), /built anew/)
      await demo.choose('control-net', 1)
      await demo.until(() => document.querySelectorAll('#histograms canvas').length === 10)
      await demo.untilStep(3)
      const again = await browser.open(demo.page.url())
      await again.untilStep(1)
      equal(await again.text('code'), await demo.text('code'))
      match(await again.text('code'), /Conv2d\(16, 16, 3/)
      await again.close()
    }, FREE),
  },
  {
    name: 'judged in training mode on sorted digits, batch norm loses accuracy and the plain net does not',
    run: onPage(async (demo) => {
      await demo.untilStep(400)
      await demo.click('play')
      await demo.atRest()
      const before = (await demo.samples()).at(-1)
      await demo.page.$eval('[value=sorted]', (/** @type {HTMLElement} */ radio) => radio.click())
      const figure = before ? `${(100 * before.norm).toFixed(1)} %` : ''
      await demo.until((old) => document.getElementById('accuracy-norm')?.textContent !== old, figure)
      const norm = Number.parseFloat(await demo.text('accuracy-norm')) / 100
      const plain = Number.parseFloat(await demo.text('accuracy-plain')) / 100
      ok(before && norm < before.norm - 0.3, `${before?.norm} became ${norm}`)
      ok(before && Math.abs(plain - before.plain) < 1e-9, `plain ${before?.plain} became ${plain}`)
    }, FREE),
  },
  {
    name: 'a drawn digit is answered, with pointer and with keys; mistakes, weights and code are there',
    quick: true,
    run: onPage(async (demo) => {
      const { page } = demo
      await demo.untilStep(200)
      const pad = await page.$('#pad')
      // What comes into sight above it may move it: until it stays.
      let box = { x: 0, y: 0, width: 0, height: 0 }
      for (let last = Number.NaN; box.y !== last; ) {
        last = box.y
        await pad.scrollIntoView()
        await new Promise((resolve) => setTimeout(resolve, 300))
        box = await pad.boundingBox()
      }
      const [x, y] = [box.x + box.width / 2, box.y]
      await page.mouse.move(x, y + 30)
      await page.mouse.down()
      await page.mouse.move(x, y + box.height - 30, { steps: 12 })
      await page.mouse.up()
      await demo.until(() => document.querySelector('#answers h4')?.textContent?.includes('1,'))
      await demo.click('clear')
      await demo.until(() => document.querySelector('#answers h4')?.textContent?.endsWith('–'))
      await page.focus('#pad')
      await page.keyboard.press(' ')
      for (let i = 0; i < 14; i++) await page.keyboard.press('ArrowDown')
      await demo.until(() => document.querySelector('#answers h4')?.textContent?.includes('1,'))
      await page.$eval('#mistakes', (/** @type {Element} */ e) => e.scrollIntoView())
      await demo.until(() => document.querySelectorAll('#mistakes li').length > 0)
      match(await demo.text('mistakes'), /\d, not \d/)
      const hooked = page.evaluate(
        () =>
          new Promise((resolve) => {
            /** @type {Blob} */
            let given
            const create = URL.createObjectURL
            URL.createObjectURL = (blob) => {
              if (blob instanceof Blob) given = blob
              return create(blob)
            }
            HTMLAnchorElement.prototype.click = function () {
              given.arrayBuffer().then((b) => resolve([this.download, [...new Uint8Array(b.slice(8, 60))]]))
            }
          }),
      )
      await demo.click('download')
      const [file, header] = await hooked
      equal(file, 'batch-norm.safetensors')
      match(String.fromCharCode(...header), /^\{"__metadata__"/)
    }, FREE),
  },
  {
    name: 'where streaming fails it says so, goes on with what it has, and tries again',
    run: async (browser, site) => {
      // (Elsewhere the service worker has them already.)
      const context = await browser.apart()
      site.refuse('/digits/train-2.bin')
      const demo = await context.open(`${site.url}/${FREE}`, { expectErrors: true })
      await demo.until(() =>
        document.getElementById('trouble')?.textContent?.includes('Only 6,000 of 60,000'),
      )
      await demo.untilStep(200)
      site.refuse(undefined)
      await demo.click('retry')
      await demo.until((all) => document.getElementById('digits')?.textContent === all, TRAIN)
      ok(await demo.page.$eval('#trouble', (/** @type {HTMLElement} */ place) => place.hidden))
      await demo.close()
      await context.close()
    },
  },
  {
    name: 'a Worker that stands still is replaced',
    run: async (browser, { url }) => {
      const demo = await browser.open(`${url}/${FREE}`, { still: true })
      await demo.untilStep(20)
      await demo.close()
    },
  },
  {
    name: 'where the binary can’t be loaded it says so',
    run: async (browser, site) => {
      const context = await browser.apart()
      site.refuse('.wasm')
      const demo = await context.open(`${site.url}/${FREE}`, { expectErrors: true })
      await demo.until(() => document.getElementById('trouble')?.textContent?.includes('could not be loaded'))
      equal(await demo.text('badge'), 'simdgrad could not start')
      site.refuse(undefined)
      await demo.close()
      await context.close()
    },
  },
  {
    name: 'on a phone nothing is wider than the page',
    quick: true,
    run: onPage(
      async (demo) => {
        await demo.untilStep(20)
        const { scrollWidth, clientWidth } = await demo.page.evaluate(() => {
          const { scrollWidth, clientWidth } = document.documentElement
          return { scrollWidth, clientWidth }
        })
        equal(scrollWidth, clientWidth)
      },
      '?net=conv&depth=2',
      { width: 375 },
    ),
  },
  {
    name: 'dark where the system is dark',
    run: onPage(
      async (demo) => {
        const background = await demo.page.evaluate(() => getComputedStyle(document.body).backgroundColor)
        equal(background, 'rgb(15, 18, 22)')
      },
      FREE,
      { dark: true },
    ),
    only: 'Chromium',
  },
  {
    name: 'the keyboard reaches every control, and each has a name',
    run: onPage(async (demo) => {
      const { page } = demo
      await demo.untilStep(1)
      const controls = 'button:not([hidden]), select, input, canvas[tabindex]'
      const nameless = await page.$$eval(controls, (/** @type {any[]} */ all) =>
        all
          .filter((e) => !(e.textContent?.trim() || e.labels?.length || e.getAttribute('aria-label')))
          .map((e) => e.outerHTML),
      )
      equal(nameless.join(), '')
      const reached = new Set()
      await page.evaluate(() => /** @type {HTMLElement} */ (document.activeElement)?.blur())
      for (let i = 0; i < 90; i++) {
        await page.keyboard.press('Tab')
        reached.add(
          await page.evaluate(
            () => document.activeElement?.id || document.activeElement?.getAttribute('value'),
          ),
        )
      }
      for (const id of [
        'play',
        'step',
        'reset',
        'preset-rate',
        'control-lr',
        'control-net',
        'layer',
        'eval',
        'recalibrate',
        'pad',
        'clear',
        'example',
        'copy',
        'download',
      ]) {
        ok(reached.has(id), `Tab does not reach ${id}`)
      }
    }, FREE),
  },
]
