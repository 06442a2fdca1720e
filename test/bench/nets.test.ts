import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Side, startSide } from '../../bench/children.mjs'
import { doubts, FOLDS, figuresOf, foldFigure, JOBS } from '../../bench/parts/nets.mjs'
import { savedActivations } from '../../bench/parts/nets-memory.mjs'

const path = (relative: string) => fileURLToPath(new URL(`../../bench/${relative}`, import.meta.url))
const names = [...new Set(JOBS.map(({ net }) => net))]

describe('the nets', () => {
  // A process on the package as it was built, as the suite has it.
  let side: Side
  beforeAll(async () => {
    side = await startSide([process.execPath, path('ours/node.mjs'), '--deterministic', '--nets'])
  })
  afterAll(() => side.stop())

  const ask = async (job: object) => {
    await side.ask({ do: 'warm', ...job, seconds: 0 })
    const { seconds, reason, ...answer } = await side.ask({ do: 'train', ...job, steps: 5 })
    return { answer, reason }
  }

  it.each(names)('%s trains compiled as in a loop, and is replayed', async (net) => {
    const batch = 4
    const compiled = await ask({ net, batch, compiled: true })
    expect(compiled.reason).toBeUndefined()
    expect(compiled.answer).toEqual({
      ...{ loss: expect.any(Number), first: expect.any(Number), parameters: expect.any(Number) },
    })
    const loop = await ask({ net, batch, compiled: false })
    expect(loop.answer).toEqual(compiled.answer)
  })

  it.each(
    JOBS.filter(({ infers }) => infers).map(({ net }) => net),
  )('%s answers compiled as it does else, and is replayed', async (net) => {
    const compiled = await ask({ net, batch: 1, infers: true, compiled: true })
    expect(compiled.reason).toBeUndefined()
    expect(await ask({ net, batch: 1, infers: true, compiled: false })).toEqual(compiled)
  })

  it('tell which one is unknown', async () => {
    await expect(ask({ net: 'vgg16', batch: 1, compiled: true })).rejects.toThrow("no net is called 'vgg16'")
  })

  it("are PyTorch's side's too", () => {
    const theirs = readFileSync(path('peers/torch_nets.py'), 'utf8')
    const [, table] = theirs.split('NETS = {')
    expect([...table.matchAll(/^ {4}"([\w-]+)": \(/gm)].map(([, name]) => name).sort()).toEqual(names.sort())
  })
})

describe('answers with batch norm folded', () => {
  it('are of nets that there are, all of whose batch norm can be', () => {
    expect(FOLDS.map(({ net }) => net).filter((net) => !names.includes(net))).toEqual([])
  })

  it('are as many times as fast as before', () => {
    const made = foldFigure(
      FOLDS[0],
      'strict',
      new Map([
        ['before', [2, 3]],
        ['after', [1, 2]],
      ]),
    )
    expect(made.samples).toEqual([2, 1.5])
    expect(made.id).toBe('nets/answers, batch norm folded/tabular MLP, batch 1/strict, against as it was')
  })
})

describe('figures', () => {
  const samples = new Map([
    ['compiled', [1, 2]],
    ['in a loop', [2, 2]],
    ['PyTorch (eager) 1', [9, 9]],
    ['PyTorch (eager) 2', [8, 4]],
    ['torch.compile', [3]],
  ])
  const job = { row: 'net', net: 'net', batch: 64, target: 2 }

  it("are ratios to PyTorch's better number of threads, and the loop's share, with their targets", () => {
    const made = figuresOf(job, 'relaxed', samples, { compiled: { first: 2, loss: 1 } })
    expect(
      made.map(({ row, column, samples, unit, target }) => [row, column, samples, unit, target]),
    ).toEqual([
      ['net, batch 64', 'relaxed, against PyTorch (eager)', [8, 2], '×', 2],
      ['net, batch 64', 'relaxed, against torch.compile', [3], '×', undefined],
      ['net, batch 64', 'relaxed, uncompiled', [50, 100], '%', 75],
    ])
    expect(made[0].more).toMatchObject({ other: 'PyTorch (eager) 2', losses: { compiled: [2, 1] } })
  })

  it('are of our own loop alone where there is no PyTorch', () => {
    const ours = new Map([...samples].slice(0, 2))
    const made = figuresOf({ ...job, infers: true, share: 50 }, 'strict', ours, {})
    expect(made.map(({ id, target }) => [id, target])).toEqual([
      ["nets/in a loop of a user's own: share of the compiled speed/net, one sample/strict, uncompiled", 50],
    ])
  })
})

describe('doubts', () => {
  const fine = { first: 2, loss: 1, parameters: 5 }

  it('are none where all is well', () => {
    expect(doubts('net', { compiled: fine, PyTorch: { ...fine, loss: 1.5 } }, false)).toEqual([])
    expect(doubts('net', { compiled: { ...fine, loss: 3 } }, true)).toEqual([])
  })

  it('name other nets, losses that do not fall, and steps that are not replayed', () => {
    const answers = {
      compiled: { ...fine, reason: 'no memory' },
      PyTorch: { first: 2, loss: 2, parameters: 6 },
    }
    expect(doubts('net', answers, false)).toEqual([
      "net: the sides' nets have 5 and 6 parameters",
      'net: the step is not replayed: no memory',
      'net: the loss does not fall (PyTorch: 2.000, then 2.000)',
    ])
  })
})

describe('savedActivations', () => {
  it('counts the images, each convolution and each ReLU', () => {
    // Stages of 1×4×4, 2×2×2 and 4×1×1 numbers: 3 convolutions with a ReLU; 2 and a shortcut's; 2 and a shortcut's.
    const numbers = 4 * 4 + 6 * 16 + 5 * 8 + 5 * 4
    expect(savedActivations(3, { width: 1, blocks: 1, channels: 1, size: 4 })).toBe(3 * 4 * numbers)
  })

  it('are a hundred million bytes for ResNet-20 at batch 64', () => {
    expect(savedActivations(64)).toBe(100_401_152)
  })
})
