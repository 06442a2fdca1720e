// CIFAR-10's own binary files (https://www.cs.toronto.edu/~kriz/cifar.html): a label and 3 × 32 × 32 bytes each.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { data } from 'simdgrad'

const RECORD = 1 + 3072

/**
 * The dataset in a folder's data_batch_*.bin and test_batch.bin.
 *
 * @param {string} folder
 */
export async function cifar10(folder) {
  const names = await readdir(folder)
  const train = names.filter((name) => /^data_batch_\d\.bin$/.test(name)).sort()
  if (train.length === 0 || !names.includes('test_batch.bin')) {
    throw new Error(`${folder} has no data_batch_1.bin and test_batch.bin, CIFAR-10's binary files`)
  }
  return { train: await read(folder, train), test: await read(folder, ['test_batch.bin']) }
}

/** @param {string} folder @param {string[]} names */
async function read(folder, names) {
  const files = await Promise.all(names.map((name) => readFile(join(folder, name))))
  const records = Buffer.concat(files)
  const count = records.length / RECORD
  if (!Number.isInteger(count)) throw new Error(`${names} in ${folder}: not a whole number of images`)
  const images = new Uint8Array(count * 3072)
  const labels = new Uint8Array(count)
  for (let i = 0; i < count; i++) {
    labels[i] = records[i * RECORD]
    images.set(records.subarray(i * RECORD + 1, (i + 1) * RECORD), i * 3072)
  }
  return new data.ImageDataset({ shape: [count, 3, 32, 32], data: images }, { shape: [count], data: labels })
}
