/** Known data sets, from folders and from the web. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { ArgumentError, DataError, data } from 'simdgrad'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { noting } from '../../src/data/cifar-files.js'
import * as web from '../../src/data/sets.js'
import { initForTest } from '../support/init.js'

/** An IDX file whose values are 0, 1, 2, … modulo 10. */
function idx(...shape: number[]): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length)
  header.set([0, 0, 8, shape.length])
  for (const [i, n] of shape.entries()) header.writeUInt32BE(n, 4 + 4 * i)
  const size = shape.reduce((a, b) => a * b, 1)
  return Buffer.concat([header, Buffer.from(Array.from({ length: size }, (_, i) => i % 10))])
}

const MNIST = {
  'train-images-idx3-ubyte.gz': gzipSync(idx(3, 2, 2)),
  'train-labels-idx1-ubyte.gz': gzipSync(idx(3)),
  't10k-images-idx3-ubyte': idx(2, 2, 2),
  't10k-labels-idx1-ubyte': idx(2),
}
/** Records whose bytes are their labels and then 7, with a red corner. */
const cifar = (...labels: number[][]) =>
  Buffer.concat(labels.map((own) => Buffer.from([...own, 99, ...Array<number>(3071).fill(7)])))
const CIFAR10 = {
  ...Object.fromEntries([1, 2, 3, 4, 5].map((i) => [`data_batch_${i}.bin`, cifar([i], [9])])),
  'test_batch.bin': cifar([0]),
}
const CIFAR100 = {
  'train.bin': cifar([3, 77], [19, 0]),
  'test.bin.gz': gzipSync(cifar([1, 99])),
  'coarse_label_names.txt': `${Array.from({ length: 20 }, (_, i) => `c${i}`).join('\n')}\n`,
}

function folder(files: Record<string, Buffer | string>): string {
  const root = mkdtempSync(join(tmpdir(), 'sets-'))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(root, name), content)
  return root
}

const served: Record<string, Buffer | string> = {
  ...Object.fromEntries(Object.entries(MNIST).map(([name, file]) => [`/mnist/${name}`, file])),
  ...Object.fromEntries(Object.entries(CIFAR10).map(([name, file]) => [`/cifar/${name}`, file])),
  '/page/train-images-idx3-ubyte': '<!doctype html>',
}
const server = createServer((request, response) => {
  const file = served[request.url ?? '']
  if (request.url?.startsWith('/broken/')) response.writeHead(500).end()
  else if (request.url === '/cut') {
    response.writeHead(200, { 'content-length': 100 })
    response.write('x', () => response.destroy())
  } else if (file === undefined) response.writeHead(404).end('not here')
  else response.writeHead(200, { 'content-length': Buffer.byteLength(file) }).end(file)
})
let base = ''
beforeAll(async () => {
  await initForTest()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => void server.close())

const asItIs = data.normalize(0, 1 / 255)
const all = (set: data.ImageDataset) => set.getBatch(Int32Array.from({ length: set.length }, (_, i) => i))

describe('mnist and fashionMnist', () => {
  it('say where they come from, what the classes are, and what differs from the known files', async () => {
    const known = await data.mnist()
    expect([known.notes, known.source, known.train.classes?.[9]]).toEqual([
      [],
      expect.stringContaining('LeCun'),
      '9',
    ])
    const root = folder(MNIST)
    const other = await data.mnist({ root })
    expect(other.notes).toHaveLength(4)
    expect(other.notes[0]).toMatch(
      /train-images-idx3-ubyte\.gz is not the file that is known under this name: its MD5 is [0-9a-f]{32}, expected f68b/,
    )
    const clothes = await data.fashionMnist({ root, transform: asItIs })
    expect(clothes.source).toContain('Zalando')
    expect(clothes.train.classes?.[0]).toBe('T-shirt/top')
    // Of plain files of Fashion-MNIST nobody knows a sum.
    expect(clothes.notes).toHaveLength(2)
    expect(all(clothes.train)[0].toArray()).toEqual([
      [
        [
          [0, 1],
          [2, 3],
        ],
      ],
      [
        [
          [4, 5],
          [6, 7],
        ],
      ],
      [
        [
          [8, 9],
          [0, 1],
        ],
      ],
    ])
  })

  it('come from the web, with progress', async () => {
    for (const { mnist, fashionMnist } of [data, web]) {
      const seen: data.FetchProgress[] = []
      const { train, test } = await mnist({
        url: `${base}/mnist`,
        onProgress: (progress) => void seen.push(progress),
      })
      expect([train.length, test.length]).toEqual([3, 2])
      const last = seen.at(-1)
      expect(last).toEqual({ url: `${base}/mnist/t10k-labels-idx1-ubyte`, loaded: 10, total: 10 })
      expect((await fashionMnist({ url: `${base}/mnist/` })).train.length).toBe(3)
    }
  })

  it('tell what the server did', async () => {
    await expect(data.mnist({ url: `${base}/none` })).rejects.toThrow(
      /none has none of the files train-images/,
    )
    await expect(data.mnist({ url: `${base}/broken/` })).rejects.toThrow(/the server says 500/)
    await expect(data.mnist({ url: `${base}/page` })).rejects.toThrow(/HTML/)
    await expect(data.mnist({ url: 'http://127.0.0.1:1/' })).rejects.toThrow(/can't be reached/)
    await expect(data.fetchBytes(`${base}/cut`)).rejects.toThrow(/broke off after/)
    await expect(data.fetchBytes(`${base}/mnist/t10k-labels-idx1-ubyte`, { limit: 9 })).rejects.toThrow(
      /more than 9 bytes/,
    )
    await expect(data.fetchBytes(5 as never)).rejects.toThrow(ArgumentError)
    const stopped = AbortSignal.abort(new Error('enough'))
    await expect(data.mnist({ url: `${base}/mnist`, signal: stopped })).rejects.toThrow('enough')
  })

  it('want a folder or an address', async () => {
    await expect(data.fashionMnist({})).rejects.toThrow(/give the folder with its files.*zalandoresearch/)
    await expect(web.mnist({})).rejects.toThrow(/give the address/)
    for (const options of [
      { root: 5 },
      { url: 5 },
      { root: 'a', url: 'b' },
      { onProgress: 1 },
      { folder: 'a' },
      { testTransform: 5 },
    ]) {
      await expect(data.mnist(options as never)).rejects.toThrow(ArgumentError)
    }
  })
})

describe('cifar10 and cifar100', () => {
  it('are the batches one after the other', async () => {
    for (const make of [
      () => data.cifar10({ root: folder(CIFAR10), transform: asItIs }),
      () => web.cifar10({ url: `${base}/cifar`, transform: asItIs }),
    ]) {
      const { train, test, source } = await make()
      expect([train.length, test.length, train.imageShape]).toEqual([10, 1, [3, 32, 32]])
      const [x, y] = all(train)
      expect(y.toArray()).toEqual([1, 9, 2, 9, 3, 9, 4, 9, 5, 9])
      expect([...x.toFloat32Array().subarray(3072, 3075)]).toEqual([99, 7, 7])
      expect([train.classes?.[1], source]).toEqual(['automobile', expect.stringContaining('Krizhevsky')])
    }
  })

  it('have fine or coarse labels', async () => {
    const root = folder(CIFAR100)
    const fine = await data.cifar100({ root })
    expect([fine.train.labels.toArray(), fine.test.labels.toArray(), fine.train.classes]).toEqual([
      [77, 0],
      [99],
      undefined,
    ])
    const coarse = await data.cifar100({ root, labels: 'coarse' })
    expect([coarse.train.labels.toArray(), coarse.train.classes?.[3]]).toEqual([[3, 19], 'c3'])
  })

  it('note which files are not the known ones', async () => {
    // Of the known size, and other bytes.
    const root = folder({ ...CIFAR10, 'data_batch_3.bin': Buffer.alloc(10_000 * 3073) })
    const { notes } = await data.cifar10({ root })
    expect(notes).toHaveLength(6)
    expect(notes[0]).toMatch(/data_batch_1\.bin is not the file .* it has 6146 bytes, expected 30730000/)
    expect(notes[2]).toMatch(
      /data_batch_3\.bin .* MD5 is [0-9a-f]{32}, expected 942cd6a4bcdd0dd3c604fbe906cb4421/,
    )
    expect((await web.cifar10({ url: `${base}/cifar` })).notes).toHaveLength(6)
    const { notes: of100 } = await data.cifar100({ root: folder(CIFAR100) })
    expect(of100.map((note) => note.match(/has .*/)?.[0])).toEqual([
      'has 6148 bytes, expected 153700000',
      'has 3074 bytes, expected 30740000',
    ])
    // The known one is.
    const own: string[] = []
    const find = async () => ({ bytes: Buffer.alloc(10_000 * 3073), where: 'x', packed: Buffer.alloc(0) })
    await noting(find, own, () => '803d5f7f4d78ea53de84dbe85f74fb6d')(['test_batch.bin'])
    await noting(find, own)(['batches.meta.txt'])
    expect(own).toEqual([])
  })

  it('refuse other files', async () => {
    await expect(data.cifar10({ root: folder({}) })).rejects.toThrow(
      /looked for data_batch_1\.bin, data_batch_1\.bin\.gz/,
    )
    await expect(data.cifar10({} as never)).rejects.toThrow(/give the folder with its files/)
    await expect(
      data.cifar10({ root: folder({ ...CIFAR10, 'data_batch_2.bin': Buffer.alloc(100) }) }),
    ).rejects.toThrow(/data_batch_2\.bin is no binary file of CIFAR-10/)
    expect(() => data.parseCifar(cifar([10]))).toThrow(/label 10 at image 0; expected labels from 0 to 9/)
    expect(() => data.parseCifar(gzipSync(cifar([1])))).toThrow(/It is gzip/)
    expect(() => data.parseCifar(new Uint8Array())).toThrow(DataError)
    expect(() => data.parseCifar(cifar([1]), { classes: 20 } as never)).toThrow(ArgumentError)
    expect(() => data.parseCifar('x' as never)).toThrow(ArgumentError)
  })
})
