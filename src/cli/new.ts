/**
 * `simdgrad new DIR`: a project that trains at once, from the templates that the package has. The templates are in
 * TypeScript and in JavaScript; package.json, tsconfig.json and the like are written here. All is looked at before
 * anything is written, and nothing that is there is written over.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { fileURLToPath } from 'node:url'
import { ArgumentError } from '../errors.js'
import { LANGUAGES, type Language, type NewOptions, oneOf, TEMPLATES, type Template } from './new-options.js'

/** The package's own folder: this is dist/cli/main.js. */
const root = fileURLToPath(new URL('../..', import.meta.url))

/** The parts of package.json that a new project takes over: the tools that the templates were tested with. */
interface Manifest {
  version: string
  devDependencies: { typescript: string; vite: string; '@types/node': string }
}

/** Makes the project, and tells what to do in it. @throws ArgumentError where it can't be made; nothing is written then */
export async function newProject(options: NewOptions): Promise<void> {
  const folder = resolve(options.folder)
  checkFree(folder, options.folder)
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest
  const spec = options.package ?? packageSpec(root, manifest.version)
  const template = options.template ?? (await ask('template', TEMPLATES))
  const language = options.language ?? (await ask('language', LANGUAGES))
  const files = filesOf({ name: nameOf(folder), template, language, spec, manifest })
  try {
    mkdirSync(folder, { recursive: true })
    for (const [file, text] of files) writeFileSync(join(folder, file), text, { flag: 'wx' })
  } catch (error) {
    throw new ArgumentError(
      `new can't write into '${options.folder}': ${error instanceof Error ? error.message : error}. ` +
        'Choose a folder that you may write into.',
      { cause: error },
    )
  }
  const words = { page: 'a page that trains in a Worker', node: 'a script for Node that trains' }
  const run = { page: 'npm run dev', node: 'npm run train' }
  console.log(`${options.folder}: ${words[template]}, in ${language === 'typescript' ? 'Type' : 'Java'}Script

${[relative('', folder) ? `  cd ${options.folder}\n` : '', '  npm install\n', `  ${run[template]}`].join('')}`)
}

/** @throws ArgumentError for a file, or a folder with something in it */
function checkFree(folder: string, given: string): void {
  // A file on the way there would make mkdir fail in words of its own.
  const way = [folder]
  while (way[0] !== dirname(way[0])) way.unshift(dirname(way[0]))
  for (const path of way) {
    const found = statSync(path, { throwIfNoEntry: false })
    if (!found) break
    if (!found.isDirectory()) {
      throw new ArgumentError(`new needs a folder, and '${relative('', path) || path}' is a file.`)
    }
  }
  const there = existsSync(folder) ? readdirSync(folder) : []
  if (there.length === 0) return
  const some = there.slice(0, 3).join(', ') + (there.length > 3 ? ', …' : '')
  throw new ArgumentError(
    `new needs a folder that is empty, or not there yet, and '${given}' has ${some} in it. Nothing was written.`,
  )
}

/**
 * What the new project asks for: this very package where it was installed from a file, and the version where it came
 * from a registry. `home` is the package's folder.
 *
 * @throws ArgumentError in a checkout that has not been packed
 */
export function packageSpec(home: string, version: string): string {
  const modules = dirname(resolve(home))
  if (basename(modules) === 'node_modules') {
    // npm notes there where each package came from.
    const lock = join(modules, '.package-lock.json')
    const { packages } = existsSync(lock)
      ? (JSON.parse(readFileSync(lock, 'utf8')) as { packages?: Record<string, { resolved?: string }> })
      : {}
    const resolved = packages?.['node_modules/simdgrad']?.resolved
    if (!resolved?.startsWith('file:')) return `^${version}`
    return `file:${resolve(dirname(modules), resolved.slice('file:'.length))}`
  }
  const packed = join(home, `simdgrad-${version}.tgz`)
  if (existsSync(packed)) return `file:${resolve(packed)}`
  throw new ArgumentError(
    'new in a checkout needs the packed package: run `npm pack` before, or name one with --package FILE.tgz.',
  )
}

/** On a terminal, one of `known`; else the first. */
async function ask<T extends string>(what: string, known: readonly T[]): Promise<T> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) return known[0]
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  try {
    const left = new Promise<never>((_, reject) => {
      terminal.once('close', () =>
        reject(new ArgumentError('new was left without an answer. Nothing was written.')),
      )
    })
    const question = terminal.question(`${what} (${known.join(', ')}) [${known[0]}]: `)
    const answer = (await Promise.race([question, left])).trim()
    const begun = known.find((name) => answer !== '' && name.startsWith(answer.toLowerCase()))
    return begun ?? oneOf(known, what, answer || known[0]) ?? known[0]
  } finally {
    terminal.close()
  }
}

/** A name that npm takes. */
function nameOf(folder: string): string {
  const name = basename(folder)
    .toLowerCase()
    .replaceAll(/[^a-z0-9~-]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
  return name || 'simdgrad-app'
}

interface Project {
  name: string
  template: Template
  language: Language
  spec: string
  manifest: Manifest
}

/** The files of a project, with their texts. */
function filesOf({ name, template, language, spec, manifest }: Project): Map<string, string> {
  const typed = language === 'typescript'
  const from = join(root, 'templates', template)
  const files = new Map<string, string>()
  for (const file of readdirSync(from).sort()) {
    if (file.endsWith(typed ? '.js' : '.ts')) continue
    const text = readFileSync(join(from, file), 'utf8')
    files.set(file, typed ? text : text.replaceAll(/\.ts\b/g, '.js'))
  }
  const { typescript, vite, '@types/node': types } = manifest.devDependencies
  const page = template === 'page'
  const scripts = page
    ? {
        dev: 'vite --open',
        build: typed ? 'tsc && vite build' : 'vite build',
        preview: 'vite preview --open',
      }
    : // Node runs TypeScript by itself from 22.18 on; tsc takes the types out, and checks them.
      { train: typed ? 'tsc && node build/train.js' : 'node train.js' }
  const tools = {
    ...(typed && { typescript }),
    ...(typed && !page && { '@types/node': types }),
    ...(page && { vite }),
  }
  const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`
  files.set(
    'package.json',
    json({
      name,
      private: true,
      type: 'module',
      scripts,
      dependencies: { simdgrad: spec },
      ...(Object.keys(tools).length > 0 && { devDependencies: tools }),
    }),
  )
  if (typed) files.set('tsconfig.json', json({ compilerOptions: page ? TYPES_OF_PAGE : TYPES_OF_NODE }))
  files.set('.gitignore', page ? 'node_modules\ndist\n' : 'node_modules\nbuild\n*.safetensors\n')
  return files
}

const TYPES = { target: 'es2022', strict: true, skipLibCheck: true }
const TYPES_OF_PAGE = {
  ...{ ...TYPES, module: 'esnext', moduleResolution: 'bundler', lib: ['es2023', 'dom', 'dom.iterable'] },
  ...{ types: [], allowImportingTsExtensions: true, noEmit: true },
}
const TYPES_OF_NODE = {
  ...{ ...TYPES, module: 'nodenext', lib: ['es2023', 'dom'], types: ['node'] },
  ...{ rootDir: '.', outDir: 'build' },
}
