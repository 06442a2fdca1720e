// The declarations in a strict project: for each TypeScript, each set of libraries that a project has, and each way to
// resolve names; and what an editor offers.
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { check } from './checks.mjs'
import { freshProject, installedFile, needed, root } from './fresh.mjs'

const run = promisify(execFile)
const checkout = createRequire(join(root, 'package.json'))

/** The oldest that the declarations are for, the last of the fifth edition, and the checkout's own, the newest. */
const COMPILERS = {
  5.4: () => installedFile('typescript54/package.json'),
  5.9: () => installedFile('typescript59/package.json'),
  newest: () => checkout.resolve('typescript/package.json'),
}

/** What a project's TypeScript knows (a page, a worker, Node alone), and the way to resolve names that CI's share takes. */
const LIBRARIES = {
  page: { lib: ['es2022', 'dom'], types: [], quick: 'bundler' },
  worker: { lib: ['es2022', 'webworker'], types: [], quick: 'nodenext' },
  'Node alone': { lib: ['es2022'], types: ['node'], quick: 'node16' },
}

const RESOLUTIONS = { bundler: 'esnext', node16: 'node16', nodenext: 'nodenext' }

/** @param {string} name */
function project(name) {
  const folder = freshProject(name, ['strict.mts'], { 'package.json': '{ "type": "module" }\n' })
  // What @types/node needs, too.
  for (const types of ['@types/node', 'undici-types']) {
    const from = dirname(checkout.resolve(`${types}/package.json`))
    mkdirSync(join(folder, 'node_modules', dirname(types)), { recursive: true })
    cpSync(from, join(folder, 'node_modules', types), { recursive: true })
  }
  return folder
}

/**
 * @param {string} folder @param {string} manifest of the compiler
 * @param {{ lib: string[], types: string[] }} known @param {(string | undefined)} only one way to resolve names
 */
async function compiles(folder, manifest, known, only) {
  const ways = Object.entries(RESOLUTIONS).filter(([name]) => !only || name === only)
  const runs = ways.map(async ([moduleResolution, module]) => {
    const config = `${moduleResolution}.json`
    const strict = { strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true }
    const compilerOptions = {
      ...{ ...strict, ...known, module, moduleResolution },
      ...{ noEmit: true, skipLibCheck: false, target: 'es2022' },
    }
    writeFileSync(join(folder, config), JSON.stringify({ compilerOptions, files: ['strict.mts'] }))
    const tsc = join(dirname(manifest), 'bin/tsc')
    await run(process.execPath, [tsc, '-p', config, '--pretty', 'false'], { cwd: folder }).catch((error) => {
      throw new Error(`${moduleResolution}: ${error.stdout || error.message}`)
    })
  })
  await Promise.all(runs)
  return ways.map(([name]) => name).join(', ')
}

/** What an editor is asked about: modules, and what a user has in hand. */
const HELD = [
  ...['simdgrad', 'data', 'callbacks', 'optim', 'nn.functional', 'nn.init', 'nn.utils', 'tensor(1)'],
  ...['new nn.Linear(1, 2)', 'new nn.Sequential()', 'new nn.BatchNorm1d(3)', 'new nn.LSTM(2, 3)'],
  ...['new optim.Adam([])', 'new optim.lrScheduler.StepLR(new optim.Adam([]), { stepSize: 1 })'],
  ...[
    'new data.TensorDataset(tensor(1))',
    'loader',
    'memory()',
    '(await init())',
    '(await fit(net, options))',
  ],
  ...["trainInWorker('')", "(await trainInWorker('').result)", "(await loadOnnx(''))", 'toC(net)', 'world'],
]

const CI_HELD = ['tensor(1)', 'new nn.Linear(1, 2)']

const BEFORE = `import * as simdgrad from 'simdgrad'
import { callbacks, data, fit, init, memory, nn, optim, tensor } from 'simdgrad'
import type { World } from 'simdgrad/distributed'
import { toC } from 'simdgrad/export'
import { loadOnnx } from 'simdgrad/onnx'
import { trainInWorker } from 'simdgrad/train-in-worker'
declare const [net, loader, world, options]: [nn.Linear, data.DataLoader, World, Parameters<typeof fit>[1]]
`

/** Whether the reference has it, as a heading or in a table. @param {string} reference @param {string} name */
const documented = (reference, name) =>
  new RegExp(`^(#+ (\\w+ )*|\\|.*?[^\\w])\`?${name.replace('_', '\\\\?_')}\\b`, 'm').test(reference)

/** What an editor offers behind a dot is what the reference documents. @param {string} folder @param {string[]} held */
async function offers(folder, held) {
  const ts = await needed('typescript59')
  const file = join(folder, 'offers.mts')
  const compilerOptions = {
    ...{ target: ts.ScriptTarget.ES2022, lib: ['lib.es2022.d.ts', 'lib.dom.d.ts'], types: [] },
    ...{ module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler },
  }
  let [source, version] = ['', 0]
  const service = ts.createLanguageService({
    ...ts.createCompilerHost(compilerOptions),
    getScriptFileNames: () => [file],
    getScriptVersion: () => `${version}`,
    getScriptSnapshot: (/** @type {string} */ path) => {
      const text = path === file ? source : ts.sys.readFile(path)
      return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text)
    },
    getCompilationSettings: () => compilerOptions,
  })
  const pages = readdirSync(join(root, 'docs/api'))
  const reference = pages.map((page) => readFileSync(join(root, 'docs/api', page), 'utf8')).join('\n')
  let count = 0
  for (const value of held) {
    source = `${BEFORE}${value}.`
    version++
    const { entries = [] } = service.getCompletionsAtPosition(file, source.length, {}) ?? {}
    const names = entries.map((/** @type {{ name: string }} */ { name }) => name)
    if (names.length < 2) throw new Error(`${value} has ${names.join(', ') || 'no names'}`)
    const internal = names.filter((/** @type {string} */ name) => !documented(reference, name))
    if (internal.length > 0) throw new Error(`${value} offers what is internal: ${internal.join(', ')}`)
    count += names.length
  }
  return `${count} names of ${held.length} values are documented`
}

/** @param {{ quick: boolean }} share */
export async function types({ quick: few }) {
  const folder = project('types strict')
  for (const [compiler, manifest] of Object.entries(COMPILERS)) {
    for (const [library, { quick, ...known }] of Object.entries(LIBRARIES)) {
      const { version } = JSON.parse(readFileSync(manifest(), 'utf8'))
      await check(['types', `TypeScript ${version}`, `${library}, with checked declarations`], () =>
        compiles(folder, manifest(), known, few ? quick : undefined),
      )
    }
    if (compiler === '5.9') {
      await check(['types', 'an editor', 'offers nothing that is internal'], () =>
        offers(folder, few ? CI_HELD : HELD),
      )
    }
  }
}
