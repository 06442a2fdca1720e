// The README's nets of one's own, by its own words: in an empty folder, with the commands that it tells, saved under the
// names that it tells, and run as it tells. Only path/to is another one.
import { exec } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { takesRelaxedSimd } from '../runtimes/runtimes.mjs'
import { viteServe } from './bundles.mjs'
import { check } from './checks.mjs'
import { emptyFolder, root } from './fresh.mjs'
import { browsers, textOf } from './web.mjs'

const shell = promisify(exec)

/** The words of the README that a reader follows. */
function words() {
  const text = readFileSync(join(root, 'README.md'), 'utf8')
  const section = text.slice(text.indexOf('## A net of your own'), text.indexOf('## What is measured'))
  const [, commands = ''] = /```sh\n(.*?)```/s.exec(section) ?? []
  const [, code = ''] = /```js\n(.*?)```/s.exec(section) ?? []
  const [, file = '', command = ''] =
    /Save this there as `(.*?)`, and run it with `(.*?)`/.exec(section) ?? []
  const [, printed = ''] = /It prints `(.*?)` on a runtime without relaxed SIMD/.exec(section) ?? []
  const [packing = '', installing = ''] = commands.split('\n').map((line) => line.replace(/\s*#.*$/, ''))
  const inPage = section.slice(section.indexOf('### In a page'))
  const [, html = ''] = /Save this as `index\.html`,\n\n```html\n(.*?)```/s.exec(inPage) ?? []
  const [, worker = ''] =
    /this as `worker\.js` beside it, and open what `npx vite` serves:\n\n```js\n(.*?)```/s.exec(inPage) ?? []
  if (![code, file, command, printed, packing, installing, html, worker].every(Boolean)) {
    throw new Error('the README does not tell what to do in words that are known here')
  }
  return { code, file, command, printed, commands, packing, installing, html, worker }
}

/** @param {{ tarball: string }} packed */
export async function readme({ tarball }) {
  const folder = emptyFolder('readme')
  const { code, file, command, printed, commands, packing, installing, html, worker } = words()
  await check(['readme', 'npm pack', 'gives the file that the README names'], () => {
    if (!packing.endsWith('npm pack')) throw new Error(`the README packs with ${packing}`)
    const name = basename(tarball)
    if (!commands.includes(`: ${name}\n`) || !installing.includes(`/${name} `))
      throw new Error(`it is ${name}`)
    return name
  })
  await check(['readme', 'npm', 'installs package and data'], async () => {
    // What npm asks its registry for besides is not the reader's affair.
    const env = { ...process.env, npm_config_audit: 'false', npm_config_fund: 'false' }
    await shell(installing.replace('path/to', dirname(tarball)), { cwd: folder, env })
    return installing
  })
  await check(
    ['readme', `Node ${process.versions.node}`, 'trains the net, saved and run as told'],
    async () => {
      writeFileSync(join(folder, file), code)
      const { stdout, stderr } = await shell(command, { cwd: folder })
      if (stderr) throw new Error(`it says on stderr: ${stderr}`)
      const right = takesRelaxedSimd()
        ? /^epoch 0: loss 0\.\d{4}, accuracy 0\.9\d{3}\n$/.test(stdout)
        : stdout === `${printed}\n`
      if (!right) throw new Error(`it prints ${stdout}, and the README says ${printed}`)
      return stdout.trim()
    },
  )
  writeFileSync(join(folder, 'index.html'), html)
  writeFileSync(join(folder, 'worker.js'), worker)
  const { url, close } = await viteServe(folder)
  for (const browser of await browsers()) {
    await check(['readme', browser.name, 'trains the page that Vite serves'], async () => {
      const { text, tries } = await textOf(browser, url, '#log', /epoch 9: accuracy 0\.9\d{3}/)
      return `${text.trim().split('\n').at(-1)}${tries}`
    })
  }
  await close()
}
