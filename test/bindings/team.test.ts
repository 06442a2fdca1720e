/** A worker that fails while the caller waits for it: a typed error, and work goes on in the same process. */
import { describe, expect, it } from 'vitest'
import { runScript } from './run-script.js'

/**
 * Multiplies until the worker fails; then goes on with one thread, asks for a new team, and goes on with it. (A
 * worker may also go between two pieces of work: then nobody waits for it, and nothing is said, until `MOST`.)
 */
const script = (how: string) => `
  import { init, chunksDone, ones, WorkerError } from 'simdgrad'
  import { setTimeout } from 'node:timers/promises'
  const MOST = 400
  const worker = new URL('./test/bindings/workers/dies.mjs', 'file://' + process.cwd() + '/')
  process.env.TEST_WORKER_DIES = '${how}'
  const backend = await init({ threads: 2, deterministic: true, worker })
  const first = backend.threads
  const a = ones([512, 512])
  const right = () => {
    const product = a.matmul(a)
    return product.toFloat32Array().every((value) => value === 512)
  }
  let [error, wrong] = [undefined, 0]
  const start = performance.now()
  for (let i = 0; i < MOST && !error; i++) {
    try {
      if (!right()) wrong++
    } catch (caught) {
      error = caught
    }
  }
  const waited = performance.now() - start
  const alone = [right(), backend.threads, backend.reason]
  const sound = new URL('./dist/bindings/worker.node.js', 'file://' + process.cwd() + '/')
  const same = (await init({ threads: 2, deterministic: true, worker: sound })) === backend
  const again = [right(), backend.threads, backend.reason]
  const { name, message } = error ?? {}
  console.log(JSON.stringify({ first, wrong, name, typed: error instanceof WorkerError, message, waited, alone, same, again }))
  process.exit()`

async function run(how: string) {
  for (let attempt = 0; ; attempt++) {
    const { stdout, stderr } = await runScript(script(how), 60_000)
    expect(stderr).toBe('')
    const result = JSON.parse(stdout)
    expect(result.wrong, 'products before the failure').toBe(0)
    if (result.name !== undefined || attempt === 5) return result
  }
}

describe('a worker that fails in the midst of its work', { timeout: 400_000 }, () => {
  it.each([
    ['trapped', /worker 0 of the thread team trapped/],
    ['gone', /worker 0 of the thread team is gone/],
  ])('%s: a WorkerError, then one thread with the reason, then a new team', async (how, why) => {
    const result = await run(how)
    expect(result).toMatchObject({ first: 2, name: 'WorkerError', typed: true, same: true })
    expect(result.message).toMatch(why)
    expect(result.alone).toEqual([true, 1, expect.stringMatching(why)])
    expect(result.again).toEqual([true, 2, expect.stringMatching(/2 threads .* a new team after/)])
  })
})
