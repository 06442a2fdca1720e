// `npm run test:docs`: builds the site of docs/ for a folder of a host, follows every link in it, searches in it, and
// runs each block that a reader can run, in real browsers: it must print what the page says.
//   npm ci --prefix docs && npm ci --prefix bench    brings what it needs
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { files, findBrowsers, launch, serve } from '../../bench/browsers.mjs'
import { needed } from '../../bench/optional.mjs'
import { isLive } from '../../docs/.vitepress/live.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const site = join(root, 'docs/site')
const BASE = '/some/where/'
let [passed, failed] = [0, 0]

/** @param {string} name @param {() => Promise<string> | string} run */
async function check(name, run) {
  const start = performance.now()
  let [word, seen] = ['passed', '']
  try {
    seen = await run()
    passed++
  } catch (error) {
    word = 'FAILED'
    seen = error instanceof Error ? error.message : String(error)
    failed++
  }
  console.log(`${word}  ${name.padEnd(46)} ${((performance.now() - start) / 1000).toFixed(1)} s  ${seen}`)
}

/** The links of all pages, and where they lead. */
function links() {
  const pages = readdirSync(site, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.html'),
  )
  const texts = new Map(pages.map((page) => [page, readFileSync(join(site, page), 'utf8')]))
  const dead = []
  let followed = 0
  for (const [page, text] of texts) {
    for (const [, link] of text.matchAll(/ (?:href|src|srcset)="([^"]+)"/g)) {
      if (/^([a-z]+:|\/\/)/.test(link)) continue
      followed++
      const [path, anchor] = link.replaceAll('&amp;', '&').split('#')
      const whole = posix.resolve(`${BASE}${posix.dirname(page)}`, path || posix.basename(page))
      const inside = path === BASE || whole.startsWith(BASE)
      const file = posix.relative(BASE, whole) + (path.endsWith('/') ? '/index.html' : '')
      const there = inside && existsSync(join(site, file))
      const id = decodeURIComponent(anchor ?? '')
      const target = texts.get(posix.normalize(file).replace(/^\//, ''))
      if (!there || (id && target && !target.includes(`id="${id}"`))) dead.push(`${page}: ${link}`)
    }
  }
  if (dead.length > 0) throw new Error(`${dead.length} dead: ${dead.slice(0, 9).join(', ')}`)
  return `${followed} in ${pages.length} pages`
}

/** The blocks of each page that a reader can run, with what they print. @returns {[page: string, printed: string[]][]} */
function blocks() {
  return readdirSync(join(root, 'docs'))
    .filter((file) => file.endsWith('.md'))
    .map((file) => {
      const text = readFileSync(join(root, 'docs', file), 'utf8')
      const all = [...text.matchAll(/^```js\n(.*?)^```\n(?:\n```text\n(.*?)^```$)?/gms)]
      const live = all.filter(([, code]) => isLive(code)).map(([, , printed = '']) => printed)
      /** @type {[string, string[]]} */
      const entry = [file.replace(/\.md$/, '.html'), live]
      return entry
    })
    .filter(([, live]) => live.length > 0)
}

/** @param {any} page @param {string} url @param {string[]} expected */
async function run(page, url, expected) {
  await page.goto(url)
  await page.waitForSelector('.live-code button')
  const found = await page.$$('.live-code')
  if (found.length !== expected.length) throw new Error(`${found.length} blocks run, not ${expected.length}`)
  for (const [i, block] of found.entries()) {
    // The page takes a moment until its buttons are alive.
    for (let tries = 0; tries < 50 && !(await stateOf(block)); tries++) {
      await (await block.$('button')).click()
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    const start = performance.now()
    while ((await stateOf(block)) === 'running' && performance.now() - start < 60_000) {
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    const state = await stateOf(block)
    const output = await block.$eval('.output', (/** @type {Element} */ element) => element.textContent ?? '')
    if (state !== 'done' || output.trimEnd() !== expected[i].trimEnd()) {
      throw new Error(`block ${i + 1}: ${state}; it prints '${output}', and the page says '${expected[i]}'`)
    }
  }
  return `${found.length} blocks`
}

/** @param {any} block @returns {Promise<string>} */
const stateOf = (block) => block.evaluate((/** @type {HTMLElement} */ element) => element.dataset.state ?? '')

await check('the site is built', () => {
  const args = [join(root, 'docs/build.mjs'), '--base', BASE]
  execFileSync(process.execPath, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
  return `for ${BASE}`
})
await check('every link leads somewhere', links)
const { url, close } = await serve(
  files((path) => (path.startsWith(BASE) ? join(site, path.slice(BASE.length)) : ''), {}),
)
const { default: puppeteer } = await needed('puppeteer-core')
for (const which of findBrowsers()) {
  const { name, path } = which
  if (!path) {
    console.log(`Left out: ${name}: ${which.install}`)
    continue
  }
  const browser = await launch(puppeteer, { ...which, path })
  const page = await browser.newPage()
  for (const [file, expected] of blocks()) {
    await check(`${name}: ${file}`, () => run(page, `${url}${BASE}${file}`, expected))
  }
  await check(`${name}: search`, async () => {
    await page.goto(`${url}${BASE}index.html`)
    await page.waitForSelector('.DocSearch-Button, #local-search button')
    await page.click('#local-search button')
    await page.waitForSelector('.search-input')
    await page.type('.search-input', 'recalibrate')
    await page.waitForSelector('.results .result')
    const first = await page.$eval('.results .result', (/** @type {Element} */ element) =>
      element.getAttribute('href'),
    )
    if (!first?.includes('batch-norm') && !first?.includes('api')) throw new Error(`it finds ${first}`)
    return first
  })
  await browser.close()
}
close()
console.log(`\n${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0
