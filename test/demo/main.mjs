// `npm run test:demo`: the demo in real browsers. The last line is `N passed, N failed`.
//   npm ci --prefix bench          brings puppeteer-core, which drives the browsers
//   npm run test:demo              everything, from the built site and from the dev server
//   npm run test:demo -- --quick   a share of it, in about a minute
//   npm run test:demo -- --only preset   the checks with this in their name
//   npm run test:demo -- --part 2/4      the second quarter of them
//   npm run test:demo -- --browser Firefox
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { build, createServer } from 'vite'
import { findBrowsers } from '../../bench/browsers.mjs'
import { INSTALL, optional } from '../../bench/optional.mjs'
import { FREE } from './check.mjs'
import { CHECKS } from './checks.mjs'
import { startBrowser } from './page.mjs'
import { serveSite } from './site.mjs'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean' },
    only: { type: 'string' },
    part: { type: 'string', default: '1/1' },
    browser: { type: 'string' },
  },
})
const root = fileURLToPath(new URL('../..', import.meta.url))
const configFile = join(root, 'web-demo/vite.config.ts')
const folder = mkdtempSync(join(tmpdir(), 'simdgrad-demo-'))
let [passed, failed] = [0, 0]

/** @param {string} name @param {() => Promise<void>} run */
async function check(name, run) {
  const start = performance.now()
  const error = await run().then(
    () => undefined,
    (/** @type {unknown} */ reason) => reason,
  )
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  console.log(`  ${error ? 'FAILED' : 'passed'}: ${name} (${seconds} s)`)
  if (error) console.log(error)
  if (error) failed++
  else passed++
}

const DEV = 'the dev server: it trains, with threads'
const names = [...CHECKS.map(({ name }) => name), DEV]
const [part, parts] = values.part.split('/').map(Number)
const mine = names.slice(((part - 1) * names.length) / parts, (part * names.length) / parts)
if (mine.length === 0) throw new Error(`--part is '${values.part}'; expected one such as 2/4`)

/** @param {string} name */
const chosen = (name) => mine.includes(name) && (!values.only || name.includes(values.only))

/** @param {Parameters<typeof startBrowser>[0]} which */
async function inBrowser(which) {
  const isolated = await serveSite(folder)
  const alone = await serveSite(folder, { isolated: false })
  const browser = await startBrowser(which)
  console.log(`\n${which.name}: ${browser.version}`)
  const site = { ...isolated, alone: alone.url, unplugAlone: alone.unplug }
  try {
    for (const { name, quick, only, run } of CHECKS) {
      if ((values.quick && !quick) || (only && only !== which.name) || !chosen(name)) continue
      await check(name, () => run(browser, site))
      await browser.closePages()
    }
    if (!values.quick && chosen(DEV)) await check(DEV, () => onDevServer(browser))
  } finally {
    await browser.close()
    isolated.close()
    alone.close()
  }
}

/** @param {Awaited<ReturnType<typeof startBrowser>>} browser */
async function onDevServer(browser) {
  const server = await createServer({ configFile, logLevel: 'error', server: { port: 0 } })
  try {
    await server.listen()
    const demo = await browser.open(`${server.resolvedUrls?.local[0]}${FREE}`)
    await demo.untilStep(100)
    if (!/[2-9] threads/.test(await demo.text('badge'))) throw new Error(await demo.text('badge'))
    await demo.close()
  } finally {
    await server.close()
  }
}

try {
  await check('types of the page', async () => {
    const tsc = createRequire(import.meta.url)
      .resolve('typescript/package.json')
      .replace('package.json', 'bin/tsc')
    execFileSync(process.execPath, [tsc, '-p', join(root, 'web-demo')], { stdio: 'inherit' })
  })
  if (!(await optional('puppeteer-core'))) {
    console.log(`Left out: all of it, for want of puppeteer-core; ${INSTALL} brings it`)
  } else {
    await build({ configFile, logLevel: 'error', build: { outDir: folder, emptyOutDir: true } })
    for (const { path, ...browser } of findBrowsers()) {
      if (values.browser && values.browser !== browser.name) continue
      if (path) await inBrowser({ ...browser, path })
      else console.log(`\nLeft out: ${browser.name}, which is not installed; ${browser.install}`)
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
console.log(`\n${passed} passed, ${failed} failed`)
process.exit(failed > 0 ? 1 : 0)
