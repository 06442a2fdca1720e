import { data, fit, init, manualSeed, nn, noGrad, optim } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { PIXELS, SHARDS, TOTAL, TRAIN_BLOCKS } from '../../web-demo/shards.js'
import { placeQuery, readPlace } from '../../web-demo/src/address.js'
import { codeOf } from '../../web-demo/src/code.js'
import { PRESETS, presetOf } from '../../web-demo/src/presets.js'
import {
  CONTROLS,
  DEFAULTS,
  NORMS,
  type Norm,
  readQuery,
  type Settings,
  toQuery,
} from '../../web-demo/src/settings.js'
import { STEPS } from '../../web-demo/src/story/steps/index.js'
import { statisticsOf } from '../../web-demo/src/worker/inspect.js'
import { buildNet } from '../../web-demo/src/worker/nets.js'
import { epochOrder, shuffled } from '../../web-demo/src/worker/order.js'
import { Trainer } from '../../web-demo/src/worker/trainer.js'
import { initForTest } from '../support/init.js'
import { digits, digitsOf, run, stateOf } from './training.js'

beforeAll(initForTest)

describe('settings', () => {
  it('go to the address and come back', () => {
    for (const { settings } of PRESETS)
      expect(readQuery(`?${toQuery(settings)}`)).toEqual({ settings, problems: [] })
    expect(toQuery(DEFAULTS).size).toBe(0)
  })

  it('from an address are checked: what is not to be had stays at its default, and is told', () => {
    const { settings, problems } = readQuery('?lr=7&depth=99&net=rnn&batch=8')
    expect(settings).toEqual({ ...DEFAULTS, batch: 8 })
    expect(problems.length).toBe(3)
    expect(problems[0]).toMatch(/^Learning rate: “lr=7” can’t be had \(0.0001, .*10\); it is 0.1\.$/)
  })

  it('of a step of the story stand in the address beside its name', () => {
    const [first, second] = STEPS
    expect(readPlace('')).toEqual({ step: first, settings: first.settings, problems: [] })
    for (const step of STEPS) {
      for (const changed of [{}, { seed: 3 }, ...step.tasks.map((task) => task.changed)]) {
        const place = { step, settings: { ...step.settings, ...changed } }
        expect(readPlace(placeQuery(place))).toEqual({ ...place, problems: [] })
      }
    }
    const free = { step: undefined, settings: DEFAULTS }
    expect(readPlace(placeQuery(free))).toEqual({ ...free, problems: [] })
    // Somebody's experiment of before there was a story.
    expect(readPlace('?lr=3').step).toBeUndefined()
    expect(placeQuery({ step: second, settings: second.settings })).toBe('?story=formula')
    expect(readPlace('?story=nowhere').problems).toEqual([
      `The story has no step “nowhere” (${STEPS.map(({ id }) => id).join(', ')}); it begins at the first.`,
    ])
    expect(readPlace('?speed=3').problems).toEqual(['“speed” is no setting of this page.'])
  })

  it('of presets and defaults are all to be had', () => {
    const steps = STEPS.flatMap((step) => [
      step.settings,
      ...step.tasks.map((task) => ({ ...step.settings, ...task.changed })),
    ])
    for (const settings of [DEFAULTS, ...PRESETS.map((preset) => preset.settings), ...steps]) {
      for (const { key, choices } of CONTROLS)
        expect(choices.map(({ value }) => value)).toContain(settings[key])
    }
    for (const preset of PRESETS) expect(presetOf(preset.settings)).toBe(preset)
  })
})

describe('digits', () => {
  it('are cut into shards that leave none out', () => {
    for (const part of ['train', 'test'] as const) {
      let next = 0
      for (const { first, count } of SHARDS.filter((shard) => shard.part === part)) {
        expect(first).toBe(next)
        next += count
      }
      expect(next).toBe(TOTAL[part])
    }
  })

  it('come in an order that seed and pass decide, each once', () => {
    const order = shuffled(1000, 3, 5)
    expect(order).toEqual(shuffled(1000, 3, 5))
    expect(order).not.toEqual(shuffled(1000, 3, 6))
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i))
  })

  it('of the first epoch come block by block, so that the curves do not wait for the download', () => {
    const order = epochOrder(TRAIN_BLOCKS, 3, 0)
    let first = 0
    for (const count of TRAIN_BLOCKS) {
      const block = order.slice(first, first + count).sort((a, b) => a - b)
      expect([block[0], block[count - 1], new Set(block).size]).toEqual([first, first + count - 1, count])
      first += count
    }
    expect(first).toBe(TOTAL.train)
    const second = epochOrder(TRAIN_BLOCKS, 3, 1)
    expect(new Set(second).size).toBe(TOTAL.train)
    expect(Math.max(...second.slice(0, 1000))).toBeGreaterThan(50_000)
  })

  it('that have not come yet are waited for, and give the same nets as if all had been there', () => {
    const slow = digitsOf(2000, 2000)
    const trainer = new Trainer({ ...DEFAULTS, depth: 1 }, slow)
    for (let i = 0; i < 100; i++) trainer.next()
    expect([trainer.step, trainer.waiting, trainer.progress().waiting]).toEqual([31, true, true])
    expect(trainer.progress().epoch).toBeCloseTo((31 * 64) / 60_000, 6)
    // The next shard.
    const { labels, pixels } = digits().train
    slow.train.append(
      Buffer.concat([labels.slice(2000, 6000), pixels.slice(2000 * PIXELS, 6000 * PIXELS)]),
      4000,
    )
    while (trainer.step < 50) trainer.next()
    const quick = run({ depth: 1 }, 50).trainer
    expect(stateOf(trainer.trainees.norm.net)).toEqual(stateOf(quick.trainees.norm.net))
  })

  it('are normalised as the package’s own data set does', () => {
    const { train } = digits()
    const pixels = train.pixels.slice(0, 3 * PIXELS)
    const dataset = new data.ImageDataset(
      { shape: [3, 28, 28], data: pixels },
      { shape: [3], data: train.labels.slice(0, 3) },
    )
    const [[x, y]] = [...new data.DataLoader(dataset, { batchSize: 3 })]
    const batch = train.batch([0, 1, 2])
    expect(batch.y.toArray()).toEqual(y.toArray())
    const [mine, theirs] = [batch.x.toFloat32Array(), x.toFloat32Array()]
    for (const [i, value] of mine.entries()) expect(Math.abs(value - theirs[i])).toBeLessThan(1e-6)
  })
})

describe('nets', () => {
  it('with and without batch norm start from the same weights', () => {
    for (const net of ['mlp', 'conv'] as const) {
      const settings: Settings = { ...DEFAULTS, net, scale: 0.3 }
      const weights = (norm: Norm | undefined) =>
        buildNet(settings, norm)
          .modules.filter((m) => m instanceof nn.Linear || m instanceof nn.Conv2d)
          .map(({ weight }) => weight.toFloat32Array())
      for (const norm of NORMS) expect(weights(norm)).toEqual(weights(undefined))
    }
  })

  it.each([
    ['MLP', {}, true],
    ['MLP', { depth: 1, scale: 10, optimizer: 'adam' }, false],
    ['conv', { net: 'conv', depth: 1, momentum: 0.9, optimizer: 'adamw' }, true],
    ['conv', { net: 'conv', depth: 4, seed: 2, scale: 0.1, optimizer: 'momentum' }, true],
    ['conv', { net: 'conv', depth: 2, norm: 'group' }, true],
    ['MLP', { norm: 'layer' }, true],
  ] as [
    string,
    Partial<Settings>,
    boolean,
  ][])('of the code shown are those that train (%s %j)', async (_, changed, norm) => {
    const settings = { ...DEFAULTS, ...changed }
    // The code as it is copied, but for its import, its `init` and the training.
    const code = codeOf(settings, norm)
      .replace(/^import .*\n/, '')
      .replace('await init()', '')
      .replace(/const \{ train, test \}[\s\S]*/, 'return { net, optimizer }')
    const made = new Function('data', 'fit', 'init', 'manualSeed', 'nn', 'noGrad', 'optim', code)
    const { net, optimizer } = made(data, fit, init, manualSeed, nn, noGrad, optim)
    expect(stateOf(net)).toEqual(stateOf(buildNet(settings, norm ? settings.norm : undefined)))
    expect(optimizer.lr).toBe(settings.lr)
  })
})

describe('norms that are compared', () => {
  it('train to the very nets that each is by itself, and go on from a checkpoint', () => {
    const { trainer } = run({ compare: 'on', depth: 1 }, 12)
    // All digits are judged: curves of four nets have fewer points, at which a part of the digits is.
    const compared = trainer.point(true).others
    expect(trainer.others.map(({ norm }) => norm)).toEqual(['group', 'layer'])
    for (const [i, norm] of (['group', 'layer'] as const).entries()) {
      const alone = run({ norm, depth: 1 }, 12)
      expect(stateOf(trainer.others[i].net)).toEqual(stateOf(alone.trainer.trainees.norm.net))
      const { accuracy } = alone.trainer.point(true)
      expect(compared[i]).toMatchObject({ norm, accuracy: accuracy.norm })
    }
    const next = new Trainer(trainer.settings, digits())
    next.restore(trainer.checkpoint(undefined))
    for (const each of [trainer, next]) for (let i = 0; i < 3; i++) each.next()
    for (const i of [0, 1]) expect(stateOf(next.others[i].net)).toEqual(stateOf(trainer.others[i].net))
  })
})

describe('presets', () => {
  const settingsOf = (id: string) => PRESETS.find((preset) => preset.id === id)?.settings ?? DEFAULTS
  const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length
  const jumps = (values: number[]) => mean(values.slice(1).map((value, i) => Math.abs(value - values[i])))

  it('usual: after 30 steps batch norm is above 80 %, the plain net under half', () => {
    const { accuracy } = run(settingsOf('usual'), 30).points.at(-1) ?? { accuracy: { norm: 0, plain: 1 } }
    expect(accuracy.norm).toBeGreaterThan(0.8)
    expect(accuracy.plain).toBeLessThan(0.5)
  })

  it.each(['rate', 'scale'])('%s: the plain net stays under 0.2, batch norm passes 0.8', (id) => {
    const { points } = run(settingsOf(id), 300)
    expect(Math.max(...points.map(({ accuracy }) => accuracy.plain))).toBeLessThan(0.2)
    expect(Math.max(...points.map(({ accuracy }) => accuracy.norm))).toBeGreaterThan(0.8)
  })

  it('tiny: batch norm’s loss stays higher, and its batches’ statistics are far from the running ones', () => {
    const { points, trainer } = run(settingsOf('tiny'), 1000)
    const last = points.slice(-20)
    expect(mean(last.map(({ loss }) => loss.norm))).toBeGreaterThan(
      mean(last.map(({ loss }) => loss.plain)) + 0.5,
    )
    /** Mean distance from the diagonal, against the spread along it. */
    const distance = ({ trainees, last: batch }: Trainer) => {
      const s = batch && statisticsOf(trainees.norm.net, batch.x, 0)
      if (!s) return Number.NaN
      return mean([...s.batchMean].map((m, i) => Math.abs(m - s.runningMean[i]) / Math.sqrt(s.runningVar[i])))
    }
    expect(distance(trainer)).toBeGreaterThan(3 * distance(run(settingsOf('usual'), 100).trainer))
  })

  it('swapped: accuracy jumps more than with the usual momentum; recalibrated, it is above most', async () => {
    const settings = settingsOf('swapped')
    const swapped = run(settings, 600)
    const last = swapped.points.slice(-25).map(({ accuracy }) => accuracy.norm)
    const usual = run({ ...settings, momentum: 0.1 }, 600).points.slice(-25)
    expect(jumps(last)).toBeGreaterThan(2 * jumps(usual.map(({ accuracy }) => accuracy.norm)))
    const { after } = await swapped.trainer.recalibrate()
    expect(last.filter((accuracy) => accuracy < after).length).toBeGreaterThan(0.6 * last.length)
  })

  it('far too high a rate ends the plain net: it says at which step, and stays as it is', () => {
    const { trainer } = run({ lr: 10, depth: 4 }, 40)
    const { plain, norm } = trainer.progress().diverged
    expect(plain).toBeGreaterThan(0)
    expect(norm).toBeUndefined()
  })
})
