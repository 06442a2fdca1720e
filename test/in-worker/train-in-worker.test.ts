/** Trainings in a Worker, with the built package in it: `npm run build` first. In pages it is tested by test/package. */
import { Worker } from 'node:worker_threads'
import { decodeState, type EpochResult, fit, hashState, nn, noGrad, tensor, WorkerError } from 'simdgrad'
import { trainInWorker, type WorkerLike, type WorkerTraining } from 'simdgrad/train-in-worker'
import { serveTraining } from 'simdgrad/training-worker'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'
import { training } from './training.mjs'

beforeAll(initForTest)

let open: WorkerTraining | undefined
afterEach(() => open?.close())

const script = new URL('./worker.mjs', import.meta.url)
let started = 0

/** Node's Worker with a page's ways. */
function make(url: URL = script): WorkerLike {
  started++
  const worker = new Worker(url)
  worker.on('error', () => {})
  return {
    postMessage: (message, transfer) => worker.postMessage(message, transfer as never),
    terminate: () => worker.terminate(),
    addEventListener(type, listener) {
      if (type === 'message') worker.on('message', (data) => listener({ data } as never))
      // (A page's Worker does not exit.)
      if (type === 'error')
        worker.on('exit', (code) => listener({ message: `it ended with ${code}` } as never))
    },
  }
}

const start = (options: Parameters<typeof trainInWorker>[1], url?: URL) => {
  started = 0
  open = trainInWorker(() => make(url), { timeout: 60_000, ...options })
  return open
}

/** The weights that there are without a Worker. */
async function expectedHash(epochs: number): Promise<string> {
  const { net, ...options } = training({ epochs })
  await fit(net, options)
  return hashState(net.stateDict())
}

const hashOf = (state: Uint8Array) => hashState(decodeState(state))
const row = { values: Float32Array.from([1, -1, 0.5, 2, 0, 1]), shape: [1, 6] }

describe('trainInWorker', () => {
  it('trains to the very weights, tells of each epoch, and predicts with the net that it has', async () => {
    const epochs: EpochResult[] = []
    const training_ = start({ settings: { epochs: 3 }, onEpoch: (result) => epochs.push(result) })
    const early = training_.predict(row)
    const { history, state, replaced } = await training_.result
    expect(epochs.map(({ epoch }) => epoch)).toEqual([0, 1, 2])
    expect(history.epochs).toEqual(epochs)
    expect([history.aborted, replaced, started]).toEqual([false, 0, 1])
    expect(await hashOf(state)).toBe(await expectedHash(3))
    expect((await early)[0].shape).toEqual([1, 3])
    // Afterwards it is still there.
    const net = training({ epochs: 1 }).net
    net.loadStateDict(decodeState(state))
    const expected = noGrad(() => net.eval().forward(tensor(row.values, { shape: row.shape })))
    const [late] = await training_.predict(row)
    const apart = [...late.values].map((value, i) => Math.abs(value - expected.toFloat32Array()[i]))
    expect(Math.max(...apart)).toBeLessThan(1e-5)
  })

  it('is not disturbed by predictions, many of them, of any shape', async () => {
    const training_ = start({ settings: { epochs: 6 } })
    const answers: Promise<unknown>[] = []
    let over = false
    void training_.result.then(() => {
      over = true
    })
    while (!over) {
      const n = 1 + (answers.length % 5)
      answers.push(training_.predict({ values: new Float32Array(6 * n), shape: [n, 6] }))
      await answers.at(-1)
    }
    expect(answers.length).toBeGreaterThan(0)
    await expect(training_.predict({ values: new Float32Array(5), shape: [1, 5] })).rejects.toMatchObject({
      name: 'ShapeError',
    })
    expect(await hashOf((await training_.result).state)).toBe(await expectedHash(6))
  })

  it.each([
    'hang',
    'die',
  ] as const)('goes on where a Worker was that did %s, to the very weights', async (does) => {
    const flag = new Int32Array(new SharedArrayBuffer(4))
    const reasons: string[] = []
    const checkpoints: (string | undefined)[] = []
    const training_ = start({
      settings: { epochs: 4, at: 31, flag, does },
      everySteps: 5,
      timeout: does === 'hang' ? 2000 : 60_000,
      maxReplacements: 50,
      onReplaced: (reason, checkpoint) => {
        reasons.push(reason)
        checkpoints.push(checkpoint)
      },
    })
    // Asked of whichever Worker is there.
    const answers = Array.from({ length: 20 }, () => training_.predict(row))
    const { state, replaced } = await training_.result
    expect(replaced).toBeGreaterThanOrEqual(1)
    expect(reasons[0]).toMatch(does === 'hang' ? /no sign of life for 2000 ms/ : /it ended with 1/)
    expect(started).toBe(replaced + 1)
    if (replaced === 1) expect(checkpoints).toEqual(['checkpoint-0000000030.safetensors'])
    expect(await hashOf(state)).toBe(await expectedHash(4))
    for (const [{ shape }] of await Promise.all(answers)) expect(shape).toEqual([1, 3])
  })

  it('ends with the history so far when the signal says so', async () => {
    const controller = new AbortController()
    const training_ = start({
      settings: { epochs: 100_000 },
      signal: controller.signal,
      onEpoch: ({ epoch }) => {
        if (epoch === 1) controller.abort()
      },
    })
    const { history } = await training_.result
    expect(history.aborted).toBe(true)
    expect(history.epochs.length).toBeGreaterThanOrEqual(2)
    expect(history.epochs.length).toBeLessThan(100_000)
  })

  it('rejects with what setup threw, and starts no other Worker for it', async () => {
    const training_ = start({ settings: { epochs: 1, does: 'throw' } })
    const prediction = training_.predict(row)
    await expect(training_.result).rejects.toMatchObject({ name: 'RangeError', message: 'no such data' })
    await expect(prediction).rejects.toThrow('no such data')
    await expect(training_.predict(row)).rejects.toThrow('no such data')
    expect(started).toBe(1)
  })

  it('says so where the script can’t be loaded, and where Workers die again and again', async () => {
    const gone = start({}, new URL('./gone.mjs', import.meta.url))
    await expect(gone.result).rejects.toThrow(WorkerError)
    await expect(gone.result).rejects.toThrow(/did not start/)
    const flag = new Int32Array(new SharedArrayBuffer(4))
    const settings = {
      epochs: 1,
      at: 1,
      does: 'die',
      get flag() {
        // A new one each time: it dies each time.
        return flag.slice()
      },
    }
    const dying = start({ settings, maxReplacements: 2 })
    await expect(dying.result).rejects.toThrow(/2 Workers were started anew in vain/)
    expect(started).toBe(3)
  })

  it('can be closed', async () => {
    const training_ = start({ settings: { epochs: 100_000 } })
    const prediction = training_.predict(row)
    training_.close()
    await expect(training_.result).rejects.toThrow('it was closed')
    await expect(prediction).rejects.toThrow('it was closed')
  })

  it('refuses what can’t be', () => {
    expect(() => trainInWorker(1 as never)).toThrow(/a function that makes the Worker, or its URL/)
    expect(() => trainInWorker(() => make(), { time: 1 } as never)).toThrow(/unknown option 'time'/)
    expect(() => trainInWorker(() => make(), { timeout: 0 })).toThrow(/timeout/)
    expect(() => trainInWorker(() => make(), { onEpoch: 1 as never })).toThrow(/onEpoch is a function/)
    expect(() => trainInWorker(() => make(), { signal: 1 as never })).toThrow(/AbortSignal/)
    expect(() => serveTraining(1 as never)).toThrow(/setup is a function/)
    expect(() => serveTraining(() => ({ net: new nn.Linear(1, 1) }) as never)).toThrow(/it runs in a Worker/)
    const training_ = start({ settings: { epochs: 1 } })
    expect(() => training_.predict(new Float32Array(6) as never)).toThrow(/predict takes \{ values/)
  })
})
