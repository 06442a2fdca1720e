import { nn, noGrad, optim } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { BINS, CHANNELS, RANGE, RATES } from '../../web-demo/src/protocol.js'
import { DEFAULTS } from '../../web-demo/src/settings.js'
import { drawingOf } from '../../web-demo/src/worker/drawing.js'
import {
  histogram,
  logitsInTraining,
  look,
  numbersOf,
  statisticsOf,
} from '../../web-demo/src/worker/inspect.js'
import { slopeOf } from '../../web-demo/src/worker/slope.js'
import { Trainer } from '../../web-demo/src/worker/trainer.js'
import { initForTest } from '../support/init.js'
import { digits, run, stateOf } from './training.js'

beforeAll(initForTest)

describe('looking into a net', () => {
  it('changes nothing of it', () => {
    const { trainer } = run({ net: 'conv', depth: 2, batch: 8 }, 2)
    const { net } = trainer.trainees.norm
    const before = stateOf(net)
    const { x } = trainer.stream.test.batch([0, 1, 2, 3])
    look(net, x, true)
    look(net, x, false)
    numbersOf(net, x, 0, 1)
    slopeOf(net, trainer.stream.train.batch([0, 1, 2, 3]))
    drawingOf(net, 'norm', trainer.stream.train.batch([0, 1, 2, 3]), 1)
    noGrad(() => logitsInTraining(net, x))
    statisticsOf(net, x, 1)
    expect(stateOf(net)).toEqual(before)
    expect(net.training).toBe(true)
  })

  it('counts values in bins', () => {
    const values = digits().test.batch([0]).x.toFloat32Array()
    const black = values.filter((value) => value === -1).length
    const bytes = histogram(values)
    expect(bytes.length).toBe(BINS)
    // More than a quarter of a digit's pixels are −1.
    expect(black / values.length).toBeGreaterThan(0.25)
    expect(bytes[Math.floor(((-1 + RANGE) / (2 * RANGE)) * BINS)]).toBe(255)
    expect(bytes[0]).toBe(0)
  })

  it('sees what goes into the norms and into the ReLUs, in the mode that is asked for', () => {
    const { trainer } = run({ depth: 2 }, 3)
    const { net } = trainer.trainees.norm
    const { x } = trainer.stream.test.batch(Array.from({ length: 50 }, (_, i) => i))
    const [training, evaluation] = [look(net, x, true), look(net, x, false)]
    // γ and β have hardly moved after three steps: batch norm gives deviation 1, its running statistics do not yet.
    for (const value of training.deviation) expect(value).toBeCloseTo(1, 1)
    expect(Math.abs(evaluation.deviation[0] - 1)).toBeGreaterThan(0.1)
    const before = noGrad(() => net.modules[1].forward(x.flatten(1))).toFloat32Array()
    expect(training.before.slice(0, BINS)).toEqual(histogram(before))
    expect(training.after.slice(0, BINS)).not.toEqual(training.before.slice(0, BINS))
    const plain = look(trainer.trainees.plain.net, x, true)
    expect(plain.after).toEqual(plain.before)
  })

  it('knows each batch’s statistics from the running ones', () => {
    const trainer = new Trainer({ ...DEFAULTS, depth: 2 }, digits())
    let point = trainer.next()
    for (let i = 0; i < 5; i++) point = trainer.next()
    // Before the step the weights were others: a second net is taken to where they were.
    const other = new Trainer({ ...DEFAULTS, depth: 2 }, digits())
    for (let i = 0; i < 5; i++) other.next()
    const statistics = trainer.last && statisticsOf(other.trainees.norm.net, trainer.last.x, 1)
    for (let c = 0; c < CHANNELS; c++) {
      expect(point?.running?.batchMean[CHANNELS + c]).toBeCloseTo(statistics?.batchMean[c] ?? Number.NaN, 4)
      expect(point?.running?.batchVar[CHANNELS + c]).toBeCloseTo(statistics?.batchVar[c] ?? Number.NaN, 4)
    }
  })

  it('measures the loss along the gradient', () => {
    const { trainer } = run({ depth: 1, lr: 0.1 }, 3)
    const { net } = trainer.trainees.plain
    const batch = trainer.stream.train.batch([5, 6, 7, 8])
    const { gradients, losses } = slopeOf(net, batch)
    const criterion = new nn.CrossEntropyLoss()
    const loss = () => criterion.forward(net.forward(batch.x), batch.y)
    expect(losses[0]).toBeCloseTo(loss().item(), 5)
    const optimizer = new optim.SGD(net.parameters(), { lr: RATES[4] })
    loss().backward()
    const [first] = net.parameters()
    const size = Math.sqrt(
      (first.grad?.toFloat32Array() ?? new Float32Array(0)).reduce((sum, g) => sum + g * g, 0),
    )
    expect(gradients[0]).toBeCloseTo(size, 4)
    optimizer.step()
    expect(losses[4]).toBeCloseTo(loss().item(), 4)
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

describe('a checkpoint', () => {
  it.each([
    {},
    { optimizer: 'adam', lr: 0.001, norm: 'group' },
    { net: 'conv', depth: 1, batch: 8 },
  ] as const)('goes on where training was, to the bit (%j)', (changed) => {
    const { trainer } = run(changed, 5)
    const checkpoint = structuredClone(trainer.checkpoint(undefined))
    const other = new Trainer({ ...DEFAULTS, ...changed }, digits())
    other.restore(checkpoint)
    for (let i = 0; i < 3; i++) {
      trainer.next()
      other.next()
    }
    expect([other.step, other.epoch, other.seen]).toEqual([trainer.step, trainer.epoch, trainer.seen])
    for (const side of ['norm', 'plain'] as const) {
      expect(stateOf(other.trainees[side].net)).toEqual(stateOf(trainer.trainees[side].net))
    }
  })
})

describe('the notebook’s traps', () => {
  it('biased: with batches of 2 the running variance takes in half of the unbiased one', () => {
    const at = (variance: 'biased' | 'unbiased') => {
      const trainer = new Trainer({ ...DEFAULTS, batch: 2, momentum: 1, variance }, digits())
      trainer.next()
      return trainer.next()?.running
    }
    const [biased, unbiased] = [at('biased'), at('unbiased')]
    for (let c = 0; c < CHANNELS; c++) {
      const [half, whole] = [biased?.runningVar[c] ?? Number.NaN, unbiased?.runningVar[c] ?? Number.NaN]
      expect(half / whole).toBeCloseTo(0.5, 5)
      expect(biased?.batchVar[c]).toBeCloseTo(whole, 5)
    }
  })

  it('in the graph: each step holds on to all before it, until it is let go', () => {
    const { points, trainer } = run({ graph: 'in', depth: 1 }, 30)
    const held = points.map((point) => point.held?.operations ?? 0)
    expect(held.at(-1)).toBeGreaterThanOrEqual(4 * 30)
    expect(held.every((operations, i) => i === 0 || operations > held[i - 1] || operations === 0)).toBe(true)
    trainer.change({ ...trainer.settings, graph: 'out' })
    trainer.change({ ...trainer.settings, graph: 'in' })
    expect(trainer.point(false).held?.operations).toBe(0)
  })
})
