import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { BUILDS, inputsNow, sourcesHash, staleParts, writeManifest } from '../../scripts/wasm-manifest.mjs'

const path = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url))

describe('the committed binaries', () => {
  it('were made from the sources and flags that are there now (npm run build:wasm rebuilds them)', () => {
    expect(staleParts()).toEqual([])
  })

  it('are all there, and valid where the runtime takes them', async () => {
    const files = (await readdir(path('src/bindings/wasm'))).filter((name) => name.endsWith('.wasm')).sort()
    expect(files).toEqual(BUILDS.map((name) => `${name}.wasm`).sort())
    expect(files).toHaveLength(8)
    for (const name of files.filter((name) => name.startsWith('strict'))) {
      expect(WebAssembly.validate(await readFile(path(`src/bindings/wasm/${name}`))), name).toBe(true)
    }
  })

  it('are no more than what a page may download: 100 kB, gzip, with the core kernels', async () => {
    for (const name of BUILDS.filter((name) => name.endsWith('-core'))) {
      const binary = await readFile(path(`src/bindings/wasm/${name}.wasm`))
      expect(gzipSync(binary, { level: 9 }).length, name).toBeLessThan(100_000)
    }
  })

  it('differ: relaxed is not strict, core is not all, shared imports its memory', async () => {
    const read = (name: string) => readFile(path(`src/bindings/wasm/${name}.wasm`))
    expect((await read('strict-shared-core')).length).toBeLessThan((await read('strict-shared')).length)
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

describe('the manifest', () => {
  let checkout = ''
  const file = (name: string) => join(checkout, name)

  beforeEach(async () => {
    checkout = await mkdtemp(join(tmpdir(), 'simdgrad-manifest-'))
    for (const name of ['crates/bnkernels/src', 'src/bindings/wasm']) {
      await cp(path(name), file(name), { recursive: true })
    }
    for (const name of [
      'crates/bnkernels/Cargo.toml',
      'crates/bnkernels/Cargo.lock',
      'scripts/build-wasm.mjs',
      'scripts/wasm-functions.mjs',
      'scripts/wasm-instructions.mjs',
      'scripts/wasm-order.mjs',
    ]) {
      await mkdir(dirname(file(name)), { recursive: true })
      await cp(path(name), file(name))
    }
    // Where the committed one is stale, one test tells, and not all of these.
    writeManifest(checkout)
  })
  afterEach(() => rm(checkout, { recursive: true }))

  it('is written with a hash of each part, and stale where it has none', async () => {
    const written = file('src/bindings/wasm/manifest.json')
    const { sources, flags, binaries } = JSON.parse(await readFile(written, 'utf8'))
    const hashes = [sources, flags, ...Object.values(binaries)]
    expect(hashes).toHaveLength(10)
    for (const hash of hashes) expect(hash).toMatch(/^[0-9a-f]{64}$/)
    expect(new Set(hashes).size).toBe(10)
    expect(staleParts(checkout)).toEqual([])
    await writeFile(written, '{}')
    expect(staleParts(checkout)).toHaveLength(10)
  })

  it.each([
    ['a source', 'crates/bnkernels/src/lib.rs', ["the crate's sources"]],
    ['a dependency', 'crates/bnkernels/Cargo.lock', ["the crate's sources"]],
    ['a flag', 'scripts/build-wasm.mjs', ['the scripts that build, with their flags']],
    ['the order of functions', 'scripts/wasm-order.mjs', ['the scripts that build, with their flags']],
    ['strict-shared.wasm', 'src/bindings/wasm/strict-shared.wasm', ['strict-shared.wasm']],
    ['relaxed-unshared.wasm', 'src/bindings/wasm/relaxed-unshared.wasm', ['relaxed-unshared.wasm']],
  ])('sees %s that was changed', async (_, name, stale) => {
    const before = await readFile(file(name))
    const changed = Buffer.from(before)
    changed[changed.length - 2] ^= 1
    await writeFile(file(name), changed)
    expect(staleParts(checkout)).toEqual(stale)
    await writeFile(file(name), before)
    expect(staleParts(checkout)).toEqual([])
  })

  it('sees a single binary that was rebuilt, and two that were exchanged', async () => {
    const wasm = (name: string) => file(`src/bindings/wasm/${name}.wasm`)
    await cp(wasm('strict-shared'), wasm('strict-unshared'))
    expect(staleParts(checkout)).toEqual(['strict-unshared.wasm'])
    await cp(path('src/bindings/wasm/strict-unshared.wasm'), wasm('strict-shared'))
    expect(staleParts(checkout)).toEqual(['strict-unshared.wasm', 'strict-shared.wasm'])
  })

  it('is of what the binaries were made from, where that was changed during the build', async () => {
    const inputs = inputsNow(checkout)
    await writeFile(file('crates/bnkernels/src/lib.rs'), '')
    writeManifest(checkout, inputs)
    expect(staleParts(checkout)).toEqual(["the crate's sources"])
  })

  it('takes line ends of the script for the same', async () => {
    const script = file('scripts/build-wasm.mjs')
    await writeFile(script, (await readFile(script, 'utf8')).replaceAll('\n', '\r\n'))
    expect(staleParts(checkout)).toEqual([])
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
