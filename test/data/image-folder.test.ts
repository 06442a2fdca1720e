/** Folders of images, and pictures of batches. */
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decode, encode } from 'fast-png'
import jpeg from 'jpeg-js'
import { ArgumentError, DataError, data, ShapeError, tensor, zeros } from 'simdgrad'
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
    const [x] = set.getBatch(Int32Array.of(0, 1))
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
    const of = async (channels: 1 | 3) =>
      (await data.imageFolder(root, { channels, transform: asItIs }))
        .getBatch(Int32Array.of(0, 1, 2))[0]
        .toArray()
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
    const [x] = set.getBatch(Int32Array.of(2))
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
    await expect(data.imageFolder(root)).rejects.toThrow(
      /2\.png is 4 × 6 pixels, and the images before it 2 × 3/,
    )
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
    for (const options of [{ size: 0 }, { channels: 4 }, { shape: [1, 1] }, { transform: 'x' }]) {
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
