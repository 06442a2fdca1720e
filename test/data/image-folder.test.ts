/** Folders of images, and pictures of batches. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decode, encode } from 'fast-png'
import jpeg from 'jpeg-js'
import {
  ArgumentError,
  arange,
  DataError,
  data,
  fit,
  manualSeed,
  memory,
  nn,
  optim,
  ShapeError,
  type Tensor,
  tensor,
  zeros,
} from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { resize } from '../../src/data/resize.js'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

const count = (n: number) => Array.from({ length: n }, (_, i) => i)
const asItIs = data.normalize(0, 1 / 255)

/** A folder of files by path. */
function folder(files: Record<string, Uint8Array | string>): string {
  const root = mkdtempSync(join(tmpdir(), 'images-'))
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(root, path, '..'), { recursive: true })
    writeFileSync(join(root, path), content)
  }
  return root
}

const png = (width: number, height: number, channels: 1 | 2 | 3 | 4, value = (i: number) => (i * 37) % 256) =>
  encode({ width, height, channels, data: Uint8Array.from(count(width * height * channels), value) })
const flat = (width: number, height: number, [r, g, b]: number[]) => ({
  width,
  height,
  data: Buffer.from(count(width * height).flatMap(() => [r, g, b, 255])),
})

describe('imageFolder', () => {
  it('reads the images of each class, in order, with the channels in front', async () => {
    const root = folder({
      'dog/b.png': png(3, 2, 3),
      'dog/a.png': png(3, 2, 3, (i) => i),
      'cat/x.PNG': png(3, 2, 1, (i) => 10 * i),
      'cat/notes.txt': 'no image',
      '.hidden/x.png': png(3, 2, 1),
      'readme.md': '#',
    })
    const set = await data.imageFolder(root, { transform: asItIs })
    expect([set.length, set.imageShape, set.classes, set.labels.toArray()]).toEqual([
      3,
      [3, 2, 3],
      ['cat', 'dog'],
      [0, 1, 1],
    ])
    const [x] = await set.getBatch(Int32Array.of(0, 1))
    const [cat, dog] = x.toArray() as number[][][][]
    expect(cat[0]).toEqual([
      [0, 10, 20],
      [30, 40, 50],
    ])
    expect(cat[2]).toEqual(cat[0])
    expect(dog).toEqual([
      [
        [0, 3, 6],
        [9, 12, 15],
      ],
      [
        [1, 4, 7],
        [10, 13, 16],
      ],
      [
        [2, 5, 8],
        [11, 14, 17],
      ],
    ])
  })

  it('takes transparency, grey and 16 bits for what they show', async () => {
    const wide = encode({
      width: 2,
      height: 1,
      channels: 1,
      depth: 16,
      data: Uint16Array.of(256 * 7, 65_535),
    })
    const root = folder({
      'a/1.png': png(2, 1, 4, (i) => 20 * i),
      'a/2.png': png(2, 1, 2, (i) => 20 * i),
      'a/3.png': wide,
    })
    const of = async (channels: 1 | 3) => {
      const set = await data.imageFolder(root, { channels, transform: asItIs })
      return (await set.getBatch(Int32Array.of(0, 1, 2)))[0].toArray()
    }
    expect(await of(3)).toEqual([
      [[[0, 80]], [[20, 100]], [[40, 120]]],
      [[[0, 40]], [[0, 40]], [[0, 40]]],
      [[[7, 255]], [[7, 255]], [[7, 255]]],
    ])
    // 0.299 R + 0.587 G + 0.114 B
    expect(await of(1)).toEqual([[[[16, 96]]], [[[0, 40]]], [[[7, 255]]]])
  })

  it('reads JPEG, whatever it is called', async () => {
    const red = jpeg.encode(flat(16, 8, [200, 30, 40]), 95).data
    const set = await data.imageFolder(folder({ 'red/a.jpg': red, 'red/b.jpeg': red, 'red/c.png': red }), {
      transform: asItIs,
    })
    expect([set.length, set.imageShape]).toEqual([3, [3, 8, 16]])
    const [x] = await set.getBatch(Int32Array.of(2))
    const [[[r]], [[g]], [[b]]] = (x.toArray() as number[][][][])[0]
    for (const [is, was] of [
      [r, 200],
      [g, 30],
      [b, 40],
    ])
      expect(Math.abs(is - was)).toBeLessThan(5)
  })

  it('brings images to one size, or says that they have several', async () => {
    const root = folder({ 'a/1.png': png(3, 2, 1), 'a/2.png': png(6, 4, 1) })
    const mixed = (await data.imageFolder(root)).get(1)
    await expect(mixed).rejects.toThrow(DataError)
    await expect(mixed).rejects.toThrow(/2\.png is 4 × 6 pixels, and the first image, .*1\.png, 2 × 3/)
    const set = await data.imageFolder(root, { size: [4, 5], channels: 1 })
    expect(set.imageShape).toEqual([1, 4, 5])
  })

  it.each<[string, Record<string, Uint8Array | string>, RegExp]>([
    ['no images', { 'a/x.txt': '' }, /has no images/],
    ['text that is called an image', { 'a/x.png': 'hello' }, /neither PNG nor JPEG/],
    ['a file that is cut off', { 'a/x.png': png(9, 9, 3).subarray(0, 60) }, /x\.png is a broken image/],
    [
      'half a JPEG',
      { 'a/x.jpg': jpeg.encode(flat(32, 32, [1, 2, 3]), 90).data.subarray(0, 300) },
      /x\.jpg is a broken image/,
    ],
    ['a header alone', { 'a/x.png': png(2, 2, 1).subarray(0, 20) }, /says a size of 0 × 0/],
  ])('refuses %s', async (_, files, message) => {
    await expect(data.imageFolder(folder(files))).rejects.toThrow(DataError)
    await expect(data.imageFolder(folder(files))).rejects.toThrow(message)
  })

  it('reads an image when its batch is due, and with a cache once', async () => {
    const files = { 'a/1.png': png(2, 2, 1), 'a/2.png': png(2, 2, 1, (i) => i), 'b/3.png': 'broken' }
    const root = folder(files)
    const [lazy, cached] = [await data.imageFolder(root), await data.imageFolder(root, { cache: true })]
    const batches = async (set: data.Dataset<Tensor[]>) => {
      const seen: unknown[] = []
      for await (const [x, y] of new data.DataLoader(set, { prefetch: 2 }))
        seen.push([x.toArray(), y.toArray()])
      return seen
    }
    for (const set of [lazy, cached]) {
      await expect(batches(set)).rejects.toThrow(/3\.png is neither PNG nor JPEG/)
      const [x, y] = await set.get(1)
      expect([x.shape, y.toArray()]).toEqual([[3, 2, 2], 0])
      await expect(set.get(3)).rejects.toThrow(ArgumentError)
      expect(() => [...new data.DataLoader(set)]).toThrow(/gives promises: for await/)
    }
    writeFileSync(join(root, 'b/3.png'), files['a/2.png'])
    const whole = await batches(cached)
    expect(await batches(lazy)).toEqual(whole)
    rmSync(root, { recursive: true })
    expect(await batches(cached)).toEqual(whole)
    await expect(batches(lazy)).rejects.toThrow(/1\.png can't be read \(ENOENT\)/)
  })

  it('augments by seed, pass and image alone: batch size, order, cache and resuming change nothing', async () => {
    const root = folder(
      Object.fromEntries(count(9).map((i) => [`a/${i}.png`, png(8, 8, 1, (p) => (p * (i + 3)) % 256)])),
    )
    const transform = data.augment({ flip: 0.5, shift: 2, rotate: 30, noise: 0.1 })
    const seen = async (
      options: data.DataLoaderOptions<Tensor[]>,
      more: data.ImageFolderOptions = {},
      skip = 0,
    ) => {
      const set = await data.imageFolder(root, { channels: 1, transform, ...more })
      let loader = new data.DataLoader(set, { seed: 5, ...options })
      const images = new Map<string, number[]>()
      for (let pass = 0; pass < 2; pass++) {
        const rows = options.shuffle ? randomOrder(loader) : count(9)
        let at = 0
        for await (const [x] of loader) {
          const values = [...x.toFloat32Array()]
          for (let i = 0; i < x.shape[0]; i++)
            images.set(`${pass} ${rows[at++]}`, values.slice(64 * i, 64 * i + 64))
          if (pass === 0 && at >= skip && skip > 0) break
        }
        if (pass > 0 || skip === 0) continue
        const state = JSON.parse(JSON.stringify(loader.stateDict()))
        loader = new data.DataLoader(set, { seed: 5, ...options })
        loader.loadStateDict(state)
        for await (const [x] of loader) {
          const values = [...x.toFloat32Array()]
          for (let i = 0; i < x.shape[0]; i++)
            images.set(`${pass} ${rows[at++]}`, values.slice(64 * i, 64 * i + 64))
        }
      }
      return images
    }
    const randomOrder = (loader: data.DataLoader<Tensor[]>) => {
      const { epoch } = loader.stateDict()
      const set = new data.TensorDataset(arange(9))
      const other = new data.DataLoader(set, { seed: 5, shuffle: true, batchSize: 9 })
      other.loadStateDict({ ...other.stateDict(), epoch })
      return Array.from(other, ([x]) => x.toArray() as number[])[0]
    }
    const expected = await seen({ batchSize: 1 })
    expect(expected.size).toBe(18)
    expect(expected.get('0 3')).not.toEqual(expected.get('1 3'))
    for (const images of [
      await seen({ batchSize: 4, prefetch: 0 }),
      await seen({ batchSize: 2 }, { cache: true }),
      await seen({ batchSize: 3 }, {}, 3),
      await seen({ batchSize: 5, shuffle: true }),
    ]) {
      for (const [name, values] of expected) expect(images.get(name), name).toEqual(values)
    }
    // Images of the same bytes fare differently.
    const same = await data.imageFolder(folder({ 'a/1.png': png(8, 8, 1), 'a/2.png': png(8, 8, 1) }), {
      transform,
    })
    const [x] = await same.getBatch(Int32Array.of(0, 1))
    const [one, two] = x.toArray() as unknown[]
    expect(one).not.toEqual(two)
  })

  it('has no more in memory than the batches at hand', async () => {
    const image = png(64, 64, 3)
    const root = folder(Object.fromEntries(count(60).map((i) => [`${i % 2}/${i}.png`, image])))
    const set = await data.imageFolder(root)
    const before = memory().liveBytes
    const batch = 4 * 3 * 64 * 64 * 4
    let most = 0
    for (let pass = 0; pass < 3; pass++) {
      for await (const [x] of new data.DataLoader(set, { batchSize: 4, prefetch: 2 })) {
        most = Math.max(most, memory().liveBytes - before)
        x.dispose()
      }
    }
    // Of each of three batches the bytes (a quarter) and the floats.
    expect(most).toBeLessThanOrEqual(3 * 1.25 * batch + 10_000)
    expect(memory().liveBytes - before).toBeLessThan(10_000)
  })

  it('trains a net, with parts and a transform of one’s own', async () => {
    const root = folder(
      Object.fromEntries(count(24).map((i) => [`${i % 2}/${i}.png`, png(4, 4, 1, () => (i % 2) * 200 + i)])),
    )
    const set = await data.imageFolder(root, { channels: 1, size: 3, transform: (x) => x.mul(2).sub(1) })
    const [train, valid] = data.randomSplit(set, [0.75, 0.25], {
      seed: 1,
      stratify: set.labels.toFloat32Array(),
    })
    manualSeed(0)
    const net = new nn.Sequential(new nn.Flatten(), new nn.Linear(9, 2))
    const { epochs } = await fit(net, {
      train: new data.DataLoader(train, { batchSize: 6, shuffle: true }),
      valid: new data.DataLoader(valid, { batchSize: 6 }),
      optimizer: new optim.SGD(net.parameters(), { lr: 0.1 }),
      loss: new nn.CrossEntropyLoss(),
      epochs: 5,
    })
    expect(epochs[4].validAcc).toBe(1)
  })

  it('refuses a size that is a bomb before it decodes', async () => {
    const bytes = png(2, 2, 1).slice()
    new DataView(bytes.buffer).setUint32(16, 2 ** 30)
    await expect(data.imageFolder(folder({ 'a/x.png': bytes }))).rejects.toThrow(
      /says a size of 1073741824 × 2/,
    )
  })

  it('refuses what is no folder, and options that are none', async () => {
    await expect(data.imageFolder('/nowhere')).rejects.toThrow(/can't be read \(ENOENT\)/)
    await expect(data.imageFolder(5 as never)).rejects.toThrow(ArgumentError)
    for (const options of [
      { size: 0 },
      { channels: 4 },
      { shape: [1, 1] },
      { transform: 'x' },
      { cache: 1 },
    ]) {
      await expect(data.imageFolder('.', options as never)).rejects.toThrow(ArgumentError)
    }
  })
})

describe('resize', () => {
  const fixture = JSON.parse(readFileSync(new URL('../fixtures/resized.json', import.meta.url), 'utf8')) as {
    image: number[]
    resized: Record<string, number[]>
  }

  it.each(Object.entries(fixture.resized))("to %s is PyTorch's, antialiased", (size, expected) => {
    const [height, width] = size.split('x').map(Number)
    const image = { height: 7, width: 9, channels: 3, data: Uint8Array.from(fixture.image) }
    const { data: bytes } = resize(image, height, width)
    expect(bytes.length).toBe(expected.length)
    for (const [i, value] of expected.entries()) expect(Math.abs(bytes[i] - value)).toBeLessThanOrEqual(0.501)
  })
})

describe('preview', () => {
  it('is a PNG with each image, black to white', () => {
    const x = tensor([
      [
        [0, 1],
        [2, 3],
      ],
      [
        [3, 3],
        [0, 0],
      ],
    ])
    const picture = decode(data.preview(x, { zoom: 1, columns: 2 }), { checkCrc: true })
    expect([picture.width, picture.height, picture.channels]).toEqual([7, 4, 1])
    const rows = count(4).map((y) => [...picture.data.subarray(7 * y, 7 * y + 7)])
    expect(rows).toEqual([
      Array(7).fill(128),
      [128, 0, 85, 128, 255, 255, 128],
      [128, 170, 255, 128, 0, 0, 128],
      Array(7).fill(128),
    ])
  })

  it('has colours, a range and a zoom', () => {
    const x = tensor(Float32Array.of(-1, 0, 1), { shape: [1, 3, 1, 1] })
    const picture = decode(data.preview(x, { zoom: 2, range: [-1, 1] }))
    expect([picture.width, picture.height, picture.channels]).toEqual([4, 4, 3])
    expect([...picture.data.subarray(15, 18)]).toEqual([0, 128, 255])
    const large = decode(data.preview(zeros([70, 1, 28, 28])))
    expect([large.width, large.height]).toEqual([9 * 57 + 1, 8 * 57 + 1])
  })

  it('refuses what is no batch of images', () => {
    for (const shape of [
      [2, 2],
      [1, 2, 3, 3],
      [0, 1, 2, 2],
      [1, 1, 1, 1, 1],
    ]) {
      expect(() => data.preview(zeros(shape))).toThrow(ShapeError)
    }
    expect(() => data.preview([] as never)).toThrow(ArgumentError)
    for (const options of [{ range: [1, 0] }, { range: 5 }, { zoom: 0 }, { columns: 0 }, { rows: 1 }]) {
      expect(() => data.preview(zeros([1, 1, 2, 2]), options as never)).toThrow(ArgumentError)
    }
  })
})
