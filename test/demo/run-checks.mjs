// The code that the page shows runs there, by the package's trainInWorker.
import { equal, match, ok } from 'node:assert/strict'
import { onPage } from './check.mjs'

/** Few and quick steps: an epoch has 234 of them. */
const QUICK = '?depth=1&batch=256'
const text = (/** @type {string} */ id, /** @type {string} */ part) =>
  `document.getElementById('${id}').textContent.includes('${part}')`

/** @type {import('./check.mjs').Check[]} */
export const RUN_CHECKS = [
  {
    name: 'the code runs in the page with trainInWorker, tells its progress and its result, and answers the drawn digit',
    quick: true,
    run: onPage(async (demo) => {
      await demo.untilStep(1)
      await demo.click('example')
      await demo.until('!document.querySelector("#answers h4").textContent.endsWith("–")')
      await demo.click('run-code')
      await demo.until(text('run-progress', 'of 234: mean loss'))
      // The two nets wait meanwhile.
      await demo.until(() => document.getElementById('play')?.textContent === 'Play')
      await demo.until(text('run-result', 'After an epoch'))
      const [, right, digit] =
        /right on ([\d.]+) %.* digit for a (\d)\./.exec(await demo.text('run-result')) ?? []
      ok(Number(right) > 90, await demo.text('run-result'))
      match(await demo.page.$eval('#answers h4', (/** @type {Element} */ e) => e.textContent), /\d/)
      ok(digit !== undefined)
      // Again, and ended before its time.
      await demo.click('run-code')
      await demo.until(text('run-progress', 'of 234: mean loss'))
      await demo.click('run-stop')
      await demo.until(text('run-result', 'Ended before its time'))
      equal(await demo.page.$eval('#run-stop', (/** @type {HTMLElement} */ e) => e.hidden), true)
    }, QUICK),
  },
  {
    name: 'the Worker of that run, killed, is replaced, and goes on from its last checkpoint to its result',
    run: onPage(async (demo) => {
      await demo.untilStep(1)
      await demo.click('run-code')
      // A checkpoint comes every 200 steps, and the run has 937.
      await demo.until(() =>
        /^Step [2-9]\d\d of/.test(document.getElementById('run-progress')?.textContent ?? ''),
      )
      await demo.page.evaluate('workers.at(-1).terminate()')
      await demo.until(text('run-result', 'goes on from its last checkpoint'))
      await demo.until(text('run-result', 'After an epoch'))
    }, '?net=conv&depth=2'),
  },
]
