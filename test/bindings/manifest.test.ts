import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sourcesHash } from '../../scripts/wasm-manifest.mjs'

const path = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url))

describe('the committed binaries', () => {
  it('were made from the sources that are there now (npm run build:wasm rebuilds them)', async () => {
    const manifest = JSON.parse(await readFile(path('src/bindings/wasm/manifest.json'), 'utf8'))
    expect(manifest).toEqual({ sources: sourcesHash(path('crates/bnkernels')) })
  })

  it('are all four there, and valid where the runtime takes them', async () => {
    const files = (await readdir(path('src/bindings/wasm'))).filter((name) => name.endsWith('.wasm')).sort()
    expect(files).toEqual(
      ['relaxed-shared', 'relaxed-unshared', 'strict-shared', 'strict-unshared'].map(
        (name) => `${name}.wasm`,
      ),
    )
    for (const name of ['strict-shared.wasm', 'strict-unshared.wasm']) {
      expect(WebAssembly.validate(await readFile(path(`src/bindings/wasm/${name}`))), name).toBe(true)
    }
  })

  it('differ: relaxed is not strict, shared imports its memory', async () => {
    const read = (name: string) => readFile(path(`src/bindings/wasm/${name}.wasm`))
    expect((await read('relaxed-shared')).equals(await read('strict-shared'))).toBe(false)
    expect((await read('relaxed-unshared')).equals(await read('strict-unshared'))).toBe(false)
    const importsMemory = async (name: string) =>
      WebAssembly.Module.imports(await WebAssembly.compile(await read(name))).some(
        ({ kind }) => kind === 'memory',
      )
    expect(await importsMemory('strict-shared')).toBe(true)
    expect(await importsMemory('strict-unshared')).toBe(false)
  })
})

describe('sourcesHash', () => {
  let folder = ''
  let before = ''

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'simdgrad-manifest-'))
    await cp(path('crates/bnkernels/src'), join(folder, 'src'), { recursive: true })
    for (const name of ['Cargo.toml', 'Cargo.lock'])
      await cp(path(`crates/bnkernels/${name}`), join(folder, name))
    before = sourcesHash(folder)
  })

  afterAll(() => rm(folder, { recursive: true }))

  it('does not depend on where the crate lies, nor on what is built in it', async () => {
    expect(before).toBe(sourcesHash(path('crates/bnkernels')))
    await mkdir(join(folder, 'target'))
    await writeFile(join(folder, 'target/anything'), 'x')
    expect(sourcesHash(folder)).toBe(before)
  })

  it('sees a changed, a new and a moved source, and a changed dependency', async () => {
    const seen = new Set([before])
    const lib = join(folder, 'src/lib.rs')
    await writeFile(lib, `${await readFile(lib, 'utf8')} `)
    seen.add(sourcesHash(folder))
    await writeFile(join(folder, 'src/new.rs'), '')
    seen.add(sourcesHash(folder))
    await rm(join(folder, 'src/new.rs'))
    await writeFile(join(folder, 'src/kernels/new.rs'), '')
    seen.add(sourcesHash(folder))
    await writeFile(join(folder, 'Cargo.lock'), '')
    seen.add(sourcesHash(folder))
    expect(seen.size).toBe(5)
  })

  it('takes line ends for the same, however git checked them out', async () => {
    const lib = join(folder, 'src/lib.rs')
    const unix = sourcesHash(folder)
    await writeFile(lib, (await readFile(lib, 'utf8')).replaceAll('\n', '\r\n'))
    expect(sourcesHash(folder)).toBe(unix)
  })
})
