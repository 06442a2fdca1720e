import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Platform, TeamWorkerEvents } from '../../src/bindings/platform.js'

/** A package that was never initialised, on a platform that differs from Node's in some ways. */
async function freshPackage(changes: (node: Platform) => Partial<Platform>) {
  vi.resetModules()
  const simdgrad = await import('../../src/index.node.js')
  const { setPlatform } = await import('../../src/bindings/platform.js')
  const { nodePlatform } = await import('../../src/bindings/platform.node.js')
  setPlatform({ ...nodePlatform, ...changes(nodePlatform) })
  return simdgrad
}

/** It computes: 1 + 2, and a matrix product large enough to be cut into chunks. */
function expectToCompute({ ones, tensor }: Awaited<ReturnType<typeof freshPackage>>) {
  expect(tensor(1).add(2).item()).toBe(3)
  const product = ones([128, 64]).matmul(ones([64, 128]))
  expect(product.toFloat32Array().every((value) => value === 64)).toBe(true)
}

afterEach(() => {
  vi.useRealTimers()
})

describe('a team that can not work', () => {
  // The time limits are the library's own; the clock is ours.
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] })
  })

  it.each([
    ['never starts', (_: Platform) => () => {}, /one thread, because a worker did not start in time/],
    [
      'starts, but does not see the memory that it shares',
      (_: Platform) => (on: TeamWorkerEvents) => on.ready(),
      /one thread, because a worker did not see the memory/,
    ],
    [
      'can not be loaded',
      (_: Platform) => (on: TeamWorkerEvents) => on.failed('404'),
      /one thread, because a worker could not be started \(404\)/,
    ],
    [
      'can not be made',
      (_: Platform) => () => {
        throw new Error('no workers here')
      },
      /one thread, because a worker could not be started \(no workers here\)/,
    ],
  ])('a worker that %s: one thread, and the reason', async (_, makeStart, reason) => {
    let [started, terminated] = [0, 0]
    const simdgrad = await freshPackage((node) => ({
      startWorker(_work, _script, on) {
        makeStart(node)(on)
        started++
        return { unref() {}, terminate: () => terminated++ }
      },
    }))
    let backend: Awaited<ReturnType<typeof simdgrad.init>> | undefined
    const starting = simdgrad.init({ threads: 3 }).then((given) => {
      backend = given
    })
    for (let tick = 0; tick < 5000 && !backend; tick++) {
      await vi.advanceTimersByTimeAsync(100)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await starting
    expect(backend).toMatchObject({ threads: 1, shared: false })
    expect(backend?.reason).toMatch(reason)
    expect(terminated, 'workers that were started were ended').toBe(started)
    expectToCompute(simdgrad)
  })
})

it('a real worker that fails is not waited for', async () => {
  // The clock stands still: no time limit of ours can end this.
  vi.useFakeTimers({ toFake: ['performance'] })
  const simdgrad = await freshPackage(() => ({}))
  const script = new URL('data:text/javascript,throw new Error("broken")')
  const { threads, shared, reason } = await simdgrad.init({ threads: 2, worker: script })
  expect({ threads, shared }).toEqual({ threads: 1, shared: false })
  expect(reason).toMatch(/one thread, because a worker could not be started \(broken\)/)
  expectToCompute(simdgrad)
})

describe('without SharedArrayBuffer', () => {
  afterEach(() => {
    vi.unstubAllGlobals()
  })

  it('one thread, and the headers that a page needs', async () => {
    const simdgrad = await freshPackage(() => ({}))
    vi.stubGlobal('SharedArrayBuffer', undefined)
    const { threads, shared, reason } = await simdgrad.init({ threads: 2 })
    expect({ threads, shared }).toEqual({ threads: 1, shared: false })
    expect(reason).toMatch(
      /SharedArrayBuffer is not to be had.*Cross-Origin-Opener-Policy: same-origin.*Cross-Origin-Embedder-Policy: require-corp/,
    )
    expectToCompute(simdgrad)
  })

  it('a runtime without shared WebAssembly memory falls back too', async () => {
    const simdgrad = await freshPackage(() => ({}))
    const Memory = WebAssembly.Memory
    vi.stubGlobal('WebAssembly', {
      ...Object.fromEntries(
        Object.getOwnPropertyNames(WebAssembly).map((name) => [name, Reflect.get(WebAssembly, name)]),
      ),
      Memory: class extends Memory {
        constructor(options: WebAssembly.MemoryDescriptor) {
          if (options.shared) throw new RangeError('no shared memory')
          super(options)
        }
      },
    })
    expect(await simdgrad.init({ threads: 2 })).toMatchObject({ threads: 1, shared: false })
    expectToCompute(simdgrad)
  })
})

describe('a binary that is none', () => {
  const bytes = (text: string) => new TextEncoder().encode(text)

  it.each([
    [
      'an HTML page',
      '<!doctype html><title>404</title>',
      'html',
      /strict-unshared\.wasm is no WebAssembly binary but an HTML page/,
    ],
    [
      'an HTML page after a line and a byte order mark',
      '\ufeff\n <html>',
      'html',
      /no WebAssembly binary but an HTML page/,
    ],
    ['empty', '', 'not-wasm', /strict-unshared\.wasm is no WebAssembly binary;/],
    ['something else', 'hello', 'not-wasm', /strict-unshared\.wasm is no WebAssembly binary;/],
  ])('%s: InitError with its address', async (_, content, code, message) => {
    const simdgrad = await freshPackage(() => ({ readBytes: async () => bytes(content) }))
    const failure = await simdgrad.init({ threads: 1, deterministic: true }).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(simdgrad.InitError)
    expect(failure).toMatchObject({ code })
    expect(String(failure)).toMatch(message)
  })

  it('truncated or damaged: InitError, not a CompileError', async () => {
    const simdgrad = await freshPackage((node) => ({
      readBytes: async (from) => (await node.readBytes(from)).slice(0, 1000),
    }))
    const failure = await simdgrad.init({ threads: 1, deterministic: true }).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(simdgrad.InitError)
    expect(failure).toMatchObject({ code: 'damaged' })
    expect(String(failure)).toMatch(/strict-unshared\.wasm is damaged/)
  })

  it('sound, but forbidden by the policy of the page: what the policy needs', async () => {
    const simdgrad = await freshPackage(() => ({}))
    const compile = vi.spyOn(WebAssembly, 'compile').mockRejectedValue(new WebAssembly.CompileError('no'))
    try {
      await expect(simdgrad.init({ threads: 1 })).rejects.toMatchObject({
        code: 'csp',
        message: expect.stringContaining("'wasm-unsafe-eval'"),
      })
    } finally {
      compile.mockRestore()
    }
  })

  it('can be tried again after the failure', async () => {
    let broken = true
    const simdgrad = await freshPackage((node) => ({
      readBytes: async (from) => (broken ? bytes('<html>') : node.readBytes(from)),
    }))
    await expect(simdgrad.init({ threads: 1 })).rejects.toThrow(simdgrad.InitError)
    broken = false
    expect(await simdgrad.init({ threads: 2 })).toMatchObject({ threads: 2, shared: true })
    expectToCompute(simdgrad)
  })
})

it('a runtime without WebAssembly SIMD is told so', async () => {
  const simdgrad = await freshPackage(() => ({ runtime: 'Old 1.0' }))
  const validate = vi.spyOn(WebAssembly, 'validate').mockReturnValue(false)
  try {
    await expect(simdgrad.init({ threads: 1 })).rejects.toMatchObject({
      name: 'InitError',
      code: 'no-simd',
      message: expect.stringMatching(/Old 1\.0 has no WebAssembly SIMD/),
    })
  } finally {
    validate.mockRestore()
  }
})

it('so is one without WebAssembly at all', async () => {
  const simdgrad = await freshPackage(() => ({ runtime: 'Locked 1.0' }))
  vi.stubGlobal('WebAssembly', undefined)
  try {
    await expect(simdgrad.init({ threads: 1 })).rejects.toMatchObject({ name: 'InitError', code: 'no-simd' })
  } finally {
    vi.unstubAllGlobals()
  }
})
