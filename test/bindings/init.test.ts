import { ArgumentError, InitError, init, memory, tensor } from 'simdgrad'
import { describe, expect, it } from 'vitest'
import { runScript } from './run-script.js'

// `init` may throw or reject; both are the caller's `await` to see.
const initWith = async (options: unknown) => init(options as Parameters<typeof init>[0])

describe('before init', () => {
  it.each([
    ['tensor([1, 2])', 'tensor'],
    ['zeros([2])', 'zeros'],
    ['randn([2])', 'randn'],
    ['memory()', 'memory'],
    ['new nn.Linear(2, 3)', 'nn'],
  ])('%s says what to call', async (expression, name) => {
    const { stdout } = await runScript(`
      import { InitError, ${name} } from 'simdgrad'
      try {
        ${expression}
        console.log('nothing was thrown')
      } catch (error) {
        console.log(error instanceof InitError, error.name, error.message)
      }`)
    expect(stdout).toMatch(/^true InitError .*call `await init\(\)`/)
  })
})

describe('options', () => {
  it.each([
    0,
    -1,
    1.5,
    33,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '2',
    null,
  ])('threads %j are refused', async (threads) => {
    await expect(initWith({ threads })).rejects.toThrow(ArgumentError)
    await expect(initWith({ threads })).rejects.toThrow(/threads is a whole number from 1 to 32/)
  })

  it('an unknown one is named', async () => {
    await expect(initWith({ thread: 2 })).rejects.toThrow(ArgumentError)
    await expect(initWith({ thread: 2 })).rejects.toThrow(
      /unknown option 'thread'.*threads, deterministic, wasm, worker, kernels/,
    )
  })

  it('a promise is refused, never an exception thrown past it', () => {
    const promise = init({ threads: 0 })
    return expect(promise).rejects.toThrow(ArgumentError)
  })

  it('deterministic is a boolean, and kernels one of two words', async () => {
    await expect(initWith({ deterministic: 'no' })).rejects.toThrow(ArgumentError)
    await expect(initWith({ kernels: 'few' })).rejects.toThrow(ArgumentError)
    await expect(initWith({ kernels: true })).rejects.toThrow(/kernels is 'all' or 'core', got/)
  })
})

describe('after init', () => {
  it('tells the backend, and the same one when called again with the same options', async () => {
    const [first, second] = await Promise.all([
      init({ threads: 2, deterministic: true }),
      init({ threads: 2, deterministic: true }),
    ])
    const third = await init({ deterministic: true, threads: 2 })
    // In Node everything is imported, and so what needs all kernels.
    expect(first).toMatchObject({ simd: 'strict', threads: 2, shared: true, kernels: 'all' })
    expect(first.runtime).toMatch(/^Node \d+\.\d+\.\d+/)
    expect(first.reason).toMatch(/deterministic was asked for/)
    expect(second).toBe(first)
    expect(third).toBe(first)
  })

  it('other options are an error, and change nothing', async () => {
    const x = tensor([1, 2, 3])
    const before = memory()
    await expect(initWith({ threads: 1, deterministic: true })).rejects.toThrow(InitError)
    await expect(initWith({ threads: 2 })).rejects.toThrow(/called before.*can't change/)
    await expect(initWith({ threads: 2, deterministic: true, kernels: 'core' })).rejects.toThrow(InitError)
    await expect(initWith({ threads: 99 })).rejects.toThrow(ArgumentError)
    expect(memory()).toEqual(before)
    expect([...x.toFloat32Array()]).toEqual([1, 2, 3])
    expect(await init({ threads: 2, deterministic: true })).toMatchObject({ threads: 2 })
  })
})

it('takes as many threads as there are cores, at most 8, when none are named', async () => {
  const { stdout, stderr } = await runScript(`
    import { availableParallelism } from 'node:os'
    import { init } from 'simdgrad'
    const { threads, shared } = await init()
    const expected = Math.min(availableParallelism(), 8)
    console.log(threads === expected, shared === expected > 1)`)
  expect(stdout, stderr).toBe('true true\n')
})
