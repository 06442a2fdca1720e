// `npx simdgrad new`, from the tarball: what it makes is installed, checked, built, and trains; and how long all that
// takes after the line was typed.
import { exec } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { files, serve } from '../../bench/browsers.mjs'
import { viteServe } from './bundles.mjs'
import { check } from './checks.mjs'
import { freshProject } from './fresh.mjs'
import { browsers, textOf } from './web.mjs'

const shell = promisify(exec)

/** What npm asks its registry for besides is not the reader's affair. */
const env = { ...process.env, npm_config_audit: 'false', npm_config_fund: 'false', CI: '1' }

const SECONDS = 60

export async function newProjects() {
  const home = freshProject('new', [])
  for (const language of ['typescript', 'javascript']) {
    await nodeProject(home, language)
    await pageProject(home, language)
  }
  await check(['new', 'npx', 'writes over nothing, and says so'], async () => {
    const again = await shell('npx simdgrad new node-javascript', { cwd: home, env }).catch((error) => error)
    if (again.code !== 1 || !/^simdgrad: new needs a folder that is empty/.test(again.stderr)) {
      throw new Error(`${again.code}: ${again.stderr}`)
    }
    return again.stderr.trim()
  })
}

/**
 * Types the line, and follows what it says but for its last line, which the caller runs.
 *
 * @param {string} home @param {string} template @param {string} language
 */
async function typed(home, template, language) {
  const name = `${template}-${language}`
  const line = `npx simdgrad new ${name} --template ${template} --language ${language}`
  const { stdout } = await shell(line, { cwd: home, env })
  const steps = stdout.split('\n').filter((text) => text.startsWith('  '))
  if (steps[0] !== `  cd ${name}` || steps[1] !== '  npm install') throw new Error(`it says: ${stdout}`)
  const folder = join(home, name)
  await shell('npm install', { cwd: folder, env })
  return { folder, last: steps[2].trim() }
}

/** @param {number} start */
function inTime(start) {
  const seconds = (performance.now() - start) / 1000
  return `${seconds.toFixed(0)} s after the line was typed${seconds > SECONDS ? `, more than ${SECONDS}` : ''}`
}

/** @param {string} home @param {string} language */
async function nodeProject(home, language) {
  await check(['new', 'Node', `a script in ${language} trains`], async () => {
    const start = performance.now()
    const { folder, last } = await typed(home, 'node', language)
    const { stdout } = await shell(last, { cwd: folder, env })
    if (!/^epoch 10: loss 0\.\d+, accuracy 0\.9\d+$/m.test(stdout)) throw new Error(`it prints ${stdout}`)
    if (!existsSync(join(folder, 'spirals.safetensors'))) throw new Error('the weights are not there')
    return inTime(start)
  })
}

/** @param {string} home @param {string} language */
async function pageProject(home, language) {
  const start = performance.now()
  let folder = ''
  await check(['new', 'Vite', `a page in ${language} builds`], async () => {
    const made = await typed(home, 'page', language)
    const { dev, build } = JSON.parse(readFileSync(join(made.folder, 'package.json'), 'utf8')).scripts
    if (made.last !== 'npm run dev' || dev !== 'vite --open') throw new Error(`${made.last} runs ${dev}`)
    await shell('npm run build', { cwd: made.folder, env })
    folder = made.folder
    return build
  })
  if (!folder) return
  const served = await viteServe(folder)
  for (const browser of await browsers()) {
    await check(['new', browser.name, `the page in ${language} trains, with threads`], async () => {
      const { text, tries } = await textOf(
        browser,
        served.url,
        'body',
        /epoch 20: accuracy 0\.9\d+[\s\S]*\d threads/,
      )
      return `${/epoch 20.*/.exec(text)?.[0].trim()}; ${inTime(start)}${tries}`
    })
  }
  await served.close()
  // On a host that sends no headers, and in a folder of it.
  const { url, close } = await serve(
    files((path) => join(folder, 'dist', path.replace('/some/where', '')), {}),
  )
  const [browser] = await browsers()
  if (browser) {
    await check(
      ['new', browser.name, `the page built from ${language} trains, without headers`],
      async () => {
        const page = `${url}/some/where/index.html`
        const { text, tries } = await textOf(
          browser,
          page,
          'body',
          /epoch 20: accuracy 0\.9\d+[\s\S]*one thread, because/,
        )
        return `${/epoch 20.*/.exec(text)?.[0].trim()}${tries}`
      },
    )
  }
  close()
}
