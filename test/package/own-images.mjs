// docs/own-images.md as it stands there: built by Vite, and in real browsers a visitor who chooses a folder of pictures,
// asks about another one, and saves the net.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { files, ISOLATION, serve } from '../../bench/browsers.mjs'
import { viteBuild } from './bundles.mjs'
import { check } from './checks.mjs'
import { freshProject, root } from './fresh.mjs'
import { browsers, inPage } from './web.mjs'

/** The guide's three files. */
function parts() {
  const guide = readFileSync(join(root, 'docs/own-images.md'), 'utf8')
  const [, html = ''] = /```html\n<!-- index\.html -->\n(.*?)```/s.exec(guide) ?? []
  const block = (/** @type {string} */ file) =>
    new RegExp(`\`\`\`js\\n// not run: ${file}, [^\\n]*\\n(.*?)\`\`\``, 's').exec(guide)?.[1] ?? ''
  const found = { 'index.html': html, 'page.js': block('page.js'), 'worker.js': block('worker.js') }
  for (const [file, text] of Object.entries(found)) if (!text) throw new Error(`the guide has no ${file}`)
  return found
}

/** In the page: chooses 24 pictures of red and 24 of blue, as a folder's input would give them. */
async function chooses() {
  /** @param {string} colour @param {string} path */
  const picture = async (colour, path) => {
    const canvas = new OffscreenCanvas(40, 30)
    const pen = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext('2d'))
    pen.fillStyle = colour
    pen.fillRect(0, 0, 40, 30)
    const file = new File([await canvas.convertToBlob({ type: 'image/png' })], path.split('/').at(-1) ?? '', {
      type: 'image/png',
    })
    return Object.defineProperty(file, 'webkitRelativePath', { value: path })
  }
  const shade = (/** @type {number} */ i) => 150 + 4 * i
  const all = Array.from({ length: 24 }, (_, i) => [
    picture(`rgb(${shade(i)} 20 30)`, `top/red/${i}.png`),
    picture(`rgb(30 20 ${shade(i)})`, `top/blue/${i}.png`),
  ])
  /** @param {string} id @param {File[]} files */
  const choose = (id, files) => {
    const input = /** @type {HTMLInputElement} */ (document.getElementById(id))
    Object.defineProperty(input, 'files', { value: files, configurable: true })
    input.dispatchEvent(new Event('change'))
  }
  choose('folder', await Promise.all(all.flat()))
  const button = /** @type {HTMLButtonElement} */ (document.getElementById('save'))
  while (button.disabled) await new Promise((resolve) => setTimeout(resolve, 50))
  choose('picture', [await picture('rgb(240 10 20)', 'asked.png')])
  const log = /** @type {HTMLElement} */ (document.getElementById('log'))
  while (!/asked\.png: |Error/.test(log.textContent ?? ''))
    await new Promise((resolve) => setTimeout(resolve, 50))
  /** @type {Promise<number>} */
  const saved = new Promise((resolve) => {
    URL.createObjectURL = (blob) => {
      resolve(/** @type {Blob} */ (blob).size)
      return 'data:,'
    }
  })
  button.click()
  return { text: log.textContent ?? '', bytes: await saved }
}

export async function ownImages() {
  let folder = ''
  await check(['own-images', 'Vite', 'builds the guide as it stands there'], async () => {
    const made = freshProject('own-images', [], parts())
    await viteBuild(made)
    folder = made
    return ''
  })
  if (!folder) return
  const { url, close } = await serve(files((path) => join(folder, 'dist', path), ISOLATION))
  for (const browser of await browsers()) {
    await check(['own-images', browser.name, 'learns a folder, answers, and is saved'], async () => {
      const { seen, tries } = await inPage(browser, url, (page) => page.evaluate(chooses), true)
      const { text, bytes } = seen
      if (!/trained on 39 pictures of blue, red/.test(text)) throw new Error(text)
      const [answer] = /asked\.png: red, \d+ %/.exec(text) ?? []
      if (!answer || !(bytes > 10_000)) throw new Error(`${bytes} bytes; ${text}`)
      return `${answer}, ${bytes} bytes${tries}`
    })
  }
  close()
}
