import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { InitOptions, WasmSource } from '../../src/index.node.js'
import { takesRelaxedSimd } from '../runtimes/runtimes.mjs'

const folder = new URL('../../src/bindings/wasm/', import.meta.url)
const file = (name: string) => new URL(`${name}.wasm`, folder)
const bytesOf = async (name: string) => new Uint8Array(await readFile(file(name)))

/** The smallest module: it imports and exports nothing. */
const EMPTY = [0, 97, 115, 109, 1, 0, 0, 0]

/** A body that ends before it has come. */
const broken = () =>
  new ReadableStream({
    start: (controller) => controller.error(new Error('reset')),
  })

/** A response whose body was taken. */
async function taken() {
  const response = new Response(Uint8Array.of(1))
  await response.arrayBuffer()
  return response
}

/** A package that was never initialised. */
async function freshPackage() {
  vi.resetModules()
  return import('../../src/index.node.js')
}

/** What `init` chose, of a package that then computed. */
async function started(options: InitOptions) {
  const { init, ones } = await freshPackage()
  const { simd, shared, threads, kernels, reason } = await init(options)
  const product = ones([128, 64])
    .matmul(ones([64, 128]))
    .toFloat32Array()
  expect(product.every((value) => value === 64)).toBe(true)
  return { simd, shared, threads, kernels, reason }
}

let server: Server
let base: string

beforeAll(async () => {
  server = createServer(async ({ url = '' }, response) => {
    const name = url.slice(1).replace('.wasm', '')
    if (url === '/page.wasm') return response.end('<!doctype html><title>app</title>')
    if (!/^(strict|relaxed)-(un)?shared(-core)?$/.test(name))
      return response.writeHead(404).end('nothing here')
    // As servers do that do not know the suffix.
    response.writeHead(200, { 'Content-Type': 'text/plain' }).end(await bytesOf(name))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
})
afterAll(() => server.close())

describe('init({ wasm })', () => {
  it.each<[string, () => WasmSource | Promise<WasmSource>]>([
    ['a URL', () => file('strict-shared')],
    ['a URL as a string', () => file('strict-shared').href],
    ["a file's path", () => fileURLToPath(file('strict-shared'))],
    ['a URL of http, with a wrong MIME type', () => `${base}strict-shared.wasm`],
    ['a response', () => fetch(`${base}strict-shared.wasm`)],
    ['an ArrayBuffer', async () => (await bytesOf('strict-shared')).buffer],
    [
      'a view into a longer buffer',
      async () => {
        const binary = await bytesOf('strict-shared')
        const longer = new Uint8Array(binary.length + 24)
        longer.set(binary, 8)
        return new DataView(longer.buffer, 8, binary.length)
      },
    ],
    ['a module', async () => WebAssembly.compile(await bytesOf('strict-shared'))],
  ])('takes %s', async (_, source) => {
    const { reason, ...rest } = await started({ wasm: await source(), threads: 2 })
    expect(rest).toEqual({ simd: 'strict', shared: true, threads: 2, kernels: 'all' })
    expect(reason).toMatch(/^strict SIMD, as the given binary has it; 2 threads/)
  })

  it.each([
    'the folder as a URL',
    'the folder as a string',
    'the folder of a server',
  ])('chooses from %s', async (what) => {
    const wasm = what.includes('server') ? base : what.includes('string') ? folder.href : folder
    const two = await started({ wasm, threads: 2, deterministic: true })
    expect(two).toMatchObject({ simd: 'strict', shared: true, threads: 2 })
    const one = await started({ wasm, threads: 1 })
    expect(one).toMatchObject({ simd: takesRelaxedSimd() ? 'relaxed' : 'strict', shared: false })
    const core = await started({ wasm, threads: 1, deterministic: true, kernels: 'core' })
    expect(core).toMatchObject({ shared: false, kernels: 'core' })
  })

  it('one with the core kernels: says so, and refuses to be all', async () => {
    const wasm = file('strict-unshared-core')
    const { kernels, reason } = await started({ wasm, threads: 1 })
    expect([kernels, reason]).toEqual([
      'core',
      expect.stringContaining('the smaller binary, as the given one is'),
    ])
    expect(await started({ wasm, threads: 1, kernels: 'core' })).toMatchObject({ kernels: 'core' })
    const message = /the given wasm has the core kernels, but kernels: 'all' was asked for/
    await expect(started({ wasm, threads: 1, kernels: 'all' })).rejects.toThrow(message)
    const all = file('strict-unshared')
    await expect(started({ wasm: all, threads: 1, kernels: 'core' })).rejects.toThrow(/has all kernels, but/)
  })

  it('an unshared one: one thread, and the reason', async () => {
    const { reason, ...rest } = await started({ wasm: file('strict-unshared'), threads: 2 })
    expect(rest).toEqual({ simd: 'strict', shared: false, threads: 1, kernels: 'all' })
    expect(reason).toMatch(/one thread, because the given binary has no shared memory/)
  })

  it('a shared one on one thread, by choice and after workers that fail', async () => {
    const wasm = file('strict-shared')
    expect(await started({ wasm, threads: 1 })).toMatchObject({ threads: 1, shared: true })
    const worker = new URL('nowhere.js', folder)
    const { threads, reason } = await started({ wasm, threads: 2, worker })
    expect(threads).toBe(1)
    expect(reason).toMatch(/one thread, because a worker could not be started/)
  })

  it.each([
    'relaxed-shared',
    'relaxed-unshared',
  ])('%s is seen to be relaxed, or told to be too new', async (name) => {
    const options = { wasm: file(name), threads: 2 }
    if (takesRelaxedSimd()) {
      expect(await started(options)).toMatchObject({ simd: 'relaxed' })
      const message = /the given wasm has relaxed SIMD; deterministic needs a strict one/
      await expect(started({ ...options, deterministic: true })).rejects.toThrow(message)
    } else {
      const message = expect.stringContaining('newer runtime')
      await expect(started(options)).rejects.toMatchObject({ code: 'damaged', message })
    }
  })

  it('a shared one without SharedArrayBuffer: InitError, and what to do', async () => {
    const wasm = await WebAssembly.compile(await bytesOf('strict-shared'))
    const { init } = await freshPackage()
    vi.stubGlobal('SharedArrayBuffer', undefined)
    try {
      await expect(init({ wasm, threads: 2 })).rejects.toMatchObject({
        code: 'needs-shared-memory',
        message: expect.stringMatching(/needs shared memory.*the folder of all/),
      })
    } finally {
      vi.unstubAllGlobals()
    }
  })

  it.each<[string, () => WasmSource | Promise<WasmSource>, string, RegExp]>([
    ['a file that is not there', () => new URL('gone.wasm', folder), 'unreachable', /gone\.wasm.*ENOENT/],
    ['a folder without binaries', () => new URL('..', folder), 'unreachable', /ENOENT/],
    ['a server that does not answer', () => 'http://127.0.0.1:1/a.wasm', 'unreachable', /127\.0\.0\.1:1/],
    ['a 404', () => `${base}gone.wasm`, 'http-status', /gone\.wasm.*404/],
    ['a response with a 404', () => fetch(`${base}gone.wasm`), 'http-status', /gone\.wasm.*404/],
    ['an HTML page', () => `${base}page.wasm`, 'html', /page\.wasm.*an HTML page/],
    ['a response with an HTML page', () => fetch(`${base}page.wasm`), 'html', /page\.wasm.*an HTML page/],
    ['an object that is none of these', () => ({}) as BufferSource, 'not-wasm', /the given wasm is no/],
    [
      'an invalid URL',
      () => 'http://[/a.wasm',
      'unreachable',
      /http:\/\/\[\/a\.wasm can't be read .*Invalid URL/,
    ],
    ['a response that breaks off', () => new Response(broken()), 'unreachable', /given wasm.*\(Error: reset/],
    ['a response that was read', taken, 'unreachable', /given wasm.*already been read/],
    ["a sound binary of somebody else's", () => Uint8Array.of(...EMPTY), 'damaged', /none of simdgrad's/],
    ['bytes that are none', () => Uint8Array.of(1, 2, 3), 'not-wasm', /the given wasm is no WebAssembly/],
  ])('%s: InitError with its address', async (_, source, code, message) => {
    const { init, InitError } = await freshPackage()
    const failure = await init({ wasm: await source(), threads: 1 }).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(InitError)
    expect(failure).toMatchObject({ code })
    expect(String(failure)).toMatch(message)
  })
})

describe('where a build put the binary, or left it', () => {
  it.each([
    ['/app/.next/server/media/strict-unshared.wasm', /serverExternalPackages: \['simdgrad'\]/],
    ['/_next/static/media/strict-unshared.0a1b.wasm', /serverExternalPackages: \['simdgrad'\]/],
    ['/app/.output/server/wasm/strict-unshared.wasm', /Nuxt.*nitro/],
    ['/app/dist/bindings/wasm/strict-unshared.wasm', /init\({ wasm, worker }\)/],
    ['/app/my.wasm', /ENOENT[^;]*$/],
  ])('%s: the error names the cure', async (wasm, cure) => {
    const { init } = await freshPackage()
    await expect(init({ wasm, threads: 1 })).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringMatching(cure),
    })
  })

  it('the cache of a dev server: Vite has a line for it', async () => {
    vi.resetModules()
    const { webPlatform } = await import('../../src/bindings/platform.web.js')
    const { setPlatform } = await import('../../src/bindings/platform.js')
    const { init } = await import('../../src/index.node.js')
    setPlatform(webPlatform)
    const wasm = `${base}node_modules/.vite/deps/wasm/strict-unshared.wasm`
    await expect(init({ wasm, threads: 1 })).rejects.toMatchObject({
      code: 'http-status',
      message: expect.stringMatching(/404\): Vite needs optimizeDeps: { exclude: \['simdgrad'\] }/),
    })
  })
})

describe('memory that is not to be had', () => {
  it('at the start: InitError, and init may be tried again', async () => {
    const { init } = await freshPackage()
    class Refused {
      constructor() {
        throw new RangeError('WebAssembly.Instance(): Out of memory')
      }
    }
    const Instance = vi.spyOn(WebAssembly, 'Instance').mockImplementation(Refused as never)
    try {
      await expect(init({ threads: 1 })).rejects.toMatchObject({
        name: 'InitError',
        code: 'out-of-memory',
        message: expect.stringMatching(/not enough memory .*Out of memory/),
      })
    } finally {
      Instance.mockRestore()
    }
    expect(await init({ threads: 1 })).toMatchObject({ threads: 1 })
  })
})

describe('init({ worker })', () => {
  it.each(['a URL', 'a path'])('takes %s', async (what) => {
    const url = new URL('../../src/bindings/worker.node.js', import.meta.url)
    const worker = what === 'a URL' ? url : fileURLToPath(url)
    expect(await started({ worker, threads: 2 })).toMatchObject({ threads: 2, shared: true })
  })
})
