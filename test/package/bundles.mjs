// One page per bundler: how a user builds it, with the one line of configuration that the docs give.
import { execFile } from 'node:child_process'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { files, serve } from '../../bench/browsers.mjs'
import { runtimePath } from '../runtimes/runtimes.mjs'
import { freshProject, here, installedFile, root } from './fresh.mjs'

const run = promisify(execFile)

/**
 * Serves the page with some headers.
 * @typedef {(headers: Record<string, string>) => Promise<{ url: string, close: () => unknown }>} Site
 */

const APP = ['index.html', 'page.js', 'train.mjs', 'train-worker.js', 'locations.js']
/** The bundler copies neither binary nor worker: the page says where they are. */
const GIVEN = {
  'locations.js': `const here = (path) => new URL(path, import.meta.url).href
export const locations = { wasm: here('./'), worker: here('./worker.js') }
`,
}

/** The checkout's own Vite. */
const vite = createRequire(join(root, 'package.json'))

/** The path of a package's program. @param {string} manifest of the package @param {string} program */
const bin = (manifest, program) => join(dirname(manifest), program)

/** @param {string} cwd @param {string[]} args of Node */
async function node(cwd, ...args) {
  await run(process.execPath, args, { cwd, timeout: 120_000 })
}

/** @param {string} folder @returns {Site} */
const folderSite = (folder) => (headers) => serve(files((path) => join(folder, path), headers))

/** Copies the package's binaries, as the docs say for bundlers that do not. @param {string} folder @param {string} to */
export function copyBinaries(folder, to) {
  cpSync(join(folder, 'node_modules/simdgrad/dist/bindings/wasm'), join(folder, to), {
    recursive: true,
    filter: (path) => !/\.(json|ts)$/.test(path),
  })
}

/** The page without a bundler. @param {string} name */
export function staticFolder(name) {
  const folder = freshProject(name, APP)
  // It names the package's file. (An import map would be an inline script, which a policy refuses.)
  const train = join(folder, 'train.mjs')
  const path = './node_modules/simdgrad/dist/index.js'
  writeFileSync(train, readFileSync(train, 'utf8').replace("from 'simdgrad'", `from '${path}'`))
  return folder
}

/** @param {string} name @param {string} path of Vite @param {string} config @returns {Promise<Site>} */
async function viteDev(name, path, config) {
  const folder = freshProject(name, APP, { 'vite.config.mjs': `export default ${config}\n` })
  return (headers) => viteServe(folder, headers, path)
}

/**
 * Vite's dev server of a folder, with its own vite.config.
 *
 * @param {string} folder
 * @param {Record<string, string>} [headers]
 * @param {string} [path] of Vite; the checkout's own if it is not given
 */
export async function viteServe(folder, headers, path = vite.resolve('vite')) {
  const { createServer } = await import(pathToFileURL(path).href)
  // Vite has no "any port", and a port used before brings answers from the browser's cache, old headers and all.
  const free = await serve(() => {})
  free.close()
  const port = Number(new URL(free.url).port)
  const options = { host: '127.0.0.1', port, strictPort: true, ...(headers && { headers }) }
  const server = await createServer({ root: folder, logLevel: 'error', server: options })
  await server.listen()
  return { url: free.url, close: () => server.close() }
}

/** `npx vite build` of the checkout's Vite. @param {string} folder */
export const viteBuild = (folder) =>
  node(folder, bin(vite.resolve('vite/package.json'), 'bin/vite.js'), 'build')

/** `bun build` for browsers; it follows no worker, and copies nothing. @returns {Promise<Site>} */
async function bunPage() {
  const folder = freshProject('bun-page', APP, GIVEN)
  const args = ['build', 'page.js', 'train-worker.js', '--outdir=dist']
  await run(`${runtimePath('bun')}`, args, { cwd: folder })
  copyBinaries(folder, 'dist')
  cpSync(join(folder, 'node_modules/simdgrad/dist/bindings/worker.web.js'), join(folder, 'dist/worker.js'))
  cpSync(join(folder, 'index.html'), join(folder, 'dist/index.html'))
  return folderSite(join(folder, 'dist'))
}

/** What webpack makes of the page. @param {string} folder */
export async function webpackBuild(folder) {
  await node(
    folder,
    bin(installedFile('webpack-cli/package.json'), 'bin/cli.js'),
    '--mode=production',
    '--entry=./page.js',
  )
  // What html-webpack-plugin would write.
  const html = readFileSync(join(folder, 'index.html'), 'utf8')
  const script = html.replace('type="module" src="./page.js"', 'defer src="./main.js"')
  writeFileSync(join(folder, 'dist/index.html'), script)
}

/** @type {Record<string, () => Promise<Site>>} */
export const BUNDLES = {
  // (Without Bun, recipes.mjs says what is left out.)
  ...(runtimePath('bun') ? { 'bun-page': bunPage } : {}),
  static: async () => folderSite(staticFolder('static')),
  'vite-build': async () => {
    const folder = freshProject('vite-build', APP)
    await viteBuild(folder)
    return folderSite(join(folder, 'dist'))
  },
  'vite-dev': () => viteDev('vite-dev', vite.resolve('vite'), '{}'),
  // Before version 8 its cache of dependencies loses the binaries.
  'vite7-dev': () =>
    viteDev('vite7-dev', installedFile('vite7'), "{ optimizeDeps: { exclude: ['simdgrad'] } }"),
  webpack: async () => {
    const folder = freshProject('webpack', APP)
    await webpackBuild(folder)
    return folderSite(join(folder, 'dist'))
  },
  esbuild: async () => {
    const folder = freshProject('esbuild', APP, GIVEN)
    const entries = ['page.js', 'train-worker.js', 'worker=simdgrad/worker.js']
    const options = ['--bundle', '--format=esm', '--outdir=dist']
    await run(here('node_modules/.bin/esbuild'), [...entries, ...options], { cwd: folder })
    copyBinaries(folder, 'dist')
    cpSync(join(folder, 'index.html'), join(folder, 'dist/index.html'))
    return folderSite(join(folder, 'dist'))
  },
  rollup: async () => {
    const folder = freshProject('rollup', APP, GIVEN)
    const entries = ['page.js', 'train-worker.js', 'worker=simdgrad/worker.js']
    const plugin = pathToFileURL(installedFile('@rollup/plugin-node-resolve')).pathname
    const options = ['--dir=dist', '--format=es', `--plugin=${plugin}`]
    await node(folder, bin(installedFile('rollup/package.json'), 'dist/bin/rollup'), ...entries, ...options)
    copyBinaries(folder, 'dist')
    cpSync(join(folder, 'index.html'), join(folder, 'dist/index.html'))
    return folderSite(join(folder, 'dist'))
  },
}
