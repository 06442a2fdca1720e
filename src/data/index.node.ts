import { checkOptions } from '../check.js'
import { type Mnist, type MnistOptions, mnistFrom } from './mnist.js'
import { readMnistFiles } from './mnist-files.js'

export * from './index.js'
export type { Mnist, MnistOptions }

/**
 * MNIST (LeCun, Cortes and Burges): 60,000 and 10,000 digits of 28 × 28.
 *
 * @throws {DataError} where the files are missing (it says the line that installs them) or broken
 */
export async function mnist(options: MnistOptions = {}): Promise<Mnist> {
  checkOptions('mnist', options, ['root', 'transform'])
  const { root, transform } = options
  return mnistFrom(await readMnistFiles(root), transform)
}
