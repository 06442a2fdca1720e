import { arange, data, fit, hashState, manualSeed, nn, optim, type Tensor, tensor } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectClose } from '../support/all-close.js'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

const values = (x: Tensor | null) => [...(x?.toFloat32Array() ?? [])]

describe('Embedding', () => {
  it('gives the rows of its weight, for indices of any shape', () => {
    const layer = new nn.Embedding(5, 3)
    layer.loadStateDict({
      weight: tensor(
        Float32Array.from({ length: 15 }, (_, i) => i),
        { shape: [5, 3] },
      ),
    })
    expect(layer.forward(tensor([4, 0])).toArray()).toEqual([
      [12, 13, 14],
      [0, 1, 2],
    ])
    expect(layer.forward(tensor(2)).toArray()).toEqual([6, 7, 8])
    expect(
      layer.forward(
        tensor([
          [0, 1],
          [2, 3],
        ]),
      ).shape,
    ).toEqual([2, 2, 3])
    expect(layer.forward(tensor([])).shape).toEqual([0, 3])
  })

  it('starts normal, and has PyTorch’s name in the state dict', () => {
    manualSeed(0)
    const layer = new nn.Embedding(100, 100)
    const all = values(layer.weight)
    const mean = all.reduce((sum, v) => sum + v, 0) / all.length
    const variance = all.reduce((sum, v) => sum + (v - mean) ** 2, 0) / all.length
    expect(Math.abs(mean)).toBeLessThan(0.05)
    expect(Math.abs(variance - 1)).toBeLessThan(0.05)
    expect(Object.keys(layer.stateDict())).toEqual(['weight'])
    expect(String(new nn.Embedding(10, 3))).toBe('Embedding(10, 3)')
    expect(String(new nn.Embedding(10, 3, { paddingIdx: -1 }))).toBe('Embedding(10, 3, paddingIdx=9)')
  })

  // As torch.nn.Embedding(4, 2, max_norm=1.5, norm_type=p, scale_grad_by_freq=True) gives them.
  it.each([
    [2, [0.9, 1.2, -0.9, 1.2]],
    [1, [0.6428571343, 0.8571428657, -0.6428571343, 0.8571428657]],
    [3, [1.0004576445, 1.3339434862, -1.0004575253, 1.333943367]],
  ])('scales rows that are looked up to a largest norm, in the weight: p = %d', (normType, [a, b, c, d]) => {
    const layer = new nn.Embedding(4, 2, { maxNorm: 1.5, normType, scaleGradByFreq: true })
    const weight = [3, 4, 0.3, 0.4, -6, 8, 1, -1]
    layer.weight.copy_(tensor(weight, { shape: [4, 2] }))
    const y = layer.forward(tensor([0, 2, 0, 1]).reshape([2, 2]))
    expectClose(y, [a, b, c, d, a, b, 0.3, 0.4], { tolerance: 1e-6 })
    y.mul(arange(8).reshape([2, 2, 2]))
      .sum()
      .backward()
    expectClose(layer.weight, [a, b, 0.3, 0.4, c, d, 1, -1], { tolerance: 1e-6 })
    expect(layer.weight.grad?.toArray()).toEqual([
      [2, 3],
      [6, 7],
      [2, 3],
      [0, 0],
    ])
    // An index that is no row changes nothing.
    layer.weight.copy_(tensor(weight, { shape: [4, 2] }))
    expect(() => layer.forward(tensor([0, 4]))).toThrow(/index 1 is 4/)
    expect(values(layer.weight)).toEqual(values(tensor(weight)))
    const made = layer.weight.mul(2)
    expect(() => nn.functional.embedding(tensor([0]), made, { maxNorm: 1 })).toThrow(/an operation's result/)
  })

  it.each([true, false])('does so in fit, compiled %s, to the same bits', async (compile) => {
    const train = async (how: boolean) => {
      manualSeed(3)
      const net = new nn.Sequential(
        new nn.Embedding(5, 4, { maxNorm: 0.7, scaleGradByFreq: true, paddingIdx: 1 }),
        new nn.Flatten(),
        new nn.Linear(12, 2),
      )
      const x = tensor(Array.from({ length: 60 }, (_, i) => (i * 7) % 5)).reshape([20, 3])
      const y = tensor(Array.from({ length: 20 }, (_, i) => i % 2))
      const { reason } = await fit(net, {
        train: new data.DataLoader(new data.TensorDataset(x, y), { batchSize: 5 }),
        optimizer: new optim.SGD(net.parameters(), { lr: 0.5 }),
        loss: new nn.CrossEntropyLoss(),
        epochs: 4,
        compile: how,
      })
      return { hash: await hashState(net.stateDict()), reason }
    }
    const { hash, reason } = await train(compile)
    expect(reason === undefined).toBe(compile)
    expect(hash).toBe((await train(!compile)).hash)
  })

  it('has a padding row of 0 without a gradient, which training leaves at 0', () => {
    const layer = new nn.Embedding(4, 2, { paddingIdx: -3 })
    expect(layer.paddingIdx).toBe(1)
    expect(layer.weight.at(1).toArray()).toEqual([0, 0])
    expect(values(layer.weight).filter((v) => v === 0).length).toBe(2)
    const optimizer = new optim.SGD(layer.parameters(), { lr: 0.1 })
    layer
      .forward(tensor([1, 0, 1, 0]))
      .sum()
      .backward()
    expect(layer.weight.grad?.toArray()).toEqual([
      [2, 2],
      [0, 0],
      [0, 0],
      [0, 0],
    ])
    optimizer.step()
    expect(layer.weight.at(1).toArray()).toEqual([0, 0])
  })

  it('names the index that is no row', () => {
    const layer = new nn.Embedding(3, 2)
    expect(() =>
      layer.forward(
        tensor([
          [0, 1],
          [2, 3],
        ]),
      ),
    ).toThrow('embedding: index [1,1] is 3, expected a whole number from 0 to 2 (weight [3,2])')
  })

  it('learns in a Sequential', () => {
    manualSeed(0)
    const net = new nn.Sequential(
      new nn.Embedding(6, 8),
      new nn.Flatten(),
      new nn.Linear(16, 32),
      new nn.ReLU(),
      new nn.Linear(32, 6),
    )
    const optimizer = new optim.Adam(net.parameters(), { lr: 0.05 })
    const pairs = tensor(Array.from({ length: 36 }, (_, i) => [Math.floor(i / 6), i % 6]))
    const sums = Array.from({ length: 36 }, (_, i) => (Math.floor(i / 6) + i) % 6)
    let loss = Number.POSITIVE_INFINITY
    for (let step = 0; step < 150; step++) {
      const value = nn.functional.crossEntropy(net.forward(pairs), sums)
      optimizer.zeroGrad()
      value.backward()
      optimizer.step()
      loss = value.item()
    }
    expect(loss).toBeLessThan(0.5)
  })
})
