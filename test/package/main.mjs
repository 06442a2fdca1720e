// `npm run test:package`: packs the package, installs the tarball in fresh folders, and proves that it works there.
//   npm run test:package                 everything
//   npm run test:package -- webpack deno a share, by name
//   npm run test:package -- --quick      the share that CI runs, in some minutes
//   npm run test:package -- --all        the frameworks too, whose packages are installed anew
//   npm ci --prefix test/package         brings bundlers and checkers; needed once
import { parseArgs } from 'node:util'
import { checkpoints } from './checkpoints.mjs'
import { check, leftOut, rows } from './checks.mjs'
import { entries } from './entries.mjs'
import { failures } from './failures.mjs'
import { FRAMEWORKS } from './frameworks.mjs'
import { cleanUp, pack } from './fresh.mjs'
import { guide } from './guide.mjs'
import { library } from './library.mjs'
import { manifest } from './manifest.mjs'
import { newProjects } from './new.mjs'
import { origins } from './origins.mjs'
import { ownData } from './own-data.mjs'
import { ownImages } from './own-images.mjs'
import { readme } from './readme.mjs'
import { RECIPES } from './recipes.mjs'
import { RUNTIMES } from './runtimes.mjs'
import { trainInWorker } from './train-in-worker.mjs'
import { types } from './types.mjs'
import { closeBrowsers, WEB } from './web.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, all: { type: 'boolean', default: false } },
})

/** @type {Record<string, (packed: { tarball: string, files: string[], quick: boolean }) => Promise<void>>} */
const SHARES = {
  manifest,
  types,
  readme,
  new: newProjects,
  ...RUNTIMES,
  ...WEB,
  guide,
  checkpoints,
  'own-data': ownData,
  'train-in-worker': trainInWorker,
  'own-images': ownImages,
  entries,
  failures,
  origins,
  ...RECIPES,
  'vite-library': library,
  ...FRAMEWORKS,
}
/** What installs packages anew, besides the frameworks. */
const INSTALLS = ['cloudflare', 'jest']

const QUICK = [
  'manifest',
  'types',
  'readme',
  'new',
  'node',
  'require',
  'vite-build',
  'static',
  'guide',
  'checkpoints',
  'own-data',
  'train-in-worker',
  'own-images',
  'failures',
  'origins',
  ...['one-file', 'sea', 'bun-build', 'permission', 'memory', 'extension', 'cloudflare', 'vite-library'],
  ...['next', 'parcel'],
]

const unknown = positionals.filter((name) => !(name in SHARES))
if (unknown.length > 0) {
  console.error(`there is no ${unknown.join(', ')}; there are ${Object.keys(SHARES).join(', ')}`)
  process.exit(2)
}
const most = Object.keys(SHARES).filter(
  (name) => values.all || !(name in FRAMEWORKS || INSTALLS.includes(name)),
)
const names = positionals.length > 0 ? positionals : values.quick ? QUICK : most
try {
  const packed = { ...pack(), quick: values.quick }
  for (const name of names) {
    try {
      await SHARES[name](packed)
    } catch (error) {
      // Such as a bundler that is not installed: the other shares still run.
      await check([name, '', 'runs'], () => Promise.reject(error))
    }
  }
} finally {
  await closeBrowsers()
  cleanUp()
}
for (const what of leftOut) console.log(`Left out: ${what}`)
const failed = rows.filter(({ passed }) => !passed).length
console.log(`\n${rows.length - failed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0
