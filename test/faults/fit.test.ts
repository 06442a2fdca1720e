/**
 * Loops that share a net refuse each other (fault 8), figures that have no meaning are not there (fault 10), and a loop of
 * many short epochs lets the event loop turn (fault 17).
 */
import {
  ArgumentError,
  data,
  fit,
  manualSeed,
  nn,
  optim,
  randn,
  recalibrate,
  type Tensor,
  tensor,
} from 'simdgrad'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)
beforeEach(() => manualSeed(0))

/** A net that writes down the mode that it computes in. */
class Watched extends nn.Module {
  inner = new nn.Sequential(new nn.Linear(4, 16), new nn.BatchNorm1d(16), new nn.ReLU(), new nn.Linear(16, 2))
  modes: boolean[] = []

  override forward(x: Tensor): Tensor {
    this.modes.push(this.training && this.inner.modules.every((module) => module.training))
    return this.inner.forward(x)
  }
}

const labels = (n: number) => tensor(Array.from({ length: n }, (_, i) => i % 2))
const loader = (n: number, batchSize = 10) =>
  new data.DataLoader(new data.TensorDataset(randn([n, 4]), labels(n)), { batchSize })

/** What `fit` takes for a net. */
const optionsFor = (net: nn.Module, n = 400) => ({
  train: loader(n),
  valid: loader(40),
  optimizer: new optim.SGD(net.parameters(), { lr: 0.01 }),
  loss: new nn.CrossEntropyLoss(),
})

/** What a promise came to: 'done', or its error. */
const settled = (promise: Promise<unknown>) =>
  promise.then(
    () => 'done',
    (error: unknown) => error,
  )

describe('two loops of one net at once', () => {
  it('are refused: the second fit throws, the first trains as if alone', async () => {
    const net = new Watched()
    const options = { ...optionsFor(net), epochs: 3 }
    const first = settled(fit(net, options))
    const second = await settled(fit(net, options))
    expect(await first).toBe('done')
    expect(second).toBeInstanceOf(ArgumentError)
    expect(String(second)).toMatch(/fit/)
    const epoch = [...new Array(40).fill(true), ...new Array(4).fill(false)]
    expect(net.modes).toEqual([...epoch, ...epoch, ...epoch])
    expect(net.training).toBe(true)
  })

  it('are refused while the first is amid its epochs', async () => {
    const net = new Watched()
    const options = optionsFor(net)
    let second: unknown
    await fit(net, {
      ...options,
      epochs: 2,
      onEpoch: async ({ epoch }) => {
        if (epoch === 0) second = await settled(fit(net, options))
      },
    })
    expect(second).toBeInstanceOf(ArgumentError)
    expect(net.modes).toHaveLength(88)
  })

  it('are refused where the second net holds the first one', async () => {
    const net = new Watched()
    const whole = new nn.Sequential(net, new nn.Linear(2, 2))
    const first = settled(fit(net, { ...optionsFor(net), epochs: 2 }))
    expect(await settled(fit(whole, optionsFor(whole)))).toBeInstanceOf(ArgumentError)
    expect(await first).toBe('done')
    expect(net.modes.filter((mode) => !mode)).toHaveLength(8)
  })

  it('are refused where the second net is a part of the first one', async () => {
    const net = new Watched()
    const first = settled(fit(net, { ...optionsFor(net), epochs: 2 }))
    expect(await settled(fit(net.inner, optionsFor(net.inner)))).toBeInstanceOf(ArgumentError)
    expect(await first).toBe('done')
    expect(net.modes.filter((mode) => !mode)).toHaveLength(8)
  })

  it('are refused where the second recalibrates', async () => {
    const net = new Watched()
    const first = settled(fit(net, { ...optionsFor(net), epochs: 2 }))
    const second = settled(recalibrate(net, loader(40)))
    expect(await second).toBeInstanceOf(ArgumentError)
    expect(await first).toBe('done')
    // Counted up by each training step, and not put back in between.
    expect(net.stateDict()['inner.1.num_batches_tracked'].item()).toBe(80)
  })
})

describe('loops that may run', () => {
  it('are those of two nets at once', async () => {
    const nets = [new Watched(), new Watched()]
    const both = await Promise.all(nets.map((net) => settled(fit(net, { ...optionsFor(net), epochs: 2 }))))
    expect(both).toEqual(['done', 'done'])
    for (const { modes } of nets) expect(modes.filter((mode) => !mode)).toHaveLength(8)
  })

  it('are those of one net one after the other, also after one that failed or was aborted', async () => {
    const net = new Watched()
    const options = optionsFor(net)
    expect(await settled(fit(net, options))).toBe('done')
    const failing = fit(net, {
      ...options,
      onEpoch: () => {
        throw new RangeError('mine')
      },
    })
    expect(await settled(failing)).toBeInstanceOf(RangeError)
    expect(await settled(fit(net, { ...options, signal: AbortSignal.abort() }))).toBe('done')
    expect(await settled(fit(net, { ...options, loss: { forward: () => tensor(Number.NaN) } }))).not.toBe(
      'done',
    )
    expect(await settled(recalibrate(net, loader(40)))).toBe('done')
    expect(await settled(fit(net, options))).toBe('done')
  })
})

describe('accuracy, where outputs are no logits of classes', () => {
  /** The mean square of the difference, of [N, 1] and [N] too. */
  const squares = {
    forward: (y: Tensor, target: Tensor) =>
      y
        .reshape([-1])
        .sub(target.reshape([-1]))
        .pow(2)
        .mean(),
  }

  const run = async (outputs: number, targets: Tensor, net: nn.Module = new nn.Linear(4, outputs)) => {
    const set = new data.TensorDataset(randn([20, 4]), targets)
    const [result] = (
      await fit(net, {
        train: new data.DataLoader(set, { batchSize: 5 }),
        valid: new data.DataLoader(set, { batchSize: 5 }),
        optimizer: new optim.SGD(net.parameters(), { lr: 0.001 }),
        loss: squares,
      })
    ).epochs
    expect(result.trainLoss).toBeGreaterThan(0)
    return [result.trainAcc, result.validAcc]
  }

  it('is not there for one output and numbers to approach', async () => {
    expect(await run(1, randn([20]))).toEqual([undefined, undefined])
  })

  it('is not there for one output and classes 0 and 1, of which a loss of the user says no threshold', async () => {
    expect(await run(1, labels(20))).toEqual([undefined, undefined])
  })

  it('is not there for as many targets as outputs', async () => {
    expect(await run(3, randn([20, 3]))).toEqual([undefined, undefined])
    expect(await run(1, randn([20, 1]))).toEqual([undefined, undefined])
  })

  it('is not there for several outputs and numbers that are no classes', async () => {
    const net = new nn.Linear(4, 3)
    const set = new data.TensorDataset(randn([20, 4]), randn([20]))
    const [result] = (
      await fit(net, {
        train: new data.DataLoader(set, { batchSize: 5 }),
        optimizer: new optim.SGD(net.parameters(), { lr: 0.001 }),
        loss: { forward: (y, target) => y.mean({ dim: 1 }).sub(target).pow(2).mean() },
      })
    ).epochs
    expect(result.trainAcc).toBeUndefined()
  })
})

/**
 * Each batch takes 3 ms, on a clock that nothing else moves: of epochs of one batch, none is long enough to be
 * interrupted, and what the machine does besides does not count.
 */
class Slow extends nn.Module {
  inner = new nn.Linear(4, 2)

  override forward(x: Tensor): Tensor {
    clock += 3
    return this.inner.forward(x)
  }
}
let clock = 0

describe('many short epochs', () => {
  beforeEach(() => {
    vi.spyOn(performance, 'now').mockImplementation(() => clock)
    vi.spyOn(Date, 'now').mockImplementation(() => clock)
  })
  afterEach(() => vi.restoreAllMocks())

  /** Turns of the event loop while something runs; there should be one in each 20 ms or so. */
  async function turnsDuring(run: () => Promise<unknown>): Promise<{ turns: number; elapsed: number }> {
    const start = clock
    let turns = 0
    let handle = setImmediate(function turn() {
      turns++
      handle = setImmediate(turn)
    })
    await run()
    clearImmediate(handle)
    return { turns, elapsed: clock - start }
  }

  const slow = () => {
    const net = new Slow()
    return { net, options: { ...optionsFor(net, 10), valid: undefined } }
  }

  it('let the event loop turn', async () => {
    const { net, options } = slow()
    const { turns, elapsed } = await turnsDuring(() => fit(net, { ...options, epochs: 100 }))
    expect(elapsed).toBe(300)
    expect(turns).toBeGreaterThan(10)
  })

  it('let it turn with validation, of which each pass is short', async () => {
    const { net, options } = slow()
    const { turns } = await turnsDuring(() => fit(net, { ...options, valid: loader(10), epochs: 50 }))
    expect(turns).toBeGreaterThan(10)
  })

  it('let it turn where onEpoch is awaited, which alone turns nothing', async () => {
    const { net, options } = slow()
    const onEpoch = async () => {}
    const { turns } = await turnsDuring(() => fit(net, { ...options, epochs: 100, onEpoch }))
    expect(turns).toBeGreaterThan(10)
  })

  it('let it turn where each is a fit of its own', async () => {
    const { net, options } = slow()
    const { turns } = await turnsDuring(async () => {
      for (let i = 0; i < 100; i++) await fit(net, options)
    })
    expect(turns).toBeGreaterThan(10)
  })

  it('let it turn where running statistics are computed anew again and again', async () => {
    const net = new nn.Sequential(new Slow(), new nn.BatchNorm1d(2))
    const { turns } = await turnsDuring(async () => {
      for (let i = 0; i < 100; i++) await recalibrate(net, loader(10))
    })
    expect(turns).toBeGreaterThan(10)
  })

  it('can be aborted from outside', async () => {
    const { net, options } = slow()
    const controller = new AbortController()
    setImmediate(() => controller.abort())
    const history = await fit(net, { ...options, epochs: 400, signal: controller.signal })
    expect(history.aborted).toBe(true)
    expect(history.epochs.length).toBeLessThan(100)
  })

  it('do not turn it at each of them: that would take longer than the work', async () => {
    const { net, options } = slow()
    const { turns } = await turnsDuring(() => fit(net, { ...options, epochs: 100 }))
    expect(turns).toBeLessThan(100)
  })
})
