/** `simdgrad new`: what it writes, where it refuses, and that both languages of a template are the same program. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { transformWithOxc } from 'vite'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { newProject, packageSpec } from '../../src/cli/new.js'
import { type Command, parseCommandLine } from '../../src/cli/options.js'
import { ArgumentError } from '../../src/errors.js'

const templates = fileURLToPath(new URL('../../templates', import.meta.url))
const parse = (line: string): Command => parseCommandLine(line.split(' ').filter(Boolean))

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simdgrad-new-'))
  vi.spyOn(console, 'log').mockImplementation(() => {})
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
  vi.restoreAllMocks()
})

describe('the command line', () => {
  it('names a folder, and what is to be in it', () => {
    expect(parse('new app')).toEqual({ command: 'new', options: { folder: 'app' } })
    expect(parse('new app --template node --language js --package x.tgz')).toEqual({
      command: 'new',
      options: { folder: 'app', template: 'node', language: 'javascript', package: 'x.tgz' },
    })
    expect(parse('new app --language ts')).toMatchObject({ options: { language: 'typescript' } })
  })

  it.each([
    ['new', 'new needs the folder of the new project: simdgrad new DIR.'],
    ['new a b', "unexpected argument 'b' after 'new'"],
    ['new a --template pgae', "--template is 'pgae', did you mean page?; allowed are page, node."],
    ['new a --language rust', "--language is 'rust'; allowed are typescript, javascript."],
    ['new a --net mlp', "--net is no option of 'simdgrad new', which has --template, --language, --package."],
    ['mnist --template page', "--template is no option of 'simdgrad mnist'"],
    ['--template page', "option of 'simdgrad new', and no command was given"],
  ])('%s: %s', (line, message) => {
    expect(() => parse(line)).toThrow(ArgumentError)
    expect(() => parse(line)).toThrow(message)
  })
})

const made = (options: object, name = 'My App') =>
  newProject({
    ...{ folder: join(folder, name), template: undefined, language: undefined },
    ...{ package: '^9.9.9', ...options },
  })

describe('a project', () => {
  it.each([
    ['page', 'typescript', ['index.html', 'page.ts', 'tsconfig.json', 'vite.config.ts', 'worker.ts']],
    ['page', 'javascript', ['index.html', 'page.js', 'vite.config.js', 'worker.js']],
    ['node', 'typescript', ['train.ts', 'tsconfig.json']],
    ['node', 'javascript', ['train.js']],
  ])('%s in %s', async (template, language, files) => {
    await made({ template, language })
    const home = join(folder, 'My App')
    expect(readdirSync(home).sort()).toEqual(['.gitignore', 'package.json', ...files].sort())
    const manifest = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'))
    expect(manifest).toMatchObject({ name: 'my-app', type: 'module', dependencies: { simdgrad: '^9.9.9' } })
    for (const file of files) {
      const text = readFileSync(join(home, file), 'utf8')
      expect(text, file).not.toMatch(language === 'typescript' ? /\b(page|worker|train)\.js/ : /\.ts\b/)
    }
  })

  it('is a page in TypeScript where nobody can be asked', async () => {
    await made({})
    expect(readdirSync(join(folder, 'My App'))).toContain('page.ts')
  })

  it('may be made in a folder that is there, and empty', async () => {
    mkdirSync(join(folder, 'empty'))
    await made({}, 'empty')
    expect(readdirSync(join(folder, 'empty'))).toContain('index.html')
  })

  it('is not made over anything', async () => {
    writeFileSync(join(folder, 'file'), 'mine')
    mkdirSync(join(folder, 'full'))
    for (const name of 'abcd') writeFileSync(join(folder, 'full', name), 'mine')
    await expect(made({}, 'full')).rejects.toThrow(/has a, b, c, … in it\. Nothing was written/)
    await expect(made({}, 'file')).rejects.toThrow(/file' is a file/)
    await expect(made({}, 'file/in/it')).rejects.toThrow(/file' is a file/)
    expect(readdirSync(join(folder, 'full'))).toEqual(['a', 'b', 'c', 'd'])
    expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('mine')
  })
})

describe('the package that it asks for', () => {
  const installed = (resolved?: string) => {
    mkdirSync(join(folder, 'node_modules/simdgrad'), { recursive: true })
    const packages = { 'node_modules/simdgrad': { version: '1.2.3', resolved } }
    writeFileSync(join(folder, 'node_modules/.package-lock.json'), JSON.stringify({ packages }))
    return packageSpec(join(folder, 'node_modules/simdgrad'), '1.2.3')
  }

  it('is the version, where it came from a registry or nobody noted it', () => {
    expect(installed('https://registry.example/simdgrad-1.2.3.tgz')).toBe('^1.2.3')
    rmSync(join(folder, 'node_modules/.package-lock.json'))
    expect(packageSpec(join(folder, 'node_modules/simdgrad'), '1.2.3')).toBe('^1.2.3')
  })

  it('is the file, where it came from one', () => {
    expect(installed('file:../simdgrad-1.2.3.tgz')).toBe(`file:${join(folder, '../simdgrad-1.2.3.tgz')}`)
  })

  it('is what was packed in a checkout', () => {
    expect(() => packageSpec(folder, '1.2.3')).toThrow(/run `npm pack` before, or name one with --package/)
    writeFileSync(join(folder, 'simdgrad-1.2.3.tgz'), '')
    expect(packageSpec(folder, '1.2.3')).toBe(`file:${join(folder, 'simdgrad-1.2.3.tgz')}`)
  })
})

describe('the templates', () => {
  const sources = readdirSync(templates, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  )

  it.each(sources)('%s is the JavaScript beside it, with types', async (file) => {
    /** Without types and comments, printed in one way. */
    const plain = async (name: string) => {
      const { code } = await transformWithOxc(readFileSync(join(templates, name), 'utf8'), name)
      const words = code.replace(/\/\*\*[\s\S]*?\*\/|^\s*\/\/.*/gm, '').replace(/\s+/g, ' ')
      return words.replace('export {};', '').trim()
    }
    const typed = (await plain(file)).replaceAll(/\.ts\b/g, '.js')
    expect(typed).toBe(await plain(file.replace(/\.ts$/, '.js')))
  })

  it('were found', () => expect(sources.length).toBe(4))
})
