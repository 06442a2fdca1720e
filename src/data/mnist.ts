/** MNIST and sets that keep its names and format: Fashion-MNIST, KMNIST. */
import { DataError } from '../errors.js'
import type { FetchProgress } from './fetch.js'
import type { FindFile, FoundFile } from './files.js'
import { checkMnistPair, type IdxArray, parseIdx } from './idx.js'
import { ImageDataset } from './image-dataset.js'
import type { Transform } from './transforms.js'

/** Images [count, rows, columns] and labels [count], checked against each other. */
export interface MnistPart {
  images: IdxArray
  labels: IdxArray
}

/** Both parts of the data set, as bytes 0 to 255, and the four files as they were found. */
export interface MnistFiles {
  train: MnistPart
  test: MnistPart
  files: readonly FoundFile[]
}

/** Options of the data sets that are read from files. */
export interface FilesOptions {
  /** The folder with the files, plain or .gz. Not in browsers. */
  root?: string
  /** The address of such a folder, in place of `root`. */
  url?: string
  /** What becomes of the training images, and of the test images unless `testTransform` says otherwise. */
  transform?: Transform
  /** What becomes of the test images, where the training images are augmented. */
  testTransform?: Transform
  /** Called while files come from a `url`. */
  onProgress?: (progress: FetchProgress) => void
  /** Ends downloads. */
  signal?: AbortSignal
}

/** What `mnist` takes. */
export type MnistOptions = FilesOptions

/** The two parts of MNIST. */
export interface Mnist {
  /** 60,000 images. */
  train: ImageDataset
  /** 10,000 images. */
  test: ImageDataset
  /** Who made it, and where it is from. */
  source: string
  /** What is worth a word: files that are not the ones known under these names. Empty where there is nothing. */
  notes: readonly string[]
}

/** A known set: where it is from, its classes, and the MD5 of its files, by what is in them. */
export interface KnownSet {
  readonly source: string
  readonly classes: readonly string[]
  /** By stem: of the content, or of the .gz file. */
  readonly md5: Readonly<Record<string, readonly string[]>>
}

const digits = Array.from({ length: 10 }, (_, i) => String(i))

/** The MD5 of the .gz files are torchvision's (torchvision/datasets/mnist.py). */
export const MNIST: KnownSet = {
  source:
    'MNIST: Yann LeCun, Corinna Cortes, Christopher J. C. Burges, 1998; http://yann.lecun.com/exdb/mnist',
  classes: digits,
  md5: {
    'train-images': ['f68b3c2dcbeaaa9fbdd348bbdeb94873', '6bbc9ace898e44ae57da46a324031adb'],
    'train-labels': ['d53e105ee54ea40749a09fcbcd1e9432', 'a25bea736e30d166cdddb491f175f624'],
    't10k-images': ['9fb629c4189551a2d022fa330f9573f3', '2646ac647ad5339dbf082846283269ea'],
    't10k-labels': ['ec29112dd5afa0611ce80d1b7f02629c', '27ae3e4e09519cfbb04c329615203637'],
  },
}

export const FASHION_MNIST: KnownSet = {
  source:
    'Fashion-MNIST: Han Xiao, Kashif Rasul, Roland Vollgraf (Zalando), 2017, MIT licence; https://github.com/zalandoresearch/fashion-mnist',
  classes: [
    ...['T-shirt/top', 'Trouser', 'Pullover', 'Dress', 'Coat'],
    ...['Sandal', 'Shirt', 'Sneaker', 'Bag', 'Ankle boot'],
  ],
  md5: {
    'train-images': ['8d4fb7e6c68d591d4c3dfef9ec88bf0d'],
    'train-labels': ['25c81989df183df01b3e8a0aad5dffbe'],
    't10k-images': ['bef4ecab320f06d8554ea6380940ec79'],
    't10k-labels': ['bb300cfdad3c16e7a12a480ee83cd310'],
  },
}

/** The order of `MnistFiles.files`. */
export const STEMS = ['train-images', 'train-labels', 't10k-images', 't10k-labels'] as const

/**
 * Reads and checks the four files, one at a time.
 *
 * @param where the files are, for errors
 * @throws {DataError} naming the file: missing, unreadable, damaged, or images and labels that do not belong together
 */
export async function mnistOf(find: FindFile, where: string): Promise<MnistFiles> {
  const files: FoundFile[] = []
  const read = async (stem: string, kind: string): Promise<IdxArray> => {
    const plain = [`${stem}-${kind}`, `${stem}.${kind}`]
    const file = await find([...plain, ...plain.map((name) => `${name}.gz`)])
    files.push(file)
    return parseIdx(file.bytes, file.where)
  }
  const part = async (name: string): Promise<MnistPart> => {
    const images = await read(`${name}-images`, 'idx3-ubyte')
    const labels = await read(`${name}-labels`, 'idx1-ubyte')
    const [whereImages, whereLabels] = files.slice(-2).map((file) => file.where)
    checkMnistPair(images, labels, whereImages, whereLabels)
    return { images, labels }
  }
  const [train, test] = [await part('train'), await part('t10k')]
  const [trainSize, testSize] = [train, test].map(({ images }) => images.shape.slice(1).join('×'))
  if (trainSize !== testSize) {
    throw new DataError(
      `${where} mixes two data sets: its training images are ${trainSize} pixels and its test images ${testSize}. Keep the four files of one set in a folder.`,
    )
  }
  return { train, test, files }
}

/** Makes the data sets from the four files' contents. */
export function mnistFrom(
  { train, test }: MnistFiles,
  { transform, testTransform = transform }: FilesOptions,
  { source, classes }: KnownSet,
  notes: readonly string[] = [],
): Mnist {
  return {
    train: new ImageDataset(train.images, train.labels, transform, classes),
    test: new ImageDataset(test.images, test.labels, testTransform, classes),
    source,
    notes,
  }
}
