/** Data sets of a user's own class. */
import { ArgumentError, data, fit, manualSeed, nn, optim, type Tensor, tensor } from 'simdgrad'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'

const { collate, DataLoader, IterableDataset } = data

beforeAll(initForTest)
beforeEach(() => manualSeed(0))

const count = (n: number) => Array.from({ length: n }, (_, i) => i)

class Squares {
  readonly length = 10
  asked: number[] = []
  get(i: number): [Float32Array, number] {
    this.asked.push(i)
    return [Float32Array.of(i, i * i), i % 2]
  }
}

describe('a length and a get', () => {
  it('are enough', () => {
    const set = new Squares()
    const batches = Array.from(new DataLoader(set, { batchSize: 4 }), ([x, y]) => [x.toArray(), y.toArray()])
    expect(batches).toEqual([
      [
        [
          [0, 0],
          [1, 1],
          [2, 4],
          [3, 9],
        ],
        [0, 1, 0, 1],
      ],
      [
        [
          [4, 16],
          [5, 25],
          [6, 36],
          [7, 49],
        ],
        [0, 1, 0, 1],
      ],
      [
        [
          [8, 64],
          [9, 81],
        ],
        [0, 1],
      ],
    ])
    expect(set.asked).toEqual(count(10))
  })

  it('train a net, also as promises', async () => {
    const set = new Squares()
    const later = { length: 10, get: async (i: number) => set.get(i) }
    const losses = []
    for (const dataset of [set, later]) {
      manualSeed(1)
      const net = new nn.Linear(2, 2)
      const { epochs } = await fit(net, {
        train: new DataLoader(dataset, { batchSize: 4, shuffle: true }),
        valid: new DataLoader(dataset, { batchSize: 5 }),
        optimizer: new optim.SGD(net.parameters(), { lr: 1e-4 }),
        loss: new nn.CrossEntropyLoss(),
        epochs: 3,
      })
      losses.push(epochs.map(({ trainLoss, validLoss }) => [trainLoss, validLoss]))
    }
    expect(losses[1]).toEqual(losses[0])
  })

  it('are asked in the order of the pass', () => {
    const set = new Squares()
    const seen = Array.from(new DataLoader(set, { batchSize: 3, shuffle: true }), ([x]) =>
      (x.toArray() as number[][]).map(([i]) => i),
    )
    expect(set.asked).toEqual(seen.flat())
    expect(set.asked).not.toEqual(count(10))
  })
})

describe('getBatch', () => {
  it('is asked in place of get, with the indices of the batch', () => {
    const asked: number[][] = []
    const set = {
      length: 5,
      get: () => expect.fail('was asked'),
      getBatch(indices: Int32Array) {
        asked.push([...indices])
        return { x: tensor([...indices]), names: ['a'] }
      },
    }
    const batches = [...new DataLoader(set as data.Dataset<{ x: number }>, { batchSize: 2 })]
    expect(asked).toEqual([[0, 1], [2, 3], [4]])
    expect(batches.map(({ x }) => x.toArray())).toEqual(asked)
  })

  it('is not asked where the samples are collated in another way', () => {
    const set = { length: 4, get: (i: number) => i, getBatch: () => expect.fail('was asked') }
    const sums = new DataLoader(set as data.Dataset<number>, {
      batchSize: 2,
      collate: (samples) => samples.reduce((a, b) => a + b),
    })
    expect([...sums]).toEqual([1, 5])
  })

  it("of a class that extends one of the library's is the one that counts", () => {
    class Doubled extends data.TensorDataset {
      override get(i: number): Tensor[] {
        return super.get(i).map((x) => x.mul(2))
      }
    }
    class Tripled extends data.TensorDataset {
      override getBatch(indices: Int32Array): Tensor[] {
        return super.getBatch(indices).map((x) => x.mul(3))
      }
    }
    const of = (set: data.Dataset<Tensor[]>) =>
      Array.from(new DataLoader(set, { batchSize: 3 }), ([x]) => x.toArray())
    expect(of(new Tripled(tensor([1, 2, 3])))).toEqual([[3, 6, 9]])
    expect(new Doubled(tensor([1, 2, 3])).get(1)[0].toArray()).toBe(4)
  })
})

describe('samples that are promises', () => {
  const timed = (log: string[]) => ({
    length: 8,
    get: async (i: number) => {
      log.push(`asked ${i}`)
      await new Promise((resolve) => setTimeout(resolve, 1))
      return i
    },
  })

  it('are asked for ahead while the loop works on a batch', async () => {
    for (const [prefetch, first] of [
      [0, 2],
      [1, 4],
      [2, 6],
      [9, 8],
    ]) {
      const log: string[] = []
      for await (const _ of new DataLoader(timed(log), { batchSize: 2, prefetch })) {
        expect(log).toHaveLength(first)
        break
      }
    }
    const log: string[] = []
    const seen = []
    for await (const x of new DataLoader(timed(log), { batchSize: 2, prefetch: 3 })) seen.push(x.toArray())
    expect(seen).toEqual([
      [0, 1],
      [2, 3],
      [4, 5],
      [6, 7],
    ])
    expect(log).toEqual(count(8).map((i) => `asked ${i}`))
  })

  it('fail at their turn, not before, and unseen ones disturb nobody', async () => {
    for (const fails of [
      async (i: number) => Promise.reject(new Error(`no ${i}`)),
      (i: number) => {
        throw new Error(`no ${i}`)
      },
    ]) {
      const set = { length: 6, get: (i: number) => (i === 3 ? fails(i) : Promise.resolve(i)) }
      const seen: unknown[] = []
      const pass = async () => {
        for await (const x of new DataLoader(set, { batchSize: 1, prefetch: 4 })) seen.push(x.toArray())
      }
      await expect(pass()).rejects.toThrow('no 3')
      expect(seen).toEqual([[0], [1], [2]])
      for await (const _ of new DataLoader(set, { batchSize: 1, prefetch: 4 })) break
    }
  })
})

describe('collate', () => {
  it('makes tensors of what stands at one place', () => {
    const samples = count(3).map((i) => ({
      image: new Uint8Array([i, 255]),
      boxes: [
        [i, 1],
        [2, 3],
      ],
      more: [tensor([[i]]), { label: i, name: `n${i}` }],
    }))
    const { image, boxes, more } = collate(samples) as { image: Tensor; boxes: Tensor; more: unknown[] }
    expect(image.toArray()).toEqual([
      [0, 255],
      [1, 255],
      [2, 255],
    ])
    expect(boxes.shape).toEqual([3, 2, 2])
    expect((more[0] as Tensor).shape).toEqual([3, 1, 1])
    const { label, name } = more[1] as { label: Tensor; name: string[] }
    expect(label.toArray()).toEqual([0, 1, 2])
    expect(name).toEqual(['n0', 'n1', 'n2'])
  })

  it('takes an array at the top for a tuple, and within for a tensor', () => {
    const [x, y] = collate([
      [1, 2],
      [3, 4],
    ])
    expect([x.toArray(), y.toArray()]).toEqual([
      [1, 3],
      [2, 4],
    ])
    const [inner] = collate([[[1, 2]], [[3, 4]]])
    expect(inner.toArray()).toEqual([
      [1, 2],
      [3, 4],
    ])
  })

  it('keeps odd names as they are, and pollutes nothing', () => {
    const samples = [JSON.parse('{"__proto__": 1, "x": 2}'), JSON.parse('{"__proto__": 3, "x": 4}')]
    const batch = collate(samples) as unknown as Record<string, Tensor>
    expect(Object.keys(batch)).toEqual(['__proto__', 'x'])
    expect(Object.getPrototypeOf(batch)).toBe(Object.prototype)
    expect((Object.getOwnPropertyDescriptor(batch, '__proto__')?.value as Tensor).toArray()).toEqual([1, 3])
  })

  it('needs samples', () => {
    expect(() => collate([])).toThrow(ArgumentError)
    expect(() => collate([])).toThrow('no samples')
  })
})

describe('IterableDataset', () => {
  const numbers = (n: number) => () => count(n).map((i) => [i])
  const pass = (loader: data.DataLoader<unknown, Tensor[]>) =>
    Array.from(loader, ([x]) => x.toArray() as number[])

  it('goes through what its function gives, anew for each pass', () => {
    const loader = new DataLoader(new IterableDataset(numbers(5)), { batchSize: 2 })
    expect(loader.length).toBeNaN()
    for (let i = 0; i < 2; i++) expect(pass(loader)).toEqual([[0, 1], [2, 3], [4]])
    const short = new DataLoader(new IterableDataset(numbers(5), { length: 5 }), {
      batchSize: 2,
      dropLast: true,
    })
    expect(short.length).toBe(2)
    expect(pass(short)).toEqual([
      [0, 1],
      [2, 3],
    ])
  })

  it('shuffles within its buffer, by seed and pass', () => {
    const make = (seed: number) =>
      new DataLoader(new IterableDataset(numbers(2000), { shuffleBuffer: 100 }), { batchSize: 50, seed })
    const [a, b] = [make(1), make(1)]
    const passes = [pass(a).flat(), pass(a).flat()]
    expect([pass(b).flat(), pass(b).flat()]).toEqual(passes)
    expect(pass(make(2)).flat()).not.toEqual(passes[0])
    expect(passes[0]).not.toEqual(passes[1])
    for (const order of passes) {
      expect(order.toSorted((x, y) => x - y)).toEqual(count(2000))
      // Nobody comes before the buffer could have held him.
      expect(order.every((i, at) => i <= at + 100)).toBe(true)
      expect(order.filter((i, at) => i === at).length).toBeLessThan(100)
    }
  })

  it('tells its source that nobody wants more', () => {
    let ended = 0
    const source = function* () {
      try {
        for (;;) yield [1]
      } finally {
        ended++
      }
    }
    for (const _ of new DataLoader(new IterableDataset(source))) break
    expect(ended).toBe(1)
  })

  it('trains a net from a stream', async () => {
    async function* rows() {
      for (let i = 0; i < 50; i++) yield [[i / 50, 1], [i / 25]]
    }
    const net = new nn.Linear(2, 1)
    const { epochs } = await fit(net, {
      train: new DataLoader(new IterableDataset(rows, { shuffleBuffer: 20 }), { batchSize: 8 }),
      optimizer: new optim.Adam(net.parameters(), { lr: 0.05 }),
      loss: new nn.MSELoss(),
      epochs: 20,
    })
    expect(epochs.at(-1)?.trainLoss).toBeLessThan(0.02)
  })

  it('refuses what can not be gone through', () => {
    expect(() => new IterableDataset([1] as never)).toThrow(/expected a function that gives the samples/)
    expect(() => pass(new DataLoader(new IterableDataset((() => 5) as never)))).toThrow(/and it gave 5/)
    expect(() => new IterableDataset(numbers(1), { shuffleBuffer: -1 })).toThrow(ArgumentError)
    expect(() => new DataLoader(new IterableDataset(numbers(1)), { shuffle: true })).toThrow(/shuffleBuffer/)
  })
})

describe('a sampler', () => {
  it('says which samples, and in which order', () => {
    const loader = new DataLoader(new Squares(), { batchSize: 2, sampler: [3, 3, 9] })
    expect(loader.length).toBe(2)
    expect(Array.from(loader, ([x]) => x.toArray())).toEqual([
      [
        [3, 9],
        [3, 9],
      ],
      [[9, 81]],
    ])
  })

  it('gives indices of the set alone', () => {
    for (const bad of [10, -1, 0.5, Number.NaN, '1']) {
      expect(() => [...new DataLoader(new Squares(), { sampler: [0, bad as number] })]).toThrow(ArgumentError)
    }
    expect(() => new DataLoader(new Squares(), { sampler: 5 as never })).toThrow(/sampler is an iterable/)
    expect(() => new DataLoader(new Squares(), { sampler: [1], shuffle: true })).toThrow(/sampler/)
  })
})
