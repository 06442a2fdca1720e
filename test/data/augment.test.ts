/** Images that are changed at random while they are gathered; images normalised by channel. */
import { ArgumentError, data, manualSeed, ShapeError, type Tensor } from 'simdgrad'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { endStep } from '../../src/bindings/steps.js'
import { expectClose } from '../support/all-close.js'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)
beforeEach(() => manualSeed(0))

const N = 40
const bytesOf = (...shape: number[]) => ({
  shape,
  data: Uint8Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => (i * 37) % 251),
})
const labels = (n: number) => ({ shape: [n], data: Uint8Array.from({ length: n }, (_, i) => i) })
const asItIs = data.normalize(0, 1 / 255)
const images = bytesOf(N, 2, 6, 7)
const set = (options: data.AugmentOptions, of = images) =>
  new data.ImageDataset(of, labels(of.shape[0]), data.augment({ normalize: asItIs, ...options }))

/** Each image of a pass, by its index. */
function pass(loader: data.DataLoader<unknown, Tensor[]>): Map<number, number[]> {
  const found = new Map<number, number[]>()
  for (const [x, y] of loader) {
    const [values, indices] = [x.toFloat32Array(), y.toFloat32Array()]
    const size = values.length / indices.length
    for (const [i, index] of indices.entries())
      found.set(index, [...values.subarray(i * size, (i + 1) * size)])
  }
  return found
}
const some = {
  flip: 0.5,
  flipVertical: 0.2,
  padding: 2,
  rotate: 20,
  scale: [0.8, 1.2],
  cutout: 2,
  noise: 0.1,
} as const

describe('augment', () => {
  it('changes an image by seed, pass and index alone: not by batch size, order, subset or resuming', () => {
    const make = (options: object, of: data.Dataset<Tensor[]> = set(some)) =>
      new data.DataLoader(of, { batchSize: 7, seed: 5, ...options })
    const first = pass(make({}))
    expect(first.size).toBe(N)
    expect(pass(make({ batchSize: 40 }))).toEqual(first)
    expect([...pass(make({ shuffle: true }))].sort(([a], [b]) => a - b)).toEqual([...first])
    const part = pass(make({}, new data.Subset(set(some), [9, 3, 30])))
    for (const [index, image] of part) expect(image).toEqual(first.get(index))
    expect(pass(make({ seed: 6 }))).not.toEqual(first)
    const loader = make({})
    pass(loader)
    const second = pass(loader)
    expect(second).not.toEqual(first)
    const broken = make({})
    for (const _ of broken) break
    const resumed = make({})
    resumed.loadStateDict(JSON.parse(JSON.stringify(broken.stateDict())))
    for (const [index, image] of pass(resumed)) expect(image).toEqual(first.get(index))
    expect(pass(resumed)).toEqual(second)
  })

  it('mirrors, crops and shifts to pixels of the image', () => {
    const at = (index: number, c: number, y: number, x: number) =>
      y < 0 || y > 5 || x < 0 || x > 6 ? 9 : images.data[((index * 2 + c) * 6 + y) * 7 + x]
    const variants = new Set<string>()
    for (const [index, values] of pass(
      new data.DataLoader(set({ flip: 0.5, padding: 1, shift: 1, fill: 9, crop: [5, 4] })),
    )) {
      const fits: string[] = []
      for (let top = -3; top <= 3; top++) {
        for (let left = -3; left <= 6; left++) {
          for (const flip of [false, true]) {
            const expected: number[] = []
            for (let c = 0; c < 2; c++) {
              for (let y = 0; y < 5; y++) {
                for (let x = 0; x < 4; x++) expected.push(at(index, c, y + top, (flip ? 3 - x : x) + left))
              }
            }
            if (expected.every((value, i) => value === values[i])) fits.push(`${top},${left},${flip}`)
          }
        }
      }
      expect(fits).toHaveLength(1)
      variants.add(fits[0])
    }
    expect(variants.size).toBeGreaterThan(20)
  })

  it('is the plain gather where nothing is asked for, and normalises by channel', () => {
    const normalize = data.normalize([0.1, 0.4], [0.5, 2])
    const plain = new data.ImageDataset(images, labels(N), normalize)
    const augmented = set({ normalize })
    const [a, b] = [pass(new data.DataLoader(plain)), pass(new data.DataLoader(augmented))]
    for (const [index, image] of a) expectClose(b.get(index) ?? [], image, { tolerance: 1e-6 })
  })

  it('is as it was when a batch that nobody used is looked at later', () => {
    const [x] = [...new data.DataLoader(set(some), { batchSize: 4 })][1]
    const before = x.toFloat32Array()
    for (let step = 0; step < 4; step++) endStep()
    expect(x.storage.resident).toBe(false)
    expect(x.toFloat32Array()).toEqual(before)
  })

  it('can be looked at alone', () => {
    const [x] = set(some).get(3)
    expect(x.shape).toEqual([2, 6, 7])
    expect(set(some).get(3)[0].toArray()).toEqual(x.toArray())
  })

  it('refuses what can not be', () => {
    for (const options of [
      { flip: 1.5 },
      { flip: true },
      { padding: -1 },
      { shift: 0.5 },
      { rotate: 181 },
      { scale: 1.1 },
      { scale: [1.1, 0.9] },
      { scale: [0, 1] },
      { crop: 0 },
      { cutout: '2' },
      { noise: -1 },
      { fill: 256 },
      { normalize: 5 },
      { normalize: (x: Tensor) => x },
      { mirror: 1 },
      5,
    ]) {
      expect(() => data.augment(options as never)).toThrow(ArgumentError)
    }
    expect(() => set({ crop: 9, padding: 1 }).get(0)).toThrow(ShapeError)
    expect(() => set({ crop: 9, padding: 1 }).get(0)).toThrow(
      /a crop of 9 × 9 does not fit into images of 6 × 7/,
    )
    expect(() => set({ normalize: data.normalize([0, 0, 0], 1) })).toThrow(
      /of 3 channels, and the images have 2/,
    )
  })
})

describe('images of several channels', () => {
  it('are normalised each by its own mean and deviation', () => {
    const [mean, std] = [
      [0.1, 0.2, 0.3],
      [0.5, 1, 2],
    ]
    const of = bytesOf(5, 3, 4, 5)
    const [x] = new data.ImageDataset(of, labels(5), data.normalize(mean, std)).getBatch(Int32Array.of(3, 0))
    const expected = [3, 0].flatMap((n) =>
      Array.from({ length: 60 }, (_, i) => {
        const c = Math.floor(i / 20)
        return (of.data[n * 60 + i] / 255 - mean[c]) / std[c]
      }),
    )
    expectClose(x.toFloat32Array(), expected, { tolerance: 1e-6 })
    const one = new data.ImageDataset(of, labels(5), data.normalize(mean, 2)).getBatch(Int32Array.of(1))[0]
    expect(one.toFloat32Array()[20]).toBeCloseTo((of.data[80] / 255 - 0.2) / 2, 6)
  })

  it.each([1, 2, 3, 4])('may have their %i channels last', (channels) => {
    const last = bytesOf(3, 5, 6, channels)
    const [x] = new data.ImageDataset(last, labels(3), asItIs).getBatch(Int32Array.of(0, 1, 2))
    expect(x.shape).toEqual([3, channels, 5, 6])
    const values = x.toFloat32Array()
    for (let n = 0; n < 3; n++) {
      for (let c = 0; c < channels; c++) {
        for (let p = 0; p < 30; p++) {
          expect(values[(n * channels + c) * 30 + p]).toBe(last.data[(n * 30 + p) * channels + c])
        }
      }
    }
  })

  it('refuse a normalisation of other channels', () => {
    const make = (mean: number[]) => () => new data.ImageDataset(images, labels(N), data.normalize(mean, 1))
    expect(make([1, 2])).not.toThrow()
    expect(make([1, 2, 3])).toThrow(ShapeError)
    expect(() => data.normalize([0.5], [0.5, 1])).toThrow(ArgumentError)
    expect(() => data.normalize([], [])).toThrow(ArgumentError)
    expect(() => data.normalize([0.5, Number.NaN], 1)).toThrow(ArgumentError)
  })
})
