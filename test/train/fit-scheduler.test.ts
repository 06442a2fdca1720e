import { ArgumentError, data, fit, manualSeed, nn, optim, randn, tensor } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

function make() {
  manualSeed(0)
  const x = randn([20, 2])
  const y = tensor(Array.from({ length: 20 }, (_, i) => i % 2))
  const loader = new data.DataLoader(new data.TensorDataset(x, y), { batchSize: 5 })
  const net = new nn.Linear(2, 2)
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 })
  return { net, options: { train: loader, valid: loader, optimizer, loss: new nn.CrossEntropyLoss() } }
}

describe("fit's scheduler", () => {
  it('is stepped once an epoch', async () => {
    const { net, options } = make()
    const scheduler = new optim.lrScheduler.ExponentialLR(options.optimizer, 0.5)
    const rates: number[] = []
    await fit(net, { ...options, scheduler, epochs: 3, onEpoch: () => void rates.push(options.optimizer.lr) })
    expect(rates).toEqual([0.05, 0.025, 0.0125])
  })

  it('ReduceLROnPlateau goes by the validation loss', async () => {
    const { net, options } = make()
    // Nothing counts as better, but for the first.
    const plateau = { patience: 0, threshold: 1000, thresholdMode: 'abs', factor: 0.5 } as const
    const scheduler = new optim.lrScheduler.ReduceLROnPlateau(options.optimizer, plateau)
    const { epochs } = await fit(net, { ...options, scheduler, epochs: 3 })
    expect(options.optimizer.lr).toBe(0.025)
    expect(scheduler.stateDict().best).toBe(epochs[0].validLoss)
  })

  it('is refused where it is none, of another optimizer, or lacks what it goes by', async () => {
    const { net, options } = make()
    const other = new optim.lrScheduler.StepLR(make().options.optimizer, 1)
    const plateau = new optim.lrScheduler.ReduceLROnPlateau(options.optimizer)
    const refused = (change: object) => expect(fit(net, { ...options, ...change })).rejects
    await refused({ scheduler: {} }).toThrow(/fit: scheduler is one of optim.lrScheduler/)
    await refused({ scheduler: other }).toThrow(/fit: the scheduler is of another optimizer/)
    await refused({ scheduler: plateau, valid: undefined }).toThrow(ArgumentError)
    await refused({ scheduler: plateau, valid: undefined }).toThrow(/ReduceLROnPlateau.*valid/)
  })
})
