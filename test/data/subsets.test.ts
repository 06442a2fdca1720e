/** Sets made of others. */
import { ArgumentError, arange, data, manualSeed, type Tensor, tensor } from 'simdgrad'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'

const { ConcatDataset, DataLoader, randomSplit, Subset, TensorDataset, WeightedRandomSampler } = data

beforeAll(initForTest)
beforeEach(() => manualSeed(0))

const count = (n: number, from = 0) => Array.from({ length: n }, (_, i) => from + i)
const numbers = (n: number, from = 0) => new TensorDataset(arange(from, from + n), arange(n).reshape([n, 1]))
const own = (n: number, from = 0) => ({ length: n, get: (i: number) => [from + i, [i]] })
const later = (n: number, from = 0) => ({ length: n, get: async (i: number) => [from + i, [i]] })
const images = (n: number) =>
  new data.ImageDataset(
    { shape: [n, 2, 2], data: Uint8Array.from(count(4 * n)) },
    { shape: [n], data: Uint8Array.from(count(n)) },
  )
const pass = (loader: data.DataLoader<unknown, Tensor[]>) =>
  Array.from(loader, ([x]) => x.toArray() as number[])
const passLater = async (set: data.Dataset, options: object) => {
  const found: number[][] = []
  for await (const [x] of new DataLoader(set, options)) found.push(x.toArray() as number[])
  return found
}

describe('Subset', () => {
  it.each([
    ['tensors', numbers],
    ['a class of its own', own],
    ['promises', later],
  ])('of %s has those samples, in that order', async (_, make) => {
    const subset = new Subset<unknown>(make(10), [7, 1, 1, 9])
    expect(subset.length).toBe(4)
    expect(await passLater(subset, { batchSize: 3 })).toEqual([[7, 1, 1], [9]])
    const nested = new Subset(subset, Uint32Array.of(3, 0))
    expect(await passLater(nested, { batchSize: 2 })).toEqual([[9, 7]])
    const [x] = (await nested.getBatch(Int32Array.of(1))) as Tensor[]
    expect(x.toArray()).toEqual([7])
  })

  it('of images gives the very bits that the images give', () => {
    const set = images(6)
    const [x] = set.getBatch(Int32Array.of(4, 0))
    const [[y]] = new DataLoader(new Subset(set, [4, 0]), { batchSize: 2 })
    expect(y.toFloat32Array()).toEqual(x.toFloat32Array())
  })

  it('refuses what it can not have', () => {
    for (const bad of [[10], [-1], [0.5], ['1'], [undefined], 5, null, {}]) {
      expect(() => new Subset(numbers(10), bad as never)).toThrow(ArgumentError)
    }
    expect(() => new Subset({ length: 3 } as never, [0])).toThrow(/Subset: expected a dataset/)
    expect(() => new Subset(new data.IterableDataset(() => []) as never, [])).toThrow(/by their index/)
    expect(() => new Subset(numbers(3), [0]).get(1)).toThrow(/index 1 is out of range for 1 samples/)
  })
})

describe('the library’s sets', () => {
  const images = () =>
    new data.ImageDataset(
      { shape: [6, 4, 4], data: Uint8Array.from({ length: 96 }, (_, i) => (i * 37) % 256) },
      { shape: [6], data: Uint8Array.of(0, 1, 2, 3, 4, 5) },
      data.augment({ noise: 0.1, shift: 1 }),
    )
  type Sample = Tensor[]
  const passesOf = (set: data.Dataset<Sample>, collate?: (samples: Sample[]) => unknown) => {
    const loader = new DataLoader(set, {
      batchSize: 4,
      seed: 3,
      ...(collate && { collate: collate as never }),
    })
    return [0, 1].map(() => Array.from(loader as Iterable<unknown>))
  }

  it.each<[string, () => data.Dataset<Sample>]>([
    ['an ImageDataset', images],
    ['a Subset', () => new Subset(images(), [0, 1, 2, 3, 4, 5])],
    ['a ConcatDataset', () => new ConcatDataset([images()])],
  ])('%s hands its samples to a collate of one’s own, each as changed in this pass', (_, make) => {
    const whole = passesOf(images()) as [Tensor, Tensor][][]
    const flat = (batches: [Tensor, Tensor][]) => batches.map(([x, y]) => [x.toArray(), y.toArray()])
    expect(flat(whole[0])).not.toEqual(flat(whole[1]))
    const sizes: number[] = []
    const own = passesOf(make(), (samples) => {
      sizes.push(samples.length)
      expect(samples[0].map(({ shape }) => shape)).toEqual([[1, 4, 4], []])
      return data.collate(samples)
    }) as [Tensor, Tensor][][]
    expect(sizes).toEqual([4, 2, 4, 2])
    expect(own.map(flat)).toEqual(whole.map(flat))
    expect((passesOf(make()) as [Tensor, Tensor][][]).map(flat)).toEqual(whole.map(flat))
  })

  it('joined keep what one’s own samples are, in any order', () => {
    const words = { length: 3, get: (i: number) => ['abc'.slice(0, i + 1), i] as [string, number] }
    const set = new ConcatDataset<[string, number]>([words, new Subset(words, [2, 1])])
    const seen = Array.from(
      new DataLoader(set, {
        batchSize: 2,
        shuffle: true,
        seed: 1,
        collate: (samples) => samples.map(([text]) => text),
      }),
    ).flat()
    expect([...seen].sort()).toEqual(['a', 'ab', 'ab', 'abc', 'abc'])
    const collated = Array.from(new DataLoader(set, { batchSize: 5 }))
    expect(collated[0][0]).toEqual(['a', 'ab', 'abc', 'abc', 'ab'])
  })
})

describe('ConcatDataset', () => {
  it.each([
    ['tensors', [numbers, numbers, numbers]],
    ['all kinds', [numbers, own, later]],
  ])('of %s has the samples of all', async (_, [a, b, c]) => {
    const set = new ConcatDataset<unknown>([a(3), b(4, 100), c(2, 50)])
    expect(set.length).toBe(9)
    const all = [0, 1, 2, 100, 101, 102, 103, 50, 51]
    expect((await passLater(set, { batchSize: 4 })).flat()).toEqual(all)
    const [x, y] = (await set.getBatch(Int32Array.of(8, 0, 3, 7, 2))) as Tensor[]
    expect(x.toArray()).toEqual([51, 0, 100, 50, 2])
    expect(y.toArray()).toEqual([[1], [0], [0], [0], [2]])
    expect(Number(String(((await set.get(4)) as unknown[])[0]).match(/\d+/)?.[0])).toBe(101)
  })

  it('joins objects and texts', () => {
    const named = (from: number) => ({
      length: 2,
      get: (i: number) => ({ x: from + i, name: `n${from + i}` }),
    })
    const [batch] = new DataLoader(new ConcatDataset([named(0), named(5)]), {
      batchSize: 4,
      sampler: [3, 0, 2, 1],
    })
    const { x, name } = batch as unknown as { x: Tensor; name: string[] }
    expect([x.toArray(), name]).toEqual([
      [6, 0, 5, 1],
      ['n6', 'n0', 'n5', 'n1'],
    ])
  })

  it('refuses sets whose samples differ, and what is no set', () => {
    const set = new ConcatDataset<unknown>([
      numbers(2),
      new TensorDataset(arange(4).reshape([2, 2]), arange(2)),
    ])
    expect(() => set.getBatch(Int32Array.of(0, 3))).toThrow(/samples of its sets differ/)
    expect(() => new ConcatDataset([])).toThrow(ArgumentError)
    expect(() => new ConcatDataset([5 as never])).toThrow(ArgumentError)
    expect(() => new ConcatDataset([numbers(1)]).get(1)).toThrow(/out of range/)
  })
})

describe('randomSplit', () => {
  it('parts all samples, none twice, by sizes or shares', () => {
    for (const [lengths, sizes] of [
      [
        [7, 3],
        [7, 3],
      ],
      [
        [0.8, 0.2],
        [8, 2],
      ],
      [
        [0.5, 0.25, 0.25],
        [6, 2, 2],
      ],
      [[1], [10]],
      [
        [0, 10],
        [0, 10],
      ],
    ]) {
      const parts = randomSplit(numbers(10), lengths, { seed: 1 })
      expect(parts.map(({ length }) => length)).toEqual(sizes)
      expect(parts.flatMap(({ indices }) => [...indices]).toSorted((a, b) => a - b)).toEqual(count(10))
    }
  })

  it('goes by its seed, or by the common one', () => {
    const indices = (seed?: number) =>
      randomSplit(numbers(50), [25, 25], seed === undefined ? {} : { seed }).map((part) => [...part.indices])
    expect(indices(1)).toEqual(indices(1))
    expect(indices(2)).not.toEqual(indices(1))
    const first = indices()
    expect(indices()).not.toEqual(first)
    manualSeed(0)
    expect(indices()).toEqual(first)
    expect(first[0]).not.toEqual(first[0].toSorted((a, b) => a - b))
  })

  it('gives each part its share of each class', () => {
    const classes = count(200).map((i) => (i % 10 === 0 ? 'rare' : i % 2 ? 'odd' : 'even'))
    const parts = randomSplit(numbers(200), [0.7, 0.2, 0.1], { seed: 3, stratify: classes })
    expect(parts.map(({ length }) => length)).toEqual([140, 40, 20])
    for (const [name, all] of [
      ['rare', 20],
      ['odd', 100],
      ['even', 80],
    ] as const) {
      const has = parts.map(({ indices }) => [...indices].filter((i) => classes[i] === name).length)
      for (const [part, share] of [0.7, 0.2, 0.1].entries()) {
        expect(Math.abs(has[part] - share * all)).toBeLessThanOrEqual(1)
      }
    }
  })

  it('refuses lengths that do not add up', () => {
    for (const bad of [
      [5, 4],
      [0.5, 0.4],
      [11],
      [-1, 11],
      [5.5, 4.5],
      [],
      10,
      null,
      ['5', 5],
      [Number.NaN],
    ]) {
      expect(() => randomSplit(numbers(10), bad as never)).toThrow(/randomSplit: lengths are an array/)
    }
    expect(() => randomSplit(numbers(10), [10], { stratify: [1, 2] })).toThrow(/each of the 10 samples/)
    expect(() => randomSplit(numbers(10), [10], { seed: -1 })).toThrow(ArgumentError)
  })
})

describe('WeightedRandomSampler', () => {
  it('draws as often as the weights say', () => {
    const weights = [1, 0, 3, 6]
    const drawn = [...new WeightedRandomSampler(weights, 10_000)]
    const times = weights.map((_, i) => drawn.filter((index) => index === i).length)
    expect(times[1]).toBe(0)
    // Five standard errors of at most 50.
    for (const [i, weight] of weights.entries()) expect(Math.abs(times[i] - weight * 1000)).toBeLessThan(250)
  })

  it('draws none twice without replacement, in the right shares', () => {
    const firsts = [0, 0, 0]
    for (let i = 0; i < 3000; i++) {
      const drawn = [...new WeightedRandomSampler(tensor([1, 2, 0, 7]), 3, { replacement: false })]
      expect(drawn.toSorted()).toEqual([0, 1, 3])
      firsts[drawn[0] === 3 ? 2 : drawn[0]]++
    }
    for (const [i, share] of [0.1, 0.2, 0.7].entries())
      expect(Math.abs(firsts[i] - share * 3000)).toBeLessThan(130)
  })

  it('is new each pass, and the same of a seed', () => {
    const loader = () =>
      new DataLoader(numbers(100), {
        batchSize: 50,
        seed: 4,
        sampler: new WeightedRandomSampler(count(100), 50),
      })
    const a = loader()
    const passes = [pass(a), pass(a)]
    expect(passes[0]).not.toEqual(passes[1])
    const b = loader()
    expect([pass(b), pass(b)]).toEqual(passes)
  })

  it('refuses weights from which nothing can be drawn', () => {
    for (const bad of [[0, 0], [1, -1], [Number.NaN], ['1'], [], 5, null, [Number.POSITIVE_INFINITY]]) {
      expect(() => new WeightedRandomSampler(bad as never, 1)).toThrow(ArgumentError)
    }
    expect(() => new WeightedRandomSampler([1, 0, 1], 3, { replacement: false })).toThrow(
      /2 weights are above 0/,
    )
    expect(() => new WeightedRandomSampler([1], 0)).toThrow(ArgumentError)
  })
})
