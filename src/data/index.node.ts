import { checkOptions, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { type Mnist, type MnistOptions, mnistFrom } from './mnist.js'
import { readMnistFiles } from './mnist-files.js'
import { checkTransform } from './transforms.js'

export * from './index.js'
export type { Mnist, MnistOptions }

/**
 * MNIST (LeCun, Cortes and Burges): 60,000 and 10,000 digits of 28 × 28.
 *
 * @throws {ArgumentError} for a root that is no text, a transform that is none, or an unknown option
 * @throws {DataError} where the files are missing (it says the line that installs them) or broken
 */
export async function mnist(options: MnistOptions = {}): Promise<Mnist> {
  checkOptions('mnist', options, ['root', 'transform'])
  const { root, transform } = options
  // Before 55 MB are read.
  if (root !== undefined && typeof root !== 'string') {
    throw new ArgumentError(`mnist: root is a folder's path, got ${kindOf(root)}`)
  }
  if (transform !== undefined) checkTransform('mnist', transform)
  return mnistFrom(await readMnistFiles(root), transform)
}
