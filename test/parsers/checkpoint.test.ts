/** Mutated checkpoints: refused with a typed error, and the net as it was; or, where the sum was made anew, taken whole. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import {
  callbacks,
  DataError,
  data,
  fit,
  hashState,
  loadSafetensors,
  manualSeed,
  metrics,
  nn,
  optim,
  SimdgradError,
  tensor,
} from 'simdgrad'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { decodeCheckpoint, encodeCheckpoint } from '../../src/io/checkpoint.js'
import { initForTest } from '../support/init.js'
import { CASES, mutated, mutatedJson, SEED } from './mutate.js'

let folder = ''
beforeAll(async () => {
  await initForTest()
  folder = mkdtempSync(join(tmpdir(), 'simdgrad-parsers-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const points = () =>
  new data.TensorDataset(
    tensor([
      [0, 1],
      [1, 0],
      [1, 1],
      [0, 0],
    ]),
    tensor([0, 1, 1, 0]),
  )

/** A training of few steps with all that has a state; it ends after `until` updates. */
async function train(path: string, until: number, resume: boolean) {
  manualSeed(3)
  const net = new nn.Sequential(new nn.Linear(2, 2), new nn.BatchNorm1d(2), new nn.Dropout(0.1))
  const before = await hashState(net.stateDict())
  const optimizer = new optim.Adam(net.parameters())
  const controller = new AbortController()
  const messages: string[] = []
  try {
    await fit(net, {
      train: new data.DataLoader(points(), { batchSize: 2, shuffle: true }),
      valid: new data.DataLoader(points(), { batchSize: 4 }),
      optimizer,
      loss: new nn.CrossEntropyLoss(),
      scheduler: new optim.lrScheduler.StepLR(optimizer, 2),
      epochs: 2,
      signal: controller.signal,
      metrics: { f1: new metrics.F1Score() },
      callbacks: [
        new callbacks.Checkpoint(path, {
          everySteps: 1,
          keep: 1,
          resume,
          onMessage: (text) => void messages.push(text),
        }),
        new callbacks.EarlyStopping(),
        new callbacks.ModelAverage(new optim.swaUtils.AveragedModel(net)),
        {
          onBatchEnd({ step }) {
            if (step >= until) controller.abort()
          },
        },
      ],
    })
  } catch (error) {
    return { before, after: await hashState(net.stateDict()), error }
  }
  return { before, after: await hashState(net.stateDict()), error: undefined }
}

async function saved(): Promise<Uint8Array> {
  const path = join(folder, 'saved')
  rmSync(path, { recursive: true, force: true })
  expect((await train(path, 3, false)).error).toBeUndefined()
  const [name] = readdirSync(path)
  return readFileSync(join(path, name))
}

it(`${CASES} files with changed bytes`, async () => {
  const bytes = await saved()
  await fc.assert(
    fc.asyncProperty(mutated([bytes]), async (other) => {
      if (Buffer.compare(other, bytes) === 0) return
      await expect(decodeCheckpoint(other, 'the file')).rejects.toThrow(DataError)
    }),
    { numRuns: CASES, seed: 2 + SEED },
  )
})

it(`${Math.ceil(CASES / 10)} files with another state, whose sum is right`, async () => {
  const bytes = await saved()
  const state = await decodeCheckpoint(bytes, 'it')
  const path = join(folder, 'changed')
  let [taken, refused] = [0, 0]
  await fc.assert(
    fc.asyncProperty(mutatedJson(state), async (other) => {
      rmSync(path, { recursive: true, force: true })
      mkdirSync(path)
      let file: Uint8Array
      try {
        file = await encodeCheckpoint('test', other)
      } catch (error) {
        expect(error).toBeInstanceOf(SimdgradError)
        return
      }
      writeFileSync(join(path, 'checkpoint-0000000003.safetensors'), file)
      const { before, after, error } = await train(path, 99, true)
      if (error === undefined) {
        taken++
        return
      }
      refused++
      expect(error).toBeInstanceOf(SimdgradError)
      // Where the training did not begin, the net is as it was.
      if (/no checkpoint|damaged|another training|is sound/.test(String(error))) expect(after).toBe(before)
    }),
    { numRuns: Math.ceil(CASES / 10), seed: 3 + SEED },
  )
  expect(taken).toBeGreaterThan(CASES / 200)
  expect(refused).toBeGreaterThan(CASES / 100)
  expect(await loadSafetensors(bytes)).toHaveProperty(['net.0.weight'])
})
