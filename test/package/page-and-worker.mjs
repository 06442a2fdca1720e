// A module that a page and a Worker run, bundled and in real browsers: what it gives is judged.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { files, ISOLATION, serve } from '../../bench/browsers.mjs'
import { viteBuild } from './bundles.mjs'
import { check } from './checks.mjs'
import { freshProject } from './fresh.mjs'
import { browsers, resultOf } from './web.mjs'

export const HTML = `<!doctype html>
<link rel="icon" href="data:,">
<script type="module" src="./page.js"></script>
`

export const PAGE = `
import { main } from './main.js'
const { where } = JSON.parse(decodeURIComponent(location.search.slice(1)))
if (where === 'worker') {
  const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
  worker.onmessage = ({ data }) => { globalThis.result = data }
} else globalThis.result = await main()
`

export const WORKER = `
import { main } from './main.js'
main().then((result) => postMessage(result))
`

/**
 * @param {string} name of the rows
 * @param {object} what
 * @param {string} what.main a module whose `main` gives the result
 * @param {string} what.does in words, before "in the page"
 * @param {Record<string, Uint8Array>} [what.served] files that lie beside the page
 * @param {(result: any) => void} what.judge throws for what is not right
 */
export async function inPageAndWorker(name, { main, does, served = {}, judge }) {
  const parts = { 'index.html': HTML, 'page.js': PAGE, 'worker.js': WORKER, 'main.js': main }
  const folder = freshProject(name, [], parts)
  let built = false
  await check([name, 'Vite', 'builds'], async () => {
    await viteBuild(folder)
    for (const [path, file] of Object.entries(served)) writeFileSync(join(folder, 'dist', path), file)
    built = true
    return ''
  })
  if (!built) return
  const { url, close } = await serve(files((path) => join(folder, 'dist', path), ISOLATION))
  for (const browser of await browsers()) {
    for (const where of ['page', 'worker']) {
      await check([name, browser.name, `${does}, in the ${where}`], async () => {
        const { result, tries } = await resultOf(browser, url, { where })
        judge(result)
        return tries
      })
    }
  }
  close()
}
