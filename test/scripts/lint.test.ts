/**
 * `npm start` and then `npm test`, in one checkout: what the README's commands and the scripts write there is not
 * linted, and sources are. The linter reads .gitignore for it, which needs no git: a tarball of the sources has the
 * file too.
 */
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeFolder } from '../../bench/results.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** As a minifier or a generator writes it: an unused variable, double quotes, no line ends. */
const GENERATED = 'var unused=1;var a="b"\n'
const PAGE = `<!doctype html><html><script>${GENERATED}</script><img></html>\n`

describe('the linter', () => {
  /** A checkout's settings, and nothing else. */
  let checkout = ''

  beforeEach(() => {
    checkout = mkdtempSync(join(tmpdir(), 'simdgrad-lint-'))
    for (const file of ['biome.json', '.gitignore']) copyFileSync(join(root, file), join(checkout, file))
    symlinkSync(join(root, 'node_modules'), join(checkout, 'node_modules'), 'junction')
    write('src/right.ts', 'export const right = 1\n')
  })
  afterEach(() => rmSync(checkout, { recursive: true, force: true }))

  function write(file: string, text: string): void {
    const path = join(checkout, file)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }

  /** What npm test runs. */
  function lint(): { status: number | null; output: string } {
    const biome = join(root, 'node_modules/@biomejs/biome/bin/biome')
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [biome, 'check', '--error-on-warnings', '--colors=off'],
      { cwd: checkout, encoding: 'utf8' },
    )
    return { status, output: stdout + stderr }
  }

  it.each([
    ['the report of npm start', 'simdgrad-report.html', PAGE],
    ["another run's report", 'simdgrad-report-cnn-seed-1.html', PAGE],
    ['a report under a name of its own', 'mine.html', PAGE],
    ['npm run build', 'dist/index.js', GENERATED],
    ['npm run demo:build', 'web-demo/dist/assets/index.js', GENERATED],
    ["the demo's page, built", 'web-demo/dist/index.html', PAGE],
    ['cargo', 'crates/bnkernels/target/doc/search.js', GENERATED],
    ['a package installed in another folder', 'bench/node_modules/a/index.js', GENERATED],
    ['code that a script writes into src/', 'src/bindings/kernels.generated.ts', GENERATED],
  ])('leaves %s alone', (_, file, text) => {
    write(file, text)
    expect(lint()).toMatchObject({ status: 0, output: expect.stringContaining('Checked 2 files') })
  })

  it('leaves results of npm run bench -- --out alone', () => {
    makeFolder(join(checkout, 'bench/mine'))
    write('bench/mine/latest.json', '{"parts":{}, }')
    write('bench/mine/index.html', PAGE)
    expect(lint()).toMatchObject({ status: 0 })
  })

  it.each([
    ['src/wrong.ts', GENERATED],
    ['web-demo/src/wrong.ts', GENERATED],
    ['web-demo/index.html', PAGE],
    ['bench/results.mjs', GENERATED],
  ])('sees a fault in %s', (file, text) => {
    write(file, text)
    const { status, output } = lint()
    expect(output).toContain(file)
    expect(status).not.toBe(0)
  })
})

describe('makeFolder', () => {
  it('leaves a folder that is there as it is: it may be the committed one', () => {
    const folder = mkdtempSync(join(tmpdir(), 'simdgrad-lint-'))
    try {
      makeFolder(folder)
      makeFolder(join(folder, 'a/b'))
      expect(readdirSync(folder)).toEqual(['a'])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
