// The declarations in a strict project: for each TypeScript, each set of libraries that a project has, and each way to
// resolve names; and what an editor offers.
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
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

/** The names that the sources call internal, of a file of src/. @param {string} file */
function internals(file) {
  const source = readFileSync(join(root, 'src', file), 'utf8')
  const members = source.matchAll(/@internal[^/]*\*\/\s+(?:readonly |static |get |set )*(\w+)/g)
  return [...members].map(([, name]) => name)
}

/** What an editor offers behind a dot. @param {string} folder */
async function offers(folder) {
  const ts = await needed('typescript59')
  const [file, before] = [join(folder, 'offers.mts'), "import { nn, tensor } from 'simdgrad'\n"]
  const values = { 'tensor(1)': 'tensor/tensor.ts', 'new nn.Linear(1, 2)': 'nn/module-base.ts' }
  const source = `${before}${Object.keys(values).join('.\n')}.\n`
  writeFileSync(file, source)
  const compilerOptions = {
    ...{ target: ts.ScriptTarget.ES2022, lib: ['lib.es2022.d.ts', 'lib.dom.d.ts'], types: [] },
    ...{ module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler },
  }
  const service = ts.createLanguageService({
    ...ts.createCompilerHost(compilerOptions),
    getScriptFileNames: () => [file],
    getScriptVersion: () => '1',
    getScriptSnapshot: (/** @type {string} */ path) => {
      const text = ts.sys.readFile(path)
      return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text)
    },
    getCompilationSettings: () => compilerOptions,
  })
  const seen = Object.entries(values).map(([value, from]) => {
    const at = source.indexOf(`${value}.`) + value.length + 1
    const { entries } = service.getCompletionsAtPosition(file, at, {})
    const names = entries.map((/** @type {{ name: string }} */ { name }) => name)
    const internal = internals(from).filter((name) => names.includes(name))
    if (names.length < 25) throw new Error(`${value} has ${names.length} names: ${names.join(', ')}`)
    if (internal.length > 0) throw new Error(`${value} offers what is internal: ${internal.join(', ')}`)
    return `${names.length} of ${value}`
  })
  return seen.join(', ')
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
      await check(['types', 'an editor', 'offers nothing that is internal'], () => offers(folder))
    }
  }
}
