import { ArgumentError, data, manualSeed, ShapeError, tensor, zeros } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

const counted = (n: number) => new data.TensorDataset(tensor(Float32Array.from({ length: n }, (_, i) => i)))
const order = (loader: data.DataLoader) => [...loader].flatMap(([x]) => [...x.toFloat32Array()])
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i)

describe('DataLoader', () => {
  it('goes through the samples in order, the last batch being what is left', () => {
    const loader = new data.DataLoader(counted(10), { batchSize: 4 })
    expect(loader.length).toBe(3)
    expect([...loader].map(([x]) => x.shape)).toEqual([[4], [4], [2]])
    expect(order(loader)).toEqual(upTo(10))
  })

  it('leaves out the last batch with dropLast', () => {
    const loader = new data.DataLoader(counted(10), { batchSize: 4, dropLast: true })
    expect(loader.length).toBe(2)
    expect(order(loader)).toEqual(upTo(8))
  })

  it('shuffles each pass anew, and the same way from the same seed', () => {
    const loader = new data.DataLoader(counted(100), { batchSize: 7, shuffle: true })
    manualSeed(3)
    const [first, second] = [order(loader), order(loader)]
    expect(first).not.toEqual(second)
    expect(first).not.toEqual(upTo(100))
    expect([...first].sort((a, b) => a - b)).toEqual(upTo(100))
    manualSeed(3)
    expect(order(loader)).toEqual(first)
    manualSeed(4)
    expect(order(loader)).not.toEqual(first)
  })

  it('refuses a batch size that is no whole number, and tensors of different lengths', () => {
    expect(() => new data.DataLoader(counted(3), { batchSize: 0 })).toThrow(ArgumentError)
    expect(() => new data.TensorDataset(zeros([3, 2]), zeros([4]))).toThrow(ShapeError)
  })
})

describe('images', () => {
  const images = { shape: [3, 2, 2], data: Uint8Array.from({ length: 12 }, (_, i) => i * 20) }
  const labels = { shape: [3], data: Uint8Array.of(2, 0, 1) }

  it('are normalised to (x / 255 − 0.5) / 0.5', () => {
    const [[x, y]] = [...new data.DataLoader(new data.ImageDataset(images, labels), { batchSize: 3 })]
    expect(x.shape).toEqual([3, 1, 2, 2])
    x.toFloat32Array().forEach((value, i) => {
      expect(value).toBeCloseTo((images.data[i] / 255 - 0.5) / 0.5, 6)
    })
    expect(y.toArray()).toEqual([2, 0, 1])
  })

  it("go through a user's own function as values in [0, 1]", () => {
    const dataset = new data.ImageDataset(images, labels, (x) => x.mul(2).add(1))
    const [[x]] = [...new data.DataLoader(dataset, { batchSize: 3 })]
    x.toFloat32Array().forEach((value, i) => {
      expect(value).toBeCloseTo((images.data[i] / 255) * 2 + 1, 6)
    })
  })

  it('are those of MNIST', async () => {
    const { train, test } = await data.mnist()
    expect([train.length, test.length]).toEqual([60_000, 10_000])
    const [[x, y]] = new data.DataLoader(test, { batchSize: 5 })
    expect(x.shape).toEqual([5, 1, 28, 28])
    expect(y.toArray()).toEqual([7, 2, 1, 0, 4])
    expect(Math.min(...x.toFloat32Array())).toBe(-1)
  })
})
