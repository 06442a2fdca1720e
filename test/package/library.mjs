// A library built by Vite's library mode: it leaves simdgrad external, and where it does not, the reason says so.
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { files, ISOLATION, serve } from '../../bench/browsers.mjs'
import { viteBuild } from './bundles.mjs'
import { check, expectTrained } from './checks.mjs'
import { freshProject } from './fresh.mjs'
import { browsers, resultOf } from './web.mjs'

/** @type {{ how: string, external: string[], threads: number, reason: RegExp }[]} */
const WAYS = [
  { how: 'external', external: ['simdgrad'], threads: 2, reason: /2 threads on/ },
  {
    how: 'all in it: the reason says',
    external: [],
    threads: 1,
    reason: /libraries leave simdgrad external/,
  },
]

export async function library() {
  for (const { how, external, threads, reason } of WAYS) {
    const lib = { entry: 'train.mjs', formats: ['es'], fileName: 'train' }
    const config = { build: { lib, rollupOptions: { external } } }
    const name = `library ${threads}`
    const folder = freshProject(name, ['train.mjs'], {
      'package.json': '{ "name": "trainer", "type": "module" }\n',
      'vite.config.mjs': `export default ${JSON.stringify(config)}\n`,
    })
    const user = freshProject(
      `user of ${name}`,
      ['index.html', 'page.js', 'train-worker.js', 'locations.js'],
      {
        'train.mjs': "export { train } from 'trainer'\n",
      },
    )
    let built = false
    await check(['vite-library', 'Vite', `builds it and a page: ${how}`], async () => {
      await viteBuild(folder)
      const trainer = join(user, 'node_modules/trainer')
      mkdirSync(trainer)
      cpSync(join(folder, 'dist'), trainer, { recursive: true })
      const manifest = { name: 'trainer', type: 'module', exports: './train.js' }
      writeFileSync(join(trainer, 'package.json'), JSON.stringify(manifest))
      await viteBuild(user)
      built = true
      return ''
    })
    if (!built) continue
    const { url, close } = await serve(files((path) => join(user, 'dist', path), ISOLATION))
    for (const browser of await browsers()) {
      await check(['vite-library', browser.name, how], async () => {
        const asked = { where: 'page', threads: 2, deterministic: true }
        const { result } = await resultOf(browser, url, asked)
        return expectTrained(result, { threads, deterministic: true, reason, kernels: result.kernels })
      })
    }
    close()
  }
}
