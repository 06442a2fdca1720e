import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

interface Sample {
  step: number
  liveBytes: number
  liveTensors: number
  wasmBytes: number
  rss: number
}

interface Run {
  samples: Sample[]
  kept: Record<string, unknown>
}

const root = fileURLToPath(new URL('../..', import.meta.url))
const script = fileURLToPath(new URL('loops.mjs', import.meta.url))
const MB = 2 ** 20

/** Runs a loop of loops.mjs in a process of its own. */
async function runLoop(loop: string, steps: number): Promise<Run> {
  const args = [script, loop, `${steps}`]
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root, timeout: 280_000 })
  return JSON.parse(stdout) as Run
}

const most = (samples: Sample[], key: keyof Sample) => Math.max(...samples.map((sample) => sample[key]))

/**
 * Nothing grows after the warm-up: what is live, the wasm memory, and the process, whose garbage collector
 * takes some slack. A leak of 1 kB a step would be 1.6 MB live; of one batch of images a step, 160 MB.
 */
function expectFlat(samples: Sample[], warmUp: number, slack = { live: 0.25 * MB, wasm: 0, rss: 64 * MB }) {
  const before = samples.filter(({ step }) => step <= warmUp)
  const after = samples.filter(({ step }) => step > warmUp)
  expect(after.length).toBeGreaterThan(3)
  const grown = (key: keyof Sample) => most(after, key) - most(before, key)
  expect(grown('liveBytes'), 'bytes that are live').toBeLessThanOrEqual(slack.live)
  expect(grown('wasmBytes'), 'the wasm memory').toBeLessThanOrEqual(slack.wasm)
  expect(grown('rss'), 'the process').toBeLessThanOrEqual(slack.rss)
}

describe('1,875 synchronous steps without a yield or a dispose()', { timeout: 300_000 }, () => {
  it.each([
    'mlp-bn',
    'cnn-bn',
  ])('training and evaluating %s in turn stays flat, and what was kept is right', async (net) => {
    const { samples, kept } = await runLoop(net, 1875)
    expect(samples).toHaveLength(37)
    expectFlat(samples, 200)
    expect(most(samples, 'rss'), 'the process').toBeLessThan(300 * MB)
    expect(kept).toMatchObject({
      losses: 1875,
      lossesRight: true,
      logitsRight: true,
      evaluatedRight: true,
      logitsSum: true,
    })
    expect(Number(kept.last)).toBeLessThan(Number(kept.first) / 2)
  })
})

// The library ends a step when 64 MB were allocated: what is live goes up and down by that much. Leaks of one
// result a step would be 100 MB, and 4 GB.
const BY_AMOUNT = { live: 64 * MB, wasm: 16 * MB, rss: 80 * MB }

describe('loops that end no step by themselves', { timeout: 300_000 }, () => {
  it('evaluating without noGrad, never backward, stays flat', async () => {
    const { samples, kept } = await runLoop('evaluate-recorded', 1000)
    expect(kept).toEqual({ finite: true })
    expectFlat(samples, 200, BY_AMOUNT)
  })

  it('plain arithmetic stays flat', async () => {
    const { samples, kept } = await runLoop('arithmetic', 4000)
    expect(kept).toEqual({ finite: true, firstRight: true })
    expectFlat(samples, 400, BY_AMOUNT)
  })
})

it('ten epochs of fit are flat after the first', { timeout: 300_000 }, async () => {
  const { samples, kept } = await runLoop('fit', 10)
  expect(kept.epochs).toBe(10)
  expect(kept.accuracy).toBeGreaterThan(0.9)
  expectFlat(samples, 1)
})
