/**
 * The published types: they compile by themselves, and have nothing of the library's own use, which `@internal` marks.
 * They are those of the built package: `npm run build` first.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** A name that is marked as internal: in `file` of src/, and in `owner`, its class or interface ('' for none). */
interface Internal {
  file: string
  owner: string
  name: string
}

/** A comment with the mark, and the first name after it that is no modifier. */
const MARKED =
  /\/\*\*(?:(?!\*\/)[\s\S])*@internal(?:(?!\*\/)[\s\S])*\*\/\s*(?:(?:export|declare|abstract|override|readonly|static|get|set|class|function|const|interface|type|protected|async)\s+)*(\w+|\[[^\]]+\])/g
const OWNER = /^(?:export )?(?:declare )?(?:abstract )?(?:class|interface) (\w+)/gm

function internals(): Internal[] {
  const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  return (
    files
      .map((file) => file.replaceAll('\\', '/'))
      // The command's types are not published.
      .filter((file) => file.endsWith('.ts') && !file.startsWith('cli/'))
      .flatMap((file) => {
        const source = readFileSync(join(root, 'src', file), 'utf8')
        return Array.from(source.matchAll(MARKED), (match) => {
          const [, name] = match
          const before = [...source.slice(0, match.index).matchAll(OWNER)].at(-1)?.[1]
          const outside = source[match.index - 1] === '\n' || match.index === 0
          return { file, owner: outside ? '' : (before ?? ''), name }
        })
      })
  )
}

/** Whether built types have a name, as a member of its owner or by itself. */
function declares(types: string, { owner, name }: Internal): boolean {
  const plain = name.replace(/[[\].()]/g, '\\$&')
  if (owner === '') return new RegExp(`^export .*\\b${plain}\\b`, 'm').test(types)
  const body = new RegExp(`(?:class|interface) ${owner}\\b[\\s\\S]*?^}`, 'm').exec(types)?.[0] ?? ''
  return new RegExp(`^ {4}(?:\\w+ )*${plain}[?(:<;]`, 'm').test(body)
}

describe('the published types', () => {
  it('are told apart from the internal ones: some are found, and would be seen', () => {
    const found = internals()
    expect(found.length).toBeGreaterThan(10)
    expect(found.map(({ owner, name }) => `${owner}.${name}`)).toContain('Indices.storage')
    const types = 'export declare class A {\n    readonly b: number;\n}\nexport declare function c(): void;\n'
    expect(declares(types, { file: '', owner: 'A', name: 'b' })).toBe(true)
    expect(declares(types, { file: '', owner: 'A', name: 'c' })).toBe(false)
    expect(declares(types, { file: '', owner: '', name: 'c' })).toBe(true)
  })

  it('have none that is internal', () => {
    const found = internals().filter((internal) => {
      const path = join(root, 'dist', internal.file.replace(/\.ts$/, '.d.ts'))
      return internal.name !== 'constructor' && declares(readFileSync(path, 'utf8'), internal)
    })
    expect(found.map(({ owner, name }) => `${owner}.${name}`)).toEqual([])
    const files = readdirSync(join(root, 'dist'), { recursive: true, encoding: 'utf8' })
    const types = files.filter((file) => file.endsWith('.d.ts'))
    expect(types).toContain('index.d.ts')
    expect(
      types.filter((file) => readFileSync(join(root, 'dist', file), 'utf8').includes('@internal')),
    ).toEqual([])
  })

  it.each(['index.d.ts', 'index.node.d.ts', 'nets/index.d.ts'])('compile by themselves: %s', (entry) => {
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const options = ['--noEmit', '--strict', '--target', 'es2022', '--module', 'nodenext', '--types', '']
    const { status, stdout } = spawnSync(
      process.execPath,
      [tsc, '--ignoreConfig', ...options, '--lib', 'es2023,dom,esnext.disposable', join(root, 'dist', entry)],
      { encoding: 'utf8' },
    )
    expect(stdout).toBe('')
    expect(status).toBe(0)
  })
})
