// A browser's extension of the third manifest: its own page, with its own policy, and in Chromium with its own headers.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findBrowsers, launch, serve } from '../../bench/browsers.mjs'
import { check, expectTrained, leftOut } from './checks.mjs'
import { freshProject, here, needed } from './fresh.mjs'
import { inTime } from './web.mjs'

const TWO = { threads: 2, deterministic: true }
/** Firefox isolates no extension. */
const NO_ISOLATION = /one thread, because SharedArrayBuffer is not to be had here/
const PLACES = ['page', 'worker']

/** What the page is asked. @param {string} where */
const search = (where) => encodeURIComponent(JSON.stringify({ where, ...TWO }))

/** @param {string} name @param {Record<string, unknown>} [more] of its manifest */
function extensionFolder(name, more = {}) {
  const app = ['index.html', 'page.js', 'train.mjs', 'train-worker.js', 'locations.js']
  const folder = freshProject(name, app)
  const manifest = JSON.parse(readFileSync(here('../frameworks/extension/manifest.json'), 'utf8'))
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify({ ...manifest, ...more }))
  const train = join(folder, 'train.mjs')
  const path = './node_modules/simdgrad/dist/index.js'
  writeFileSync(train, readFileSync(train, 'utf8').replace("from 'simdgrad'", `from '${path}'`))
  return folder
}

/** @param {any} puppeteer @param {string} path */
async function inChromium(puppeteer, path) {
  const folder = extensionFolder('extension')
  const browser = await puppeteer.launch({
    ...{ executablePath: path, headless: true, enableExtensions: true, pipe: true },
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  })
  try {
    // (Named at the start, it may come up only after its first page was asked for.)
    const id = await browser.installExtension(folder)
    for (const where of PLACES) {
      await check(['extension', 'Chromium', `Manifest V3, in the ${where}`], async () => {
        const page = await browser.newPage()
        await page.goto(`chrome-extension://${id}/index.html?${search(where)}`)
        const handle = await page.waitForFunction('globalThis.result', { timeout: 60_000 })
        return expectTrained(await handle.jsonValue(), TWO)
      })
    }
  } finally {
    await browser.close()
  }
}

/** Firefox's driver sees no page of an extension: so it opens its own, which sends what it has to a server here. */
const BACKGROUND = `for (const search of SEARCHES) {
  browser.tabs.create({ url: \`\${browser.runtime.getURL('index.html')}?\${search}\` })
}
`
const REPORT = `const timer = setInterval(() => {
  if (!globalThis.result) return
  clearInterval(timer)
  fetch(SERVER + location.search, { method: 'POST', body: JSON.stringify(globalThis.result) })
}, 50)
`

/** @param {any} puppeteer @param {import('../../bench/browsers.mjs').Browser & { path: string }} which */
async function inFirefox(puppeteer, which) {
  /** @type {Map<string, (result: string) => void>} */
  const waiting = new Map()
  const results = PLACES.map((where) => new Promise((resolve) => waiting.set(search(where), resolve)))
  const server = await serve((request, response) => {
    let body = ''
    request.on('data', (part) => (body += part))
    request.on('end', () => {
      response.writeHead(200, { 'Access-Control-Allow-Origin': '*' }).end()
      if (body) waiting.get(`${request.url?.split('?')[1]}`)?.(body)
    })
  })
  const folder = extensionFolder('extension-firefox', {
    background: { scripts: ['background.js'] },
    host_permissions: ['http://127.0.0.1/*'],
    browser_specific_settings: { gecko: { id: 'simdgrad@example.org' } },
  })
  const html = readFileSync(join(folder, 'index.html'), 'utf8')
  const script = '<script type="module" src="./report.js"></script>'
  writeFileSync(join(folder, 'index.html'), html.replace('</html>', `${script}</html>`))
  writeFileSync(join(folder, 'report.js'), REPORT.replace('SERVER', JSON.stringify(`${server.url}/`)))
  const searches = JSON.stringify(PLACES.map(search))
  writeFileSync(join(folder, 'background.js'), BACKGROUND.replace('SEARCHES', searches))
  const browser = await launch(puppeteer, which)
  try {
    await browser.installExtension(folder)
    for (const [index, where] of PLACES.entries()) {
      await check(['extension', 'Firefox', `Manifest V3, in the ${where}`], async () => {
        const result = JSON.parse(await inTime(results[index]))
        return expectTrained(result, { ...TWO, threads: 1, reason: NO_ISOLATION })
      })
    }
  } finally {
    await browser.close()
    server.close()
  }
}

/** @param {{ quick: boolean }} share */
export async function extension({ quick }) {
  const { default: puppeteer } = await needed('puppeteer-core')
  for (const which of findBrowsers()) {
    const { name, path, install } = which
    if (!path) leftOut.push(`an extension in ${name}: ${install}`)
    else if (name !== 'Firefox') await inChromium(puppeteer, path)
    else if (!quick) await inFirefox(puppeteer, { ...which, path })
  }
}
