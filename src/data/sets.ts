/** Known data sets from the web: what browsers have. */
import { checkOptions, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { type Cifar, cifar10Of, cifar100Of } from './cifar.js'
import { filesAt } from './files.js'
import {
  FASHION_MNIST,
  type FilesOptions,
  type KnownSet,
  MNIST,
  type Mnist,
  mnistFrom,
  mnistOf,
} from './mnist.js'
import { checkTransform } from './transforms.js'

const OPTIONS = ['root', 'url', 'transform', 'testTransform', 'onProgress', 'signal']

/** @throws {ArgumentError} for what is unknown or of another kind, before anything is read */
export function checkFiles(name: string, options: FilesOptions, more: readonly string[] = []): void {
  checkOptions(name, options, [...OPTIONS, ...more])
  const { root, url, transform, testTransform, onProgress } = options
  if (root !== undefined && typeof root !== 'string') {
    throw new ArgumentError(`${name}: root is a folder's path, got ${kindOf(root)}`)
  }
  if (url !== undefined && typeof url !== 'string') {
    throw new ArgumentError(`${name}: url is a folder's address, got ${kindOf(url)}`)
  }
  if (root !== undefined && url !== undefined) {
    throw new ArgumentError(`${name}: root and url both say where the files are; give one`)
  }
  for (const value of [transform, testTransform]) if (value !== undefined) checkTransform(name, value)
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw new ArgumentError(`${name}: onProgress is a function, got ${kindOf(onProgress)}`)
  }
}

/** The address, where there is one. @throws {ArgumentError} where there must be */
function urlOf(name: string, { url }: FilesOptions): string {
  if (url !== undefined) return url
  throw new ArgumentError(
    `${name}: give the address of the folder with its files: ${name}({ url: 'https://…/' })`,
  )
}

/** An MNIST-like set from an address. */
export async function mnistAt(name: string, options: FilesOptions, known: KnownSet): Promise<Mnist> {
  const url = urlOf(name, options)
  const { onProgress, signal } = options
  return mnistFrom(await mnistOf(filesAt(url, { onProgress, signal }), url), options, known)
}

/** CIFAR-10 or -100 from an address. */
export async function cifarAt(name: string, options: CifarOptions): Promise<Cifar> {
  const { onProgress, signal, transform, testTransform } = options
  const find = filesAt(urlOf(name, options), { onProgress, signal })
  const transforms = { train: transform, test: testTransform ?? transform }
  return name === 'cifar10'
    ? cifar10Of(find, transforms)
    : cifar100Of(find, transforms, options.labels ?? 'fine')
}

/** What `cifar100` takes besides. */
export interface CifarOptions extends FilesOptions {
  /** CIFAR-100 alone: the 100 fine (default) or the 20 coarse labels. */
  labels?: 'fine' | 'coarse'
}

/**
 * MNIST (LeCun, Cortes and Burges): 60,000 and 10,000 digits of 28 × 28, from a folder of a web server.
 *
 * @throws {ArgumentError} for options that are missing, unknown or of another kind
 * @throws {DataError} where the files are missing or broken
 */
export async function mnist(options: FilesOptions): Promise<Mnist> {
  checkFiles('mnist', options)
  return mnistAt('mnist', options, MNIST)
}

/** Fashion-MNIST (Xiao, Rasul and Vollgraf): as `mnist`, of clothes. @throws as `mnist` */
export async function fashionMnist(options: FilesOptions): Promise<Mnist> {
  checkFiles('fashionMnist', options)
  return mnistAt('fashionMnist', options, FASHION_MNIST)
}

/** CIFAR-10 (Krizhevsky): 50,000 and 10,000 images of 3 × 32 × 32, from its binary version's files. @throws as `mnist` */
export async function cifar10(options: FilesOptions): Promise<Cifar> {
  checkFiles('cifar10', options)
  return cifarAt('cifar10', options)
}

/** CIFAR-100 (Krizhevsky): as `cifar10`, of 100 classes. @throws as `mnist` */
export async function cifar100(options: CifarOptions): Promise<Cifar> {
  checkFiles('cifar100', options, ['labels'])
  return cifarAt('cifar100', options)
}
