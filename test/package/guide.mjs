// The page and the Worker of docs/threads.md, as they stand there: built by Vite with no configuration at all, and run
// in real browsers until the page has the weights.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { files, ISOLATION, serve } from '../../bench/browsers.mjs'
import { viteBuild } from './bundles.mjs'
import { check } from './checks.mjs'
import { freshProject, root } from './fresh.mjs'
import { browsers, resultOf } from './web.mjs'

/** The block of the guide that says that it is this file. @param {string} guide @param {string} file */
function block(guide, file) {
  const [, code = ''] =
    new RegExp(`\`\`\`js\\n// not run: ${file}, [^\\n]*\\n(.*?)\`\`\``, 's').exec(guide) ?? []
  if (!code) throw new Error(`docs/threads.md has no ${file}`)
  return code
}

/** The guide's page prints what the Worker says; this one keeps the last of it where the test finds it. */
const HTML = `<!doctype html>
<link rel="icon" href="data:,">
<script>
  console.log = (data) => {
    if (data.error) globalThis.result = data
    if (data.file) globalThis.result = { bytes: data.file.length }
  }
</script>
<script type="module" src="./page.js"></script>
`

export async function guide() {
  const text = readFileSync(join(root, 'docs/threads.md'), 'utf8')
  const folder = freshProject('guide', [], {
    'index.html': HTML,
    'page.js': block(text, 'page.js'),
    'train.js': block(text, 'train.js'),
  })
  let built = false
  await check(['guide', 'Vite', 'builds page and Worker as they stand there'], async () => {
    await viteBuild(folder)
    built = true
    return 'no configuration'
  })
  if (!built) return
  const { url, close } = await serve(files((path) => join(folder, 'dist', path), ISOLATION))
  for (const browser of await browsers()) {
    await check(['guide', browser.name, 'trains, and hands the weights over'], async () => {
      const { result, tries } = await resultOf(browser, url, { where: 'worker' })
      if (!(result.bytes > 1000)) throw new Error(JSON.stringify(result))
      return `${result.bytes} bytes${tries}`
    })
  }
  close()
}
