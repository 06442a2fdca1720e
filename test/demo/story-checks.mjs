// A student's path through the whole story: every step, every task, and each sentence against the figure beside it.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { onPage } from './check.mjs'
import { STORY } from './story-claims.mjs'

/** @typedef {import('./page.mjs').Demo} Demo */
/** @typedef {import('./story-claims.mjs').Claim} Claim */

/** Nothing of a text is left when its claims are taken out of it. @param {string} text @param {readonly Claim[]} claims */
function covered(text, claims) {
  let rest = text
  for (const { says } of claims) {
    ok(rest.includes(says), `the page does not say “${says}” but “${text}”`)
    rest = rest.replace(says, '')
  }
  equal(rest.trim(), '', 'a sentence of the story has no claim in story-claims.mjs')
}

/** @param {readonly Claim[]} claims @param {any} now @param {any} before @param {string} where */
function hold(claims, now, before, where) {
  for (const { says, holds } of claims) {
    ok(!holds || holds(now, before), `${where}: “${says}” does not hold of ${JSON.stringify(now)}`)
  }
}

/** @param {Demo} demo @param {string} id clicked, after which a scene begins */
async function scene(demo, id) {
  await demo.click(id)
  await demo.atRest()
  return demo.figure()
}

/** @param {number} seed */
const path = (seed) =>
  onPage(
    async (demo) => {
      await demo.atRest()
      for (const { id, claims, tasks } of STORY) {
        const first = id === STORY[0].id ? await demo.figure() : await scene(demo, 'story-next')
        const text = await demo.page.$$eval('#story-text p', (/** @type {Element[]} */ all) =>
          all.map((p) => p.textContent).join(' '),
        )
        covered(text, claims)
        hold(claims, first, first, `${id}, seed ${seed}`)
        for (const task of tasks) {
          const now = await scene(demo, `task-${task.id}`)
          covered(await demo.text('story-look'), task.claims)
          hold(task.claims, now, first, `${id}/${task.id}, seed ${seed}`)
        }
        // What everybody sees is also said.
        ok(
          (await demo.page.$eval('.story-figure .now', (/** @type {Element} */ e) => e.textContent)).length >
            40,
        )
      }
    },
    seed === 0 ? '' : `?story=signal&seed=${seed}`,
  )

/** @type {import('./check.mjs').Check[]} */
export const STORY_CHECKS = [
  ...[0, 1, 2].map((seed) => ({
    name: `the story, step by step, says what its figures show (seed ${seed})`,
    quick: seed === 0,
    run: path(seed),
  })),
  {
    name: 'each step of the story is an address, and comes back from it as it was',
    run: async (browser, { url }) => {
      const demo = await browser.open(`${url}/?story=modes&seed=1`)
      await demo.atRest()
      const there = await demo.figure()
      equal(await demo.text('story-title'), '5. Training against evaluation')
      await demo.close()
      const again = await browser.open(`${url}/?story=modes&seed=1`)
      await again.atRest()
      deepEqual(await again.figure(), there)
      await scene(again, 'story-back')
      ok(again.page.url().endsWith('/?story=speed&seed=1'), again.page.url())
      await again.close()
    },
  },
  {
    name: 'the formula lights what one points at; γ = σ and β = μ undo the norm',
    run: onPage(async (demo) => {
      await demo.atRest()
      const { page } = demo
      await page.focus('[data-term=mean]')
      equal(
        await page.$eval('[data-term=mean]', (/** @type {Element} */ e) => e.classList.contains('lit')),
        true,
      )
      ok((await page.$eval('.term', (/** @type {Element} */ e) => e.textContent)).startsWith('μ, the mean'))
      await scene(demo, 'story-next')
      await demo.click('undo-norm')
      const { difference, gamma, deviation } = await demo.figure()
      ok(
        difference < 1e-5 && Math.abs(gamma - deviation) < 1e-3,
        JSON.stringify({ difference, gamma, deviation }),
      )
      await demo.click('as-learnt')
      ok((await demo.figure()).difference > 0.01)
    }, '?story=formula'),
  },
]
