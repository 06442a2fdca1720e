/** A training that is stopped anywhere goes on to the very weights, and the very history, of one that never was. */
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  ArgumentError,
  callbacks,
  DataError,
  data,
  fit,
  getRngState,
  type History,
  hashState,
  loadMetadata,
  loadSafetensors,
  manualSeed,
  metrics,
  nn,
  optim,
  SimdgradError,
  StateDictError,
  tensor,
} from 'simdgrad'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'
import { Random } from '../support/random.js'

beforeAll(initForTest)

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simdgrad-checkpoint-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const EPOCHS = 4

/** `n` points around two centres. */
function blobs(n: number, seed: number): data.TensorDataset {
  const random = new Random(seed)
  const labels = Array.from({ length: n }, (_, i) => i % 2)
  const points = labels.map((label) => [random.normal() + label - 0.5, random.normal() - label])
  return new data.TensorDataset(tensor(points), tensor(labels))
}

class Killed extends Error {}

interface Settings {
  accumulate?: number
  compile?: boolean
  /** A kill after so many updates in all. */
  killAt?: number
  /** In the validation after that epoch. */
  killInValidation?: number
  checkpoint?: object
  optimizer?: 'adamw' | 'sgd'
  hidden?: number
  signal?: AbortSignal
  more?: callbacks.Callback[]
}

/** All that has a state: dropout, running statistics, an optimiser's, two schedules, an average, early stopping. */
async function train({
  accumulate = 1,
  compile,
  killAt,
  killInValidation,
  checkpoint,
  optimizer: kind = 'adamw',
  hidden = 8,
  signal,
  more = [],
}: Settings): Promise<{
  hash: string
  average: string
  history: History
  random: object
  resumedFrom?: string
}> {
  manualSeed(7)
  const net = new nn.Sequential(
    new nn.Linear(2, hidden),
    new nn.BatchNorm1d(hidden),
    new nn.ReLU(),
    new nn.Dropout(0.2),
    new nn.Linear(hidden, 2),
  )
  const optimizer =
    kind === 'adamw'
      ? new optim.AdamW(net.parameters(), { lr: 0.01 })
      : new optim.SGD(net.parameters(), { lr: 0.05, momentum: 0.9 })
  const average = new optim.swaUtils.AveragedModel(net, { decay: 0.9 })
  const updates = Math.ceil(10 / accumulate) * EPOCHS
  const cycle = new optim.lrScheduler.OneCycleLR(optimizer, 0.02, {
    totalSteps: updates + 1,
    cycleMomentum: false,
  })
  const saver = checkpoint && new callbacks.Checkpoint(folder, checkpoint)
  let killed = 0
  const killer: callbacks.Callback = {
    last: true,
    onBatchEnd(run) {
      if (run.step === killAt) throw new Killed()
    },
    onValidationStart(run) {
      if (run.epoch === killInValidation && killed++ === 0) throw new Killed()
    },
  }
  const history = await fit(net, {
    train: new data.DataLoader(blobs(155, 1), { batchSize: 16, shuffle: true }),
    valid: new data.DataLoader(blobs(40, 2), { batchSize: 10 }),
    optimizer,
    loss: new nn.CrossEntropyLoss(),
    epochs: EPOCHS,
    accumulate,
    ...(compile !== undefined && { compile }),
    ...(signal && { signal }),
    metrics: { f1: new metrics.F1Score(), matrix: new metrics.ConfusionMatrix() },
    callbacks: [
      ...(saver ? [saver] : []),
      new callbacks.ClipGrad({ norm: 0.5 }),
      new callbacks.StepScheduler(cycle),
      new callbacks.ModelAverage(average),
      new callbacks.EarlyStopping({ monitor: 'valid.f1', mode: 'max', patience: 3 }),
      ...more,
      killer,
    ],
  })
  return {
    hash: await hashState(net.stateDict()),
    average: await hashState(average.averages()),
    history,
    random: getRngState(),
    ...(saver?.resumedFrom !== undefined && { resumedFrom: saver.resumedFrom }),
  }
}

/** What of a history does not depend on the clock, nor on which steps were recorded. */
const figuresOf = ({ epochs, stopped }: History) => ({
  stopped,
  epochs: epochs.map(({ trainSeconds: _, validSeconds: __, imagesPerSecond: ___, ...figures }) => figures),
})

const comparable = ({ hash, average, history, random }: Awaited<ReturnType<typeof train>>) => ({
  ...{ hash, average, random },
  history: figuresOf(history),
})

const names = () => readdirSync(folder).sort()

describe.each([
  ['compiled', {}],
  ['as it is', { compile: false }],
  ['three batches an update', { accumulate: 3 }],
  ["SGD's momentum", { optimizer: 'sgd' }],
] as const)('%s: killed and resumed', (_, settings) => {
  it('after any number of updates gives the weights of no stop at all', async () => {
    const whole = comparable(await train(settings))
    // Checkpoints that nobody needs change nothing.
    expect(comparable(await train({ ...settings, checkpoint: { everySteps: 1 } }))).toEqual(whole)
    const updates = Math.ceil(10 / ('accumulate' in settings ? settings.accumulate : 1))
    for (const killAt of [1, 3, updates - 1, updates, updates + 2, 3 * updates]) {
      rmSync(folder, { recursive: true })
      const checkpoint = { everySteps: killAt % 2 === 0 ? 1 : 2, resume: true }
      await expect(train({ ...settings, checkpoint, killAt })).rejects.toThrow(Killed)
      const resumed = await train({ ...settings, checkpoint })
      expect(resumed.resumedFrom === undefined, `killed at ${killAt}`).toBe(killAt < checkpoint.everySteps)
      expect(comparable(resumed), `killed at ${killAt}`).toEqual(whole)
    }
  })
})

describe('a training', () => {
  it('goes on after a kill in the validation, and several kills', async () => {
    const whole = comparable(await train({}))
    const checkpoint = { resume: true }
    await expect(train({ checkpoint, killAt: 4 })).rejects.toThrow(Killed)
    await expect(train({ checkpoint, killInValidation: 1 })).rejects.toThrow(Killed)
    expect(names()).toEqual(['checkpoint-0000000010.safetensors'])
    await expect(train({ checkpoint, killAt: 31 })).rejects.toThrow(Killed)
    expect(comparable(await train({ checkpoint }))).toEqual(whole)
  })

  it('goes on where a signal ended it, in mid-epoch', async () => {
    const whole = comparable(await train({}))
    const controller = new AbortController()
    const stopper: callbacks.Callback = {
      onBatchEnd(run) {
        if (run.step === 13) controller.abort()
      },
    }
    const { history } = await train({
      checkpoint: {},
      signal: controller.signal,
      more: [stopper],
    })
    expect(history.aborted).toBe(true)
    expect(names().at(-1)).toBe('checkpoint-0000000013.safetensors')
    expect(comparable(await train({ checkpoint: { resume: true }, more: [{}] }))).toEqual(whole)
  })

  it('that had come to its end is there at once', async () => {
    const whole = await train({ checkpoint: {} })
    const again = await train({ checkpoint: { resume: true }, killAt: 41 })
    expect(comparable(again)).toEqual(comparable(whole))
    expect(again.history.reason).toBe('no step ran yet')
  })

  it('keeps the last K checkpoints', async () => {
    await train({ checkpoint: { everySteps: 4, keep: 2 } })
    expect(names()).toEqual(['checkpoint-0000000036.safetensors', 'checkpoint-0000000040.safetensors'])
  })
})

describe('a damaged checkpoint', () => {
  const spoil = (name: string, change: (bytes: Buffer) => Buffer) =>
    writeFileSync(join(folder, name), change(readFileSync(join(folder, name))))

  it.each([
    ['cut off', (bytes: Buffer) => bytes.subarray(0, bytes.length / 2)],
    ['empty', () => Buffer.alloc(0)],
    [
      'with a flipped bit in a weight',
      (bytes: Buffer) => {
        bytes[bytes.length - 3] ^= 1
        return bytes
      },
    ],
    [
      'with a flipped bit in its state',
      (bytes: Buffer) => {
        bytes[bytes.indexOf('"epoch') + 10] ^= 1
        return bytes
      },
    ],
  ])('%s is passed over with a word, and the one before it taken', async (_, change) => {
    const whole = comparable(await train({}))
    const messages: string[] = []
    const checkpoint = {
      everySteps: 5,
      resume: true,
      onMessage: (message: string) => void messages.push(message),
    }
    await expect(train({ checkpoint, killAt: 25 })).rejects.toThrow(Killed)
    spoil('checkpoint-0000000025.safetensors', change)
    const resumed = await train({ checkpoint })
    expect(resumed.resumedFrom).toMatch(/0000000020\.safetensors$/)
    expect(messages).toHaveLength(1)
    expect(messages[0]).toMatch(/checkpoint-0000000025\.safetensors.*The checkpoint before it is taken\.$/)
    expect(comparable(resumed)).toEqual(whole)
  })

  it('that nothing is left beside is an error, and the net stays as it was', async () => {
    await expect(train({ checkpoint: { everySteps: 5, keep: 2 }, killAt: 12 })).rejects.toThrow(Killed)
    for (const name of names()) spoil(name, (bytes) => bytes.subarray(9))
    const messages: string[] = []
    const failing = train({
      checkpoint: { resume: true, onMessage: (text: string) => void messages.push(text) },
    })
    await expect(failing).rejects.toThrow(DataError)
    await expect(failing).rejects.toThrow(/none of the 2 checkpoints .* is sound/)
    expect(messages).toHaveLength(2)
  })
})

describe('what does not fit', () => {
  it('is a folder with checkpoints where nobody said resume', async () => {
    await train({ checkpoint: {} })
    await expect(train({ checkpoint: {} })).rejects.toThrow(ArgumentError)
    await expect(train({ checkpoint: {} })).rejects.toThrow(/has checkpoints .*resume: true/)
  })

  it.each([
    ['a net of another size', { hidden: 9 }, /0\.weight has shape \[8,2\], expected \[9,2\]/],
    ['another optimiser', { optimizer: 'sgd' }, /state\['0'\]|group 0/],
    ['other callbacks', { more: [{}] }, /it had 6 callbacks, and has 7/],
    [
      'other settings',
      { checkpoint: { resume: true, settings: { lr: 0.2 } } },
      /of another training: lr was 0\.1, and is 0\.2/,
    ],
    [
      'settings that are new',
      { checkpoint: { resume: true, settings: { lr: 0.1, x: 1 } } },
      /x was not set, and is 1/,
    ],
  ] as const)('is %s', async (_, change, message) => {
    const settings = { lr: 0.1 }
    await train({ checkpoint: { settings } })
    const failing = train({ checkpoint: { resume: true, settings }, ...(change as Settings) })
    await expect(failing).rejects.toThrow(StateDictError)
    await expect(failing).rejects.toThrow(message)
  })

  it('leaves the net as it was, also where the last part is at fault', async () => {
    await train({ checkpoint: {} })
    manualSeed(1)
    const net = new nn.Linear(2, 2)
    const before = await hashState(net.stateDict())
    const options = () => ({
      train: new data.DataLoader(blobs(20, 1), { batchSize: 16 }),
      optimizer: new optim.SGD(net.parameters(), { lr: 0.1 }),
      loss: new nn.CrossEntropyLoss(),
    })
    rmSync(folder, { recursive: true })
    await fit(net, { ...options(), callbacks: [new callbacks.Checkpoint(folder)] })
    const trained = await hashState(net.stateDict())
    expect(trained).not.toBe(before)
    net.weight.fill_(3)
    const [filled, checkpoint] = [
      await hashState(net.stateDict()),
      new callbacks.Checkpoint(folder, { resume: true }),
    ]
    const loader = new data.DataLoader(blobs(21, 1), { batchSize: 16 })
    await expect(fit(net, { ...options(), train: loader, callbacks: [checkpoint] })).rejects.toThrow(
      /its samples is/,
    )
    expect(await hashState(net.stateDict())).toBe(filled)
  })

  it('is a metric without a state, where mid-epoch is to be saved', async () => {
    const net = new nn.Linear(2, 2)
    const count = { reset() {}, update() {}, compute: () => 1 }
    const failing = fit(net, {
      train: new data.DataLoader(blobs(20, 1), { batchSize: 16 }),
      optimizer: new optim.SGD(net.parameters(), { lr: 0.1 }),
      loss: new nn.CrossEntropyLoss(),
      metrics: { count },
      callbacks: [new callbacks.Checkpoint(folder, { everySteps: 1 })],
    })
    await expect(failing).rejects.toThrow(/metrics\.count has no stateDict/)
  })

  it('is a folder that is a file', async () => {
    writeFileSync(join(folder, 'file'), '')
    folder = join(folder, 'file')
    await expect(train({ checkpoint: {} })).rejects.toThrow(/the folder .* can't be (read|made)/)
    await expect(train({ checkpoint: {} })).rejects.toThrow(SimdgradError)
  })

  it('is a folder below one that takes none, at any depth', async () => {
    // (Of such a path Node's own way of making folders never comes back.)
    const before = folder
    folder = join(folder, 'file', 'deeper', 'still')
    writeFileSync(join(before, 'file'), '')
    await expect(train({ checkpoint: {} })).rejects.toThrow(/the folder .* can't be (read|made)/)
    folder = '/proc/simdgrad/deeper'
    await expect(train({ checkpoint: {} })).rejects.toThrow(/the folder .* can't be made/)
    folder = join(before, 'new', 'and', 'deep')
    await train({ checkpoint: {} })
    expect(names().length).toBeGreaterThan(0)
    folder = before
  })

  it('is a folder without rights, which is told before the first step', async () => {
    // Root writes everywhere but where the kernel itself says no.
    const root = process.getuid?.() === 0
    if (root) folder = '/proc'
    else chmodSync(folder, 0o500)
    let steps = 0
    const counter: callbacks.Callback = { onBatchEnd: () => void steps++ }
    const failing = train({ checkpoint: {}, more: [counter] })
    await expect(failing).rejects.toThrow(SimdgradError)
    await expect(failing).rejects.toThrow(/takes no new file|can't be made/)
    expect(steps).toBe(0)
    if (root) folder = mkdtempSync(join(tmpdir(), 'simdgrad-checkpoint-'))
  })
})

it('is a safetensors file with the net in it', async () => {
  await train({ checkpoint: { keep: 1 } })
  const [name] = names()
  const state = await loadSafetensors(join(folder, name))
  expect(state['net.0.weight'].shape).toEqual([8, 2])
  expect(state['net.1.num_batches_tracked'].item()).toBe(40)
  expect(state['optimizer.state.0.exp_avg'].shape).toEqual([8, 2])
  expect(Object.keys(await loadMetadata(join(folder, name)))).toEqual([
    'format',
    'simdgrad.checkpoint',
    'simdgrad.sha256',
    'simdgrad.state',
  ])
})
