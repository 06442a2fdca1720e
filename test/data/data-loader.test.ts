import { ArgumentError, arange, data, manualSeed, nn, ones, ShapeError, type Tensor } from 'simdgrad'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { expectClose } from '../support/all-close.js'
import { initForTest } from '../support/init.js'

const { DataLoader, TensorDataset } = data

beforeAll(initForTest)
beforeEach(() => manualSeed(0))

const values = (x: Tensor) => [...x.toFloat32Array()]
const count = (n: number) => Array.from({ length: n }, (_, i) => i)
const indexed = (n: number) => new TensorDataset(arange(n), arange(n).mul(10).reshape([n, 1]))

/** The samples of a pass, batch by batch. */
const pass = (loader: data.DataLoader) => Array.from(loader, ([x]) => values(x))

describe('DataLoader', () => {
  it('gives the samples in order, the last batch as large as it comes', () => {
    const loader = new DataLoader(indexed(10), { batchSize: 4 })
    expect(loader.length).toBe(3)
    expect(pass(loader)).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9],
    ])
    expect(pass(loader)).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9],
    ])
    expect(Array.from(loader, ([, y]) => y.shape)).toEqual([
      [4, 1],
      [4, 1],
      [2, 1],
    ])
  })

  it('gives one sample at a time by default', () => {
    expect(pass(new DataLoader(indexed(3)))).toEqual([[0], [1], [2]])
  })

  it('leaves the last one out with dropLast, unless it is full', () => {
    const loader = new DataLoader(indexed(10), { batchSize: 4, dropLast: true })
    expect(loader.length).toBe(2)
    expect(pass(loader).flat()).toEqual(count(8))
    expect(pass(new DataLoader(indexed(8), { batchSize: 4, dropLast: true }))).toHaveLength(2)
    expect(pass(new DataLoader(indexed(3), { batchSize: 4, dropLast: true }))).toEqual([])
    expect(pass(new DataLoader(indexed(3), { batchSize: 4 }))).toEqual([[0, 1, 2]])
  })

  it('shuffles each pass anew, and misses nobody', () => {
    const loader = new DataLoader(indexed(1000), { batchSize: 32, shuffle: true })
    const passes = [pass(loader).flat(), pass(loader).flat(), pass(loader).flat()]
    for (const order of passes) {
      expect(order).not.toEqual(count(1000))
      expect(order.toSorted((a, b) => a - b)).toEqual(count(1000))
    }
    expect(passes[1]).not.toEqual(passes[0])
    expect(passes[2]).not.toEqual(passes[1])
    // About one sample of a thousand stays where it was.
    expect(passes[0].filter((v, i) => v === i).length).toBeLessThan(10)
  })

  it('shuffles all orders alike', () => {
    const loader = new DataLoader(indexed(3), { batchSize: 3, shuffle: true })
    const seen = new Map<string, number>()
    for (let i = 0; i < 6000; i++) {
      const order = String(pass(loader)[0])
      seen.set(order, (seen.get(order) ?? 0) + 1)
    }
    expect(seen.size).toBe(6)
    // Five standard errors of 1000.
    for (const times of seen.values()) expect(Math.abs(times - 1000)).toBeLessThan(145)
  })

  it('keeps tensors of a sample together', () => {
    for (const [x, y] of new DataLoader(indexed(50), { batchSize: 7, shuffle: true })) {
      expect(values(y)).toEqual(values(x).map((v) => v * 10))
    }
  })

  it('repeats from a seed', () => {
    const run = (seed: number) => {
      manualSeed(seed)
      const loader = new DataLoader(indexed(100), { batchSize: 10, shuffle: true })
      return [pass(loader), pass(loader)]
    }
    expect(run(1)).toEqual(run(1))
    expect(run(2)).not.toEqual(run(1))
  })

  it('may be left amid a pass, and two passes may run side by side', () => {
    const loader = new DataLoader(indexed(6), { batchSize: 2 })
    for (const [x] of loader) {
      expect(values(x)).toEqual([0, 1])
      break
    }
    const side: number[][] = []
    for (const [a] of loader) for (const [b] of loader) side.push([values(a)[0], values(b)[0]])
    expect(side).toHaveLength(9)
    expect(side[5]).toEqual([2, 4])
  })

  it('gives new tensors: a batch can be kept and changed', () => {
    const set = indexed(4)
    const [first] = Array.from(new DataLoader(set, { batchSize: 2 }), ([x]) => x)
    first.fill_(9)
    expect(pass(new DataLoader(set, { batchSize: 2 }))).toEqual([
      [0, 1],
      [2, 3],
    ])
  })

  it.each([0, -1, 1.5, Number.NaN])('refuses batches of %d', (batchSize) => {
    expect(() => new DataLoader(indexed(1), { batchSize })).toThrow(ArgumentError)
  })

  it('refuses options that it does not know', () => {
    expect(() => new DataLoader(indexed(1), { batch_size: 2 } as object)).toThrow(
      /DataLoader: unknown option 'batch_size'/,
    )
  })
})

describe('TensorDataset', () => {
  it('takes tensors of any number of dimensions, however they lie in memory', () => {
    const x = arange(5 * 2 * 3 * 3).reshape([5, 2, 3, 3])
    const set = new TensorDataset(nn.functional.maxPool2d(x, 1), arange(5))
    expect(set.length).toBe(5)
    const batches = Array.from(new DataLoader(set, { batchSize: 2 }), ([images]) => images)
    expect(batches.map(({ shape }) => shape)).toEqual([
      [2, 2, 3, 3],
      [2, 2, 3, 3],
      [1, 2, 3, 3],
    ])
    expect(batches.flatMap(values)).toEqual(values(x))
  })

  it('refuses none, and tensors of different lengths', () => {
    expect(() => new TensorDataset()).toThrow(ArgumentError)
    expect(() => new TensorDataset(ones([2]), ones([3]))).toThrow(ShapeError)
    expect(() => new TensorDataset(ones([]))).toThrow(ShapeError)
  })
})

describe('ImageDataset', () => {
  const bytes = Uint8Array.from({ length: 3 * 4 * 5 }, (_, i) => (i * 37) % 256)
  const images = { shape: [3, 4, 5], data: bytes }
  const labels = { shape: [3], data: new Uint8Array([7, 0, 9]) }
  const all = (set: data.ImageDataset) => Array.from(new DataLoader(set, { batchSize: 2 }))

  it('gives images as [N, 1, H, W] and labels as [N]', () => {
    const set = new data.ImageDataset(images, labels)
    expect(set.length).toBe(3)
    const batches = all(set)
    expect(batches.map(([x, y]) => [x.shape, y.shape])).toEqual([
      [[2, 1, 4, 5], [2]],
      [[1, 1, 4, 5], [1]],
    ])
    expect(batches.flatMap(([, y]) => values(y))).toEqual([7, 0, 9])
  })

  it.each([1, 3])('gives images [N, %i, H, W] with their channels where they were', (channels) => {
    const shape = [3, channels, 4, 5]
    const values = Uint8Array.from({ length: 3 * channels * 20 }, (_, i) => (i * 37) % 256)
    const set = new data.ImageDataset({ shape, data: values }, labels, data.normalize(0, 1 / 255))
    expect(set.imageShape).toEqual([channels, 4, 5])
    const [[x, y]] = new DataLoader(set, { batchSize: 3 })
    expect(x.shape).toEqual(shape)
    expect(x.toFloat32Array()).toEqual(Float32Array.from(values))
    expect(y.toArray()).toEqual([7, 0, 9])
    manualSeed(3)
    const [[shuffled, classes]] = new DataLoader(set, { batchSize: 3, shuffle: true })
    const from = (classes.toArray() as number[]).map((label) => [7, 0, 9].indexOf(label))
    expect(from).not.toEqual([0, 1, 2])
    for (const [to, i] of from.entries()) {
      expect(shuffled.slice(0, to, to + 1).toFloat32Array()).toEqual(x.slice(0, i, i + 1).toFloat32Array())
    }
  })

  it('normalises by (x / 255 − 0.5) / 0.5 unless told otherwise', () => {
    const x = all(new data.ImageDataset(images, labels)).flatMap(([batch]) => values(batch))
    expectClose(
      x,
      [...bytes].map((b) => (b / 255 - 0.5) / 0.5),
      { tolerance: 2e-7 },
    )
    expect([Math.min(...x), Math.max(...x)].map((v) => Math.abs(v) <= 1)).toEqual([true, true])
  })

  it('normalises as told', () => {
    const set = new data.ImageDataset(images, labels, data.normalize(0.1307, 0.3081))
    const x = all(set).flatMap(([batch]) => values(batch))
    expectClose(
      x,
      [...bytes].map((b) => (b / 255 - 0.1307) / 0.3081),
      { tolerance: 3e-7 },
    )
  })

  it("gives a function of the user's the images in [0, 1]", () => {
    const seen: Tensor[] = []
    const set = new data.ImageDataset(images, labels, (x) => {
      seen.push(x)
      return x.mul(2).flatten(1)
    })
    const batches = all(set)
    expect(batches.map(([x]) => x.shape)).toEqual([
      [2, 20],
      [1, 20],
    ])
    expect(seen.map(({ shape }) => shape)).toEqual([
      [2, 1, 4, 5],
      [1, 1, 4, 5],
    ])
    expectClose(
      seen.flatMap(values),
      [...bytes].map((b) => b / 255),
      { tolerance: 1e-7 },
    )
    expectClose(
      batches.flatMap(([x]) => values(x)),
      [...bytes].map((b) => (2 * b) / 255),
      { tolerance: 1e-7 },
    )
  })

  it('refuses labels that are more or fewer than the images', () => {
    const two = { shape: [2], data: new Uint8Array(2) }
    expect(() => new data.ImageDataset(images, two)).toThrow(ShapeError)
  })

  it('refuses what is no transform', () => {
    expect(() => new data.ImageDataset(images, labels, 'tensor' as unknown as data.Transform)).toThrow(
      ArgumentError,
    )
    expect(() => new data.ImageDataset(images, labels, {} as data.Transform)).toThrow(ArgumentError)
    expect(() => data.normalize(0.5, 0)).toThrow(ArgumentError)
    expect(() => data.normalize(Number.NaN, 1)).toThrow(ArgumentError)
  })
})

describe('mnist', () => {
  it('has 60,000 and 10,000 digits', async () => {
    const { train, test } = await data.mnist()
    expect([train.length, test.length]).toEqual([60_000, 10_000])
    const [[x, y]] = new DataLoader(train, { batchSize: 5 })
    expect([x.shape, y.shape]).toEqual([[5, 1, 28, 28], [5]])
    expect(values(y)).toEqual([5, 0, 4, 1, 9])
    expect([-x.neg().max().item(), x.max().item()]).toEqual([-1, 1])
    // The mean of the test set's pixels in [0, 1].
    const [[all]] = new DataLoader(test, { batchSize: 10_000 })
    expect(all.mean().item() / 2 + 0.5).toBeCloseTo(0.1325, 3)
  })

  it('takes a transform, and refuses unknown options', async () => {
    const { test } = await data.mnist({ transform: (x) => x.flatten(1) })
    const [[x]] = new DataLoader(test, { batchSize: 2 })
    expect(x.shape).toEqual([2, 784])
    expect(x.max().item()).toBe(1)
    await expect(data.mnist({ folder: '.' } as object)).rejects.toThrow(/mnist: unknown option 'folder'/)
  })
})
