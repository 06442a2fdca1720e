import { manualSeed, nn, optim, type Tensor, tensor } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
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
