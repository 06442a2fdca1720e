/**
 * CIFAR-10 and CIFAR-100 (Krizhevsky, 2009) in their binary versions: records of labels (one byte, in CIFAR-100 two:
 * coarse and fine) and 3 × 32 × 32 bytes, red before green before blue. https://www.cs.toronto.edu/~kriz/cifar.html
 */
import { checkOptions, isBytes, kindOf } from '../check.js'
import { ArgumentError, DataError } from '../errors.js'
import { noting } from './cifar-files.js'
import type { FindFile, FoundFile } from './files.js'
import type { IdxArray } from './idx.js'
import { ImageDataset } from './image-dataset.js'
import type { Transform } from './transforms.js'

const PIXELS = 3 * 32 * 32

/** Options of `parseCifar`. */
export interface ParseCifarOptions {
  /** 10 (default) or 100: which of the two it is. */
  classes?: 10 | 100
  /** CIFAR-100 alone: the 100 fine (default) or the 20 coarse labels. */
  labels?: 'fine' | 'coarse'
}

/**
 * Images [N, 3, 32, 32] and labels [N] of a binary file.
 *
 * @param bytes the whole file
 * @param where names it in errors
 * @throws {ArgumentError} for what is no Uint8Array, or options that are none
 * @throws {DataError} for bytes that are no whole number of records, or a label that there is not
 */
export function parseCifar(
  bytes: Uint8Array,
  options: ParseCifarOptions = {},
  where = 'the given bytes',
): { images: IdxArray; labels: IdxArray } {
  if (!isBytes(bytes))
    throw new ArgumentError(`parseCifar: expected a file's bytes as a Uint8Array, got ${kindOf(bytes)}`)
  checkOptions('parseCifar', options, ['classes', 'labels'])
  const { classes = 10, labels: kind = 'fine' } = options
  if (classes !== 10 && classes !== 100)
    throw new ArgumentError(`parseCifar: classes is 10 or 100, got ${kindOf(classes)}`)
  if (kind !== 'fine' && kind !== 'coarse') {
    throw new ArgumentError(`parseCifar: labels is 'fine' or 'coarse', got ${kindOf(kind)}`)
  }
  const labelBytes = classes === 10 ? 1 : 2
  const record = labelBytes + PIXELS
  const count = bytes.length / record
  if (!Number.isInteger(count) || count === 0) {
    const archive = bytes[0] === 0x1f && bytes[1] === 0x8b ? ' It is gzip: unpack the archive first.' : ''
    throw new DataError(
      `${where} is no binary file of CIFAR-${classes}: its ${bytes.length} bytes are no whole number of records of ${record}.${archive} Get the binary version, not those for Python or Matlab.`,
    )
  }
  const [images, labels] = [new Uint8Array(count * PIXELS), new Uint8Array(count)]
  const [most, at] = classes === 10 ? [10, 0] : kind === 'coarse' ? [20, 0] : [100, 1]
  for (let i = 0; i < count; i++) {
    const label = bytes[i * record + at]
    if (label >= most) {
      throw new DataError(
        `${where} has the label ${label} at image ${i}; expected labels from 0 to ${most - 1}. Is it the binary version of CIFAR-${classes}?`,
      )
    }
    labels[i] = label
    images.set(bytes.subarray(i * record + labelBytes, (i + 1) * record), i * PIXELS)
  }
  return { images: { shape: [count, 3, 32, 32], data: images }, labels: { shape: [count], data: labels } }
}

/** The two parts of CIFAR-10 or CIFAR-100. */
export interface Cifar {
  /** 50,000 images. */
  train: ImageDataset
  /** 10,000 images. */
  test: ImageDataset
  /** Who made it, and where it is from. */
  source: string
  /**
   * Files that are not the known ones, in words: by their sizes and, of CIFAR-10 and in Node, Bun and Deno, their MD5.
   * Empty where all are.
   */
  notes: readonly string[]
}

const SOURCE =
  'CIFAR: Alex Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009; https://www.cs.toronto.edu/~kriz/cifar.html'

const NAMES_10 = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck']

type Md5 = (bytes: Uint8Array) => string

/** What becomes of the images of each part. */
interface Transforms {
  train: Transform | undefined
  test: Transform | undefined
}

/** CIFAR-10 of its six files, one after the other. @throws {DataError} */
export async function cifar10Of(given: FindFile, transforms: Transforms, md5Of?: Md5): Promise<Cifar> {
  const notes: string[] = []
  const find = noting(given, notes, md5Of)
  const train: FoundFile[] = []
  for (let i = 1; i <= 5; i++) train.push(await find(namesOf(`data_batch_${i}.bin`)))
  const test = await find(namesOf('test_batch.bin'))
  const make = (files: readonly FoundFile[], transform: Transform | undefined) =>
    join(files, { classes: 10 }, transform, NAMES_10)
  return { train: make(train, transforms.train), test: make([test], transforms.test), source: SOURCE, notes }
}

/** CIFAR-100 of its two files, and the one of names, where it is. @throws {DataError} */
export async function cifar100Of(
  given: FindFile,
  transforms: Transforms,
  labels: 'fine' | 'coarse',
): Promise<Cifar> {
  const notes: string[] = []
  const find = noting(given, notes)
  const [train, test] = [await find(namesOf('train.bin')), await find(namesOf('test.bin'))]
  const names = await find([`${labels}_label_names.txt`]).catch(() => undefined)
  const list = names && new TextDecoder().decode(names.bytes.slice()).split(/\r?\n/).filter(Boolean)
  const classes = list?.length === (labels === 'fine' ? 100 : 20) ? list : undefined
  const make = (file: FoundFile, transform: Transform | undefined) =>
    join([file], { classes: 100, labels }, transform, classes)
  return { train: make(train, transforms.train), test: make(test, transforms.test), source: SOURCE, notes }
}

const namesOf = (name: string) => [name, `${name}.gz`]

function join(
  files: readonly FoundFile[],
  options: ParseCifarOptions,
  transform: Transform | undefined,
  classes: readonly string[] | undefined,
): ImageDataset {
  const parts = files.map(({ bytes, where }) => parseCifar(bytes, options, where))
  const count = parts.reduce((sum, { labels }) => sum + labels.data.length, 0)
  const [images, labels] = [new Uint8Array(count * PIXELS), new Uint8Array(count)]
  let at = 0
  for (const part of parts) {
    images.set(part.images.data, at * PIXELS)
    labels.set(part.labels.data, at)
    at += part.labels.data.length
  }
  return new ImageDataset(
    { shape: [count, 3, 32, 32], data: images },
    { shape: [count], data: labels },
    transform,
    classes,
  )
}
