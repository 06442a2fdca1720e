// The recipes of docs/bundlers.md, each run: servers in one file, executables, tests, and what a browser's extension needs.
import { execFile } from 'node:child_process'
import { cpSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { INSTALL_RUNTIMES, runtimePath } from '../runtimes/runtimes.mjs'
import { copyBinaries } from './bundles.mjs'
import { check, expectTrained, leftOut } from './checks.mjs'
import { extension } from './extension.mjs'
import { project } from './frameworks.mjs'
import { emptyFolder, freshProject, here, installedFile } from './fresh.mjs'
import { newNode, program } from './programs.mjs'

const run = promisify(execFile)

const TWO = { threads: 2, deterministic: true }
const asked = JSON.stringify(TWO)
/** What `node:sea` and the bundle of an executable need. */
const CJS = ['--platform=node', '--format=cjs', '--log-override:empty-import-meta=silent']
const ESM = ['--platform=node', '--format=esm', '--out-extension:.js=.mjs']

/** @param {string} folder @param {string[]} args */
const esbuild = (folder, ...args) =>
  run(here('node_modules/.bin/esbuild'), ['--bundle', '--outdir=dist', ...args], { cwd: folder })

/** Two threads, to the bit. @param {{ stdout: string, stderr: string }} said */
function trained({ stdout, stderr }) {
  if (stderr) throw new Error(`it says on stderr: ${stderr}`)
  return expectTrained(JSON.parse(stdout), TWO)
}

/** A project with a recipe's program. @param {string} name @param {string[]} programs */
const recipe = (name, ...programs) =>
  freshProject(name, ['train.mjs', 'node.mjs', ...programs.map((file) => `../../frameworks/recipes/${file}`)])

/** A server's bundle of one file, beside it the binaries and the worker; it runs where nothing else is. */
async function oneFile() {
  const folder = recipe('one file', 'server.mjs', 'server.cjs', 'bare.mjs')
  await esbuild(folder, 'worker=simdgrad/worker.js', '--platform=node')
  copyBinaries(folder, 'dist')
  await check(['one-file', 'esbuild', 'a server as an ES module'], async () => {
    await esbuild(folder, 'server.mjs', ...ESM)
    return trained(await run(process.execPath, ['dist/server.mjs', asked], { cwd: folder }))
  })
  await check(['one-file', 'esbuild', 'a server as CommonJS'], async () => {
    await esbuild(folder, 'server.cjs', ...CJS)
    return trained(await run(process.execPath, ['dist/server.js', asked], { cwd: folder }))
  })
  await check(['one-file', 'Rollup', 'a server as an ES module'], async () => {
    const rollup = join(dirname(installedFile('rollup/package.json')), 'dist/bin/rollup')
    const plugin = installedFile('@rollup/plugin-node-resolve')
    // Node's own modules stay outside; for Node the package is one that says so.
    const options = [
      '--file=dist/rolled.mjs',
      '--format=es',
      '--inlineDynamicImports',
      `--plugin=${plugin}={exportConditions:['node']}`,
    ]
    await run(process.execPath, [rollup, 'server.mjs', ...options, '--silent'], { cwd: folder })
    return trained(await run(process.execPath, ['dist/rolled.mjs', asked], { cwd: folder }))
  })
  await check(['one-file', 'ncc', 'a server, as it is'], async () => {
    const ncc = join(dirname(installedFile('@vercel/ncc/package.json')), 'dist/ncc/cli.js')
    await run(process.execPath, [ncc, 'build', 'node.mjs', '-o', 'ncc'], { cwd: folder })
    return trained(await run(process.execPath, ['ncc/index.mjs', asked], { cwd: folder }))
  })
  // In a project that has the package, its files are found as the package would be; elsewhere only what one says.
  const elsewhere = emptyFolder('one-file-elsewhere')
  for (const [how, options, cwd, code] of /** @type {const} */ ([
    ['an ES module that says nothing', ESM, folder, ''],
    ['an ES module that says nothing, elsewhere: the cure', ESM, elsewhere, 'unreachable'],
    ['CommonJS that says nothing: the cure', CJS, folder, 'invalid-url'],
  ])) {
    await check(['one-file', 'esbuild', how], async () => {
      await esbuild(folder, 'bare.mjs', ...options)
      const file = options === ESM ? 'bare.mjs' : 'bare.js'
      const path = join(cwd, code === 'unreachable' ? '' : 'alone', file)
      cpSync(join(folder, 'dist', file), path)
      const { stdout } = await run(process.execPath, [path], { cwd })
      const { name, code: seen, message, ...result } = JSON.parse(stdout)
      if (!code) return expectTrained(result, TWO)
      const fits = name === 'InitError' && seen === code && message.includes('init({ wasm, worker })')
      if (!fits) throw new Error(stdout)
      return `${name}: ${seen}`
    })
  }
}

/** Node's single executable applications. */
async function sea() {
  const node = runtimePath('node')
  if (!node) {
    leftOut.push(`a single executable application: ${INSTALL_RUNTIMES}`)
    return
  }
  const folder = recipe('sea', 'sea.cjs')
  await check(['sea', 'Node', 'a single executable application'], async () => {
    await esbuild(folder, 'sea.cjs', ...CJS)
    const from = 'node_modules/simdgrad/dist/bindings'
    const assets = {
      'strict-shared.wasm': `${from}/wasm/strict-shared.wasm`,
      'worker.js': `${from}/worker.node.js`,
    }
    const config = { main: 'dist/sea.js', output: 'app', disableExperimentalSEAWarning: true, assets }
    writeFileSync(join(folder, 'sea.json'), JSON.stringify(config))
    await run(node, ['--build-sea', 'sea.json'], { cwd: folder })
    return trained(await run(join(folder, 'app'), [asked], { cwd: '/' }))
  })
}

/** @param {(bun: string, folder: string) => Promise<void>} use */
async function withBun(use) {
  const bun = runtimePath('bun')
  if (bun) await use(bun, recipe('bun-build', 'server.mjs', 'compiled.mjs'))
  else leftOut.push(`bun build: ${INSTALL_RUNTIMES}`)
}

const bunBuild = () =>
  withBun(async (bun, folder) => {
    await check(['bun-build', 'Bun', 'a server in one file'], async () => {
      await run(bun, ['build', 'server.mjs', '--target=bun', '--outdir=dist'], { cwd: folder })
      copyBinaries(folder, 'dist')
      cpSync(
        join(folder, 'node_modules/simdgrad/dist/bindings/worker.node.js'),
        join(folder, 'dist/worker.js'),
      )
      return trained(await run(bun, ['dist/server.js', asked], { cwd: folder }))
    })
    await check(['bun-build', 'Bun', 'an executable (--compile)'], async () => {
      await run(bun, ['build', 'compiled.mjs', '--compile', '--outfile=app'], { cwd: folder })
      return trained(await run(join(folder, 'app'), [asked], { cwd: '/' }))
    })
  })

/** What Node's permission model has to be told. */
async function permission() {
  const node = newNode()
  if (!node) {
    leftOut.push(`node --permission: ${INSTALL_RUNTIMES}`)
    return
  }
  const folder = recipe('permission')
  await check(['permission', 'newest Node', '--allow-fs-read, --allow-worker'], async () => {
    const allowed = [`--allow-fs-read=${folder}`, '--allow-worker']
    const { stdout } = await run(node, ['--permission', ...allowed, 'node.mjs', asked], { cwd: folder })
    // (What it says on stderr is that workers are to be allowed with care.)
    return trained({ stdout, stderr: '' })
  })
  await check(['permission', 'newest Node', 'no workers: one thread and the reason'], async () => {
    const { stdout } = await run(node, ['--permission', `--allow-fs-read=${folder}`, 'node.mjs', asked], {
      cwd: folder,
    })
    const reason = /one thread, because a worker could not be started \(.*--allow-worker/
    return expectTrained(JSON.parse(stdout), { threads: 1, deterministic: true, reason })
  })
}

/** A machine, or a limit of it, that has no memory for the start. */
async function memory() {
  if (process.platform !== 'linux') return
  const folder = recipe('memory', 'bare.mjs')
  await check(['memory', `Node ${process.versions.node}`, 'too little of it: InitError'], async () => {
    const command = `ulimit -v 3000000; exec "${process.execPath}" bare.mjs`
    const { stdout } = await run('bash', ['-c', command], { cwd: folder })
    const { name, code } = JSON.parse(stdout)
    if (name !== 'InitError' || code !== 'out-of-memory') throw new Error(stdout)
    return `${name}: ${code}`
  })
}

/** `wrangler dev`, with the entry for it. */
async function cloudflare() {
  const node = newNode()
  if (!node) {
    leftOut.push(`Cloudflare Workers: wrangler needs Node 22 or newer; ${INSTALL_RUNTIMES}`)
    return
  }
  const folder = await project('cloudflare')
  if (!folder) return
  await check(['cloudflare', 'wrangler dev', 'simdgrad/cloudflare trains'], async () => {
    const { stdout } = await program(node, folder, ['dev.mjs'])
    const { threads, losses } = JSON.parse(/^\{.*\}$/m.exec(stdout)?.[0] ?? '{"losses":[]}')
    if (threads !== 1 || losses.length !== 3 || !(losses[2] < losses[0])) throw new Error(stdout)
    return `1 thread, losses ${losses.map((/** @type {number} */ loss) => loss.toFixed(3)).join(', ')}`
  })
}

/** Jest runs ES modules where Node is told so. */
async function jest() {
  const folder = await project('jest')
  if (!folder) return
  for (const [where, node] of [
    ['this Node', process.execPath],
    ...(newNode() ? [['newest Node', newNode()]] : []),
  ]) {
    await check(['jest', `${where}`, 'ES modules, testEnvironment node'], async () => {
      const args = [
        '--experimental-vm-modules',
        '--no-warnings',
        'node_modules/jest/bin/jest.js',
        '--silent=false',
      ]
      const { stdout, stderr } = await program(`${node}`, folder, args)
      const [, result = '{"error":"it printed nothing"}'] = /result (\{.*\})/.exec(stdout + stderr) ?? []
      return expectTrained(JSON.parse(result), TWO)
    })
  }
}

export const RECIPES = {
  'one-file': oneFile,
  sea,
  'bun-build': bunBuild,
  permission,
  memory,
  extension,
  cloudflare,
  jest,
}
