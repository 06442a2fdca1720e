// The package as a package: what is in it, its exports and its types.
import { execFile } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { check } from './checks.mjs'
import { freshProject, here, installedFile, needed, root } from './fresh.mjs'

const run = promisify(execFile)

/** The most that the tarball may hold, in files that no user needs: none; and in kilobytes. */
// (Eight binaries, of which a user loads one, are 1,030 of them; Node's bundles, with entries of their own, some 320.)
const MOST_KILOBYTES = 2030

/** @param {string} tarball @param {string[]} files */
async function contents(tarball, files) {
  const wanted =
    /^(package\.json|README\.md|LICENSE|dist\/cli\/main\.js|dist\/cli\/LICENSES\.txt|templates\/.*\.(ts|js|html))$/
  const library = /^dist\/(?!cli\/).*\.(js|d\.ts|wasm)$/
  const strange = files.filter((file) => !wanted.test(file) && !library.test(file))
  if (strange.length > 0) throw new Error(`what no user needs: ${strange.join(', ')}`)
  const kilobytes = readFileSync(tarball).length / 1000
  if (kilobytes > MOST_KILOBYTES) throw new Error(`${kilobytes} kB, more than ${MOST_KILOBYTES}`)
  return `${files.length} files, ${kilobytes.toFixed(0)} kB`
}

/** Nothing is installed besides it, and nothing runs when it is. @param {string} folder */
function installs(folder) {
  const packages = readdirSync(join(folder, 'node_modules')).filter((name) => !name.startsWith('.'))
  if (packages.join() !== 'simdgrad') throw new Error(`it brings ${packages.join(', ')}`)
  const manifest = JSON.parse(readFileSync(join(folder, 'node_modules/simdgrad/package.json'), 'utf8'))
  const hooks = ['preinstall', 'install', 'postinstall', 'prepare'].filter((name) => manifest.scripts?.[name])
  if (hooks.length > 0) throw new Error(`it runs ${hooks.join(', ')}`)
  return 'no dependencies, no install scripts'
}

/** Everything that package.json names can be resolved by name. @param {string} folder */
function names(folder) {
  const { resolve } = createRequire(join(folder, 'package.json'))
  const four = ['strict-shared', 'strict-unshared', 'relaxed-shared', 'relaxed-unshared']
  const binaries = four.flatMap((name) => [name, `${name}-core`])
  const all = [
    'cloudflare',
    'distributed',
    'export',
    'nets',
    'onnx',
    'train-in-worker',
    'training-worker',
    'worker.js',
    'package.json',
    ...binaries.map((name) => `wasm/${name}.wasm`),
  ]
  const missing = all.filter((name) => !existsSync(resolve(`simdgrad/${name}`)))
  if (missing.length > 0) throw new Error(`not to be had: ${missing.join(', ')}`)
  return `simdgrad/${all.join(', ')}`
}

/** @param {string} tarball */
async function lint(tarball) {
  const { publint } = await needed('publint')
  const { formatMessage } = await needed('publint/utils')
  const { messages, pkg } = await publint({ pack: { tarball: readFileSync(tarball).buffer }, strict: true })
  if (messages.length > 0) {
    throw new Error(
      messages
        .map((/** @type {unknown} */ message) => formatMessage(message, pkg, { color: false }))
        .join('; '),
    )
  }
  return 'no messages'
}

/** Its exit code tells. @param {string} tarball */
async function typesWrong(tarball) {
  const attw = join(dirname(installedFile('@arethetypeswrong/cli/package.json')), 'dist/index.js')
  const options = [
    '--profile',
    'esm-only',
    '--exclude-entrypoints',
    './worker.js',
    '--no-color',
    '--no-emoji',
  ]
  await run(process.execPath, [attw, tarball, ...options]).catch((error) => {
    throw new Error(error.stdout || error.message)
  })
  return 'no problems'
}

/** @param {string} how @param {string[]} options of the compiler */
async function compiles(how, ...options) {
  const folder = freshProject(`types ${how}`, ['types.ts'], { 'package.json': '{ "type": "module" }\n' })
  cpSync(here('node_modules/expect-type'), join(folder, 'node_modules/expect-type'), { recursive: true })
  const typescript = dirname(createRequire(join(root, 'package.json')).resolve('typescript/package.json'))
  const common = [
    '--noEmit',
    '--strict',
    '--target',
    'es2022',
    '--lib',
    'es2023,dom,esnext.disposable',
    '--types',
    '',
  ]
  await run(process.execPath, [join(typescript, 'bin/tsc'), ...common, ...options, 'types.ts'], {
    cwd: folder,
  }).catch((error) => {
    throw new Error(error.stdout || error.message)
  })
  return 'the declarations are checked too'
}

/** @param {{ tarball: string, files: string[] }} packed */
export async function manifest({ tarball, files }) {
  const folder = freshProject('manifest', [])
  await check(['manifest', 'npm pack', 'holds what a user needs'], () => contents(tarball, files))
  await check(['manifest', 'npm install', 'brings and runs nothing else'], () => installs(folder))
  await check(['manifest', 'Node', 'finds what is exported by name'], () => names(folder))
  await check(['manifest', 'publint', 'has nothing to say'], () => lint(tarball))
  await check(['manifest', 'attw', 'resolves in every way of ESM'], () => typesWrong(tarball))
  await check(['manifest', 'TypeScript', 'types, as Node resolves them'], () =>
    compiles('node', '--module', 'nodenext'),
  )
  await check(['manifest', 'TypeScript', 'types, as a bundler resolves them'], () =>
    compiles('bundler', '--module', 'esnext', '--moduleResolution', 'bundler'),
  )
}
