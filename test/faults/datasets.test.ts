/**
 * A dataset gives the values that it was made of, in the shape that they have, or says at once that it can't
 * (fault 11): no shape is taken on trust.
 */
import { data, SimdgradError, type Tensor, tensor } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

/** Bytes 0, 1, … of a shape. */
function bytes(...shape: number[]): data.IdxArray {
  const size = shape.reduce((product, n) => product * n, 1)
  return { shape, data: Uint8Array.from({ length: size }, (_, i) => i % 251) }
}

const classes = (n: number): data.IdxArray => ({ shape: [n], data: new Uint8Array(n) })
const asItIs = data.normalize(0, 1 / 255)

/** The first batch of all samples; undefined where the dataset can't be made, which must be an error of ours. */
function batchOf(make: () => data.Dataset): Tensor[] | undefined {
  let set: data.Dataset
  try {
    set = make()
  } catch (error) {
    expect(error).toBeInstanceOf(SimdgradError)
    expect(String(error)).toMatch(/ImageDataset|TensorDataset/)
    return undefined
  }
  const [batch] = new data.DataLoader(set, { batchSize: set.length })
  return batch
}

describe('images with several channels', () => {
  it.each([
    ['red, green, blue in front', [4, 3, 5, 6]],
    ['one channel in front', [4, 1, 5, 6]],
    ['two channels in front', [4, 2, 5, 6]],
  ])('%s: the images, or an error', (_, shape) => {
    const images = bytes(...shape)
    const batch = batchOf(() => new data.ImageDataset(images, classes(4), asItIs))
    if (!batch) return
    expect(batch[0].shape).toEqual(shape)
    expect(batch[0].toFloat32Array()).toEqual(Float32Array.from(images.data))
  })

  it.each([
    ['red, green, blue at the end', [4, 5, 6, 3]],
    ['a transparency besides', [4, 5, 6, 4]],
  ])('%s: the images with channels in front, or an error', (_, [n, h, w, c]) => {
    const images = bytes(n, h, w, c)
    const batch = batchOf(() => new data.ImageDataset(images, classes(n), asItIs))
    if (!batch) return
    expect(batch[0].shape).toEqual([n, c, h, w])
    const back = batch[0].permute([0, 2, 3, 1])
    expect(back.toFloat32Array()).toEqual(Float32Array.from(images.data))
  })
})

describe('images of one channel', () => {
  it('are [N, 1, H, W]', () => {
    const images = bytes(4, 5, 6)
    const batch = batchOf(() => new data.ImageDataset(images, classes(4), asItIs))
    expect(batch?.[0].shape).toEqual([4, 1, 5, 6])
    expect(batch?.[0].toFloat32Array()).toEqual(Float32Array.from(images.data))
  })

  it('as flat rows are what they are, or an error', () => {
    const images = bytes(4, 30)
    const batch = batchOf(() => new data.ImageDataset(images, classes(4), asItIs))
    if (!batch) return
    expect(batch[0].size).toBe(120)
    expect(batch[0].toFloat32Array()).toEqual(Float32Array.from(images.data))
  })
})

describe('what does not belong together is refused at once', () => {
  it.each<[string, data.IdxArray, data.IdxArray]>([
    ['fewer bytes than the shape has places', { ...bytes(4, 5, 6), data: new Uint8Array(119) }, classes(4)],
    ['more bytes than the shape has places', { ...bytes(4, 5, 6), data: new Uint8Array(121) }, classes(4)],
    ['no bytes at all', { ...bytes(4, 5, 6), data: new Uint8Array(0) }, classes(4)],
    ['fewer labels than their shape says', bytes(4, 5, 6), { shape: [4], data: new Uint8Array(3) }],
    ['more labels than their shape says', bytes(4, 5, 6), { shape: [4], data: new Uint8Array(5) }],
    ['a single image', bytes(5), classes(5)],
    ['a size that is no whole number', { shape: [4, 2.5, 2], data: new Uint8Array(20) }, classes(4)],
    ['a size below 0', { shape: [4, -5, -6], data: new Uint8Array(120) }, classes(4)],
    ['labels of two dimensions', bytes(4, 5, 6), { shape: [4, 1], data: new Uint8Array(4) }],
  ])('%s', (_, images, labels) => {
    const make = () => new data.ImageDataset(images, labels)
    expect(make).toThrow(SimdgradError)
    expect(make).toThrow(/ImageDataset/)
  })

  it('a transform that changes the number of images', () => {
    const set = new data.ImageDataset(bytes(4, 5, 6), classes(4), (x) => x.slice(0, 0, 1))
    expect(() => [...new data.DataLoader(set, { batchSize: 4 })]).toThrow(SimdgradError)
  })

  it('a transform that gives no tensor', () => {
    const set = new data.ImageDataset(bytes(4, 5, 6), classes(4), (() => undefined) as never)
    expect(() => [...new data.DataLoader(set, { batchSize: 4 })]).toThrow(SimdgradError)
  })

  it('a dataset without a length', () => {
    const set = { get: () => [tensor([1])] } as never
    expect(() => [...new data.DataLoader(set, { batchSize: 4 })]).toThrow(SimdgradError)
  })
})
