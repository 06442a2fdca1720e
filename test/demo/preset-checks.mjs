// Each preset does what its sentence says (web-demo/src/presets.ts), as a visitor sees it.
import { equal, ok } from 'node:assert/strict'
import { FREE, largest, onPage } from './check.mjs'

/** @typedef {import('./page.mjs').Demo} Demo */

/** Mean distance between neighbours. @param {number[]} values */
const jumps = (values) =>
  values.slice(1).reduce((sum, value, i) => sum + Math.abs(value - values[i]), 0) / (values.length - 1)

/** @param {number[]} values */
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]

/** Clicks a preset and trains from its start; gives the curves up to there. @param {Demo} demo @param {string} id @param {number} steps */
async function runPreset(demo, id, steps) {
  await demo.untilStep(1)
  const builds = await demo.page.evaluate('builds')
  await demo.click(`preset-${id}`)
  await demo.until(`builds > ${builds}`)
  return demo.points(steps)
}

/** @type {import('./check.mjs').Check[]} */
export const PRESET_CHECKS = [
  {
    name: 'preset “usual”: batch norm over 80 % soon after step 30, the plain net under half',
    run: onPage(async (demo) => {
      const points = await runPreset(demo, 'usual', 40)
      const then = points.find(({ step }) => step >= 30)
      ok(then && then.norm > 0.8 && then.plain < 0.5, JSON.stringify(then))
    }, FREE),
  },
  {
    name: 'preset “rate”: the plain net stays under 0.2, batch norm passes 0.8',
    quick: true,
    run: onPage(async (demo) => {
      const points = await runPreset(demo, 'rate', 800)
      ok(largest(points, 'plain') < 0.2, `plain ${largest(points, 'plain')}`)
      ok(largest(points, 'norm') > 0.8, `batch norm ${largest(points, 'norm')}`)
    }, FREE),
  },
  {
    name: 'preset “tiny”: batch norm falls behind the plain net',
    run: onPage(async (demo) => {
      const points = await runPreset(demo, 'tiny', 2500)
      const last = points.slice(-10)
      const [norm, plain] = [median(last.map((s) => s.norm)), median(last.map((s) => s.plain))]
      ok(plain > norm + 0.1, `batch norm ${norm}, plain ${plain}`)
    }, FREE),
  },
  {
    name: 'preset “scale”: the plain net stays under 0.2, batch norm passes 0.8',
    run: onPage(async (demo) => {
      const points = await runPreset(demo, 'scale', 1500)
      ok(largest(points, 'plain') < 0.2, `plain ${largest(points, 'plain')}`)
      ok(largest(points, 'norm') > 0.8, `batch norm ${largest(points, 'norm')}`)
    }, FREE),
  },
  {
    name: 'preset “swapped”: accuracy jumps; recalibrated, it is above most of the jumps',
    run: onPage(async (demo) => {
      const last = (await runPreset(demo, 'swapped', 600)).map(({ norm }) => norm).slice(-20)
      ok(jumps(last) > 0.01, `mean jump ${jumps(last)}`)
      await demo.click('recalibrate')
      await demo.until(() => document.getElementById('recalibrated')?.textContent?.includes('went from'))
      const after = Number(/to ([\d.]+) %/.exec(await demo.text('recalibrated'))?.[1]) / 100
      ok(after > median(last), `${after} after ${median(last)}`)
      equal(await demo.text('play'), 'Play')
    }, FREE),
  },
]
