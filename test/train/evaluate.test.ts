import {
  ArgumentError,
  data,
  evaluate,
  fit,
  manualSeed,
  metrics,
  nn,
  noGrad,
  optim,
  ShapeError,
  type Tensor,
  tensor,
} from 'simdgrad'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { expectClose } from '../support/all-close.js'
import { initForTest } from '../support/init.js'
import { Random } from '../support/random.js'

beforeAll(initForTest)
beforeEach(() => manualSeed(0))

function make(n = 50) {
  const random = new Random(1)
  const labels = Array.from({ length: n }, (_, i) => i % 3)
  const points = labels.map((label) => [random.normal() + label, random.normal()])
  const net = new nn.Sequential(
    new nn.Linear(2, 8),
    new nn.BatchNorm1d(8),
    new nn.Dropout(0.5),
    new nn.Linear(8, 3),
  )
  const set = new data.TensorDataset(tensor(points), tensor(labels))
  return { net, set, loader: new data.DataLoader(set, { batchSize: 16 }) }
}

describe('evaluate', () => {
  it('gives figures by name, in evaluation mode, and leaves every mode as it was', async () => {
    const { net, set, loader } = make()
    net.modules[1].eval()
    const modes = net.namedModules().map(([, module]) => module.training)
    const loss = new nn.CrossEntropyLoss()
    const result = await evaluate(net, loader, {
      loss,
      accuracy: new metrics.Accuracy(),
      matrix: new metrics.ConfusionMatrix(),
    })
    expect(net.namedModules().map(([, module]) => module.training)).toEqual(modes)
    net.eval()
    const [x, y] = set.tensors
    const whole = noGrad(() => net.forward(x))
    expectClose([result.loss], [loss.forward(whole, y).item()], { tolerance: 1e-6 })
    expect(result.accuracy).toBe(nn.functional.correct(whole, y) / 50)
    expect(result.matrix.flat().reduce((a, b) => a + b)).toBe(50)
    // Once more: nothing is left of the first time.
    const metric = new metrics.Accuracy()
    for (let i = 0; i < 2; i++) expect((await evaluate(net, loader, { metric })).metric).toBe(result.accuracy)
  })

  it('takes batches of a user’s own, also those that come later, and targets beside the first', async () => {
    const { net, set } = make(6)
    const [x, y] = set.tensors
    async function* later() {
      yield [x, y, tensor([1, 0, 0, 0, 0, 0])]
    }
    const loss = new nn.WeightedLoss(new nn.CrossEntropyLoss({ reduction: 'none' }))
    const first = await evaluate(net, later(), { loss })
    net.eval()
    const expected = nn.functional.crossEntropy(net.forward(x), y, { reduction: 'none' }).toFloat32Array()[0]
    expectClose([first.loss], [expected], { tolerance: 1e-6 })
  })

  it('keeps what a metric of a user’s own is given', async () => {
    const { net, loader } = make()
    const seen: Tensor[] = []
    const mine = {
      reset() {},
      update: (p: Tensor, t: Tensor) => void seen.push(p, t),
      compute: () => seen.length,
    }
    expect(await evaluate(net, loader, { mine })).toEqual({ mine: 8 })
    expect(seen.map((x) => x.toFloat32Array().length)).toEqual([48, 16, 48, 16, 48, 16, 6, 2])
  })

  it('ends with the signal’s reason', async () => {
    const { net, loader } = make()
    const run = evaluate(
      net,
      loader,
      { a: new metrics.Accuracy() },
      { signal: AbortSignal.abort(new RangeError('mine')) },
    )
    await expect(run).rejects.toThrow(RangeError)
    expect(net.training).toBe(true)
  })

  it('refuses a net that is being trained, data without a batch, and a loss of many numbers', async () => {
    const { net, set, loader } = make()
    let inside: Promise<unknown> | undefined
    const { epochs } = await fit(net, {
      train: loader,
      optimizer: new optim.SGD(net.parameters(), { lr: 0.1 }),
      loss: new nn.CrossEntropyLoss(),
      onEpoch: () => {
        inside = evaluate(net, loader, {}).catch((error: unknown) => error)
      },
    })
    expect(epochs).toHaveLength(1)
    expect(await inside).toBeInstanceOf(ArgumentError)
    await expect(evaluate(net, [], {})).rejects.toThrow(/no batch/)
    const each = { loss: new nn.CrossEntropyLoss({ reduction: 'none' }) }
    await expect(evaluate(net, new data.DataLoader(set, { batchSize: 5 }), each)).rejects.toThrow(ShapeError)
  })
})
