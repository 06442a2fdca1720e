import { describe, expect, it } from 'vitest'
import { INSTALL_RUNTIMES, runtimePath } from './runtimes.mjs'
import { type Trained, trainHash } from './train.js'

/** The runtimes of this folder that there is a binary of for this machine, and how each runs a script. */
const OTHERS = [
  { name: 'Node 26', path: runtimePath('node'), args: [] },
  { name: 'Bun', path: runtimePath('bun'), args: [] },
  { name: 'Deno', path: runtimePath('deno'), args: ['run', '--allow-all'] },
].flatMap(({ path, args, ...rest }) => (path ? [{ ...rest, command: [path, ...args] }] : []))

const runs = new Map<string, Promise<Trained>>()

/** Each combination runs once. */
function trained(command: readonly string[], threads: number, ...options: string[]): Promise<Trained> {
  const key = [...command, threads, ...options].join(' ')
  const run = runs.get(key) ?? trainHash(command, threads, ...options)
  runs.set(key, run)
  return run
}

it('has runtimes to compare', () => {
  expect(OTHERS, INSTALL_RUNTIMES).not.toEqual([])
  if (process.platform === 'linux' && process.arch === 'x64') expect(OTHERS).toHaveLength(3)
})

describe.each(OTHERS)('$name', ({ name, command }) => {
  it('is what runs', async () => {
    expect((await trained(command, 2)).runtime.startsWith(name)).toBe(true)
  })

  it('gives the weights that this Node gives, to the bit, when deterministic', async () => {
    const here = await trained([process.execPath], 1, '--deterministic')
    for (const threads of [1, 2, 8]) {
      const there = await trained(command, threads, '--deterministic')
      expect(there.simd).toBe('strict')
      expect(there.hash, `${threads} threads`).toBe(here.hash)
      expect(there.losses).toEqual(here.losses)
    }
  })

  it.each([
    2, 3, 8,
  ])('takes relaxed SIMD, and gives the same bits on one and on %i threads', async (threads) => {
    const [one, many] = [await trained(command, 1), await trained(command, threads)]
    expect(one.simd, one.reason).toBe('relaxed')
    expect(many.simd, many.reason).toBe('relaxed')
    expect(many.hash).toBe(one.hash)
  })

  it.each([2, 8])('shares memory, and all of %i threads work', async (threads) => {
    const { shared, threads: started, chunksDone, reason } = await trained(command, threads)
    expect({ shared, started }, reason).toEqual({ shared: true, started: threads })
    expect(chunksDone).toHaveLength(threads - 1)
    expect(Math.min(...chunksDone), `chunks by worker: ${chunksDone}`).toBeGreaterThan(0)
  })
})
