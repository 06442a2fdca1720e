/** What is known of CIFAR's files: see `notes` of the sets. */
import type { FindFile } from './files.js'

interface KnownFile {
  /** Bytes. */
  readonly size: number
  readonly md5?: string
}

const batch = (md5: string): KnownFile => ({ size: 10_000 * 3073, md5 })

/**
 * The MD5 of CIFAR-10's files are given alike by github.com/rai-project/dldataset (vision/cifar10.go) and in CMake's form
 * by C++ projects that check them after unpacking. Of CIFAR-100's no two such sources were found: sizes alone.
 */
const KNOWN = new Map<string, KnownFile>([
  ['data_batch_1.bin', batch('5dd7e06a14cb22eb9f671a540d1b7c25')],
  ['data_batch_2.bin', batch('5ea93a67294ea407fff1d09f752e9692')],
  ['data_batch_3.bin', batch('942cd6a4bcdd0dd3c604fbe906cb4421')],
  ['data_batch_4.bin', batch('ae636b3ba5c66a11e91e8cb52e771fcb')],
  ['data_batch_5.bin', batch('53f37980c15c3d472c316c40844f3f0d')],
  ['test_batch.bin', batch('803d5f7f4d78ea53de84dbe85f74fb6d')],
  ['train.bin', { size: 50_000 * 3074 }],
  ['test.bin', { size: 10_000 * 3074 }],
])

/**
 * Finds files as `find` does, and notes which are not the known ones: a word, no error, since other files of the format
 * are data too.
 *
 * @param md5Of in hex, where there is such a function
 */
export function noting(find: FindFile, notes: string[], md5Of?: (bytes: Uint8Array) => string): FindFile {
  return async (names) => {
    const file = await find(names)
    const known = KNOWN.get(names[0])
    const { bytes, where } = file
    if (known && bytes.length !== known.size) {
      notes.push(
        `${where} is not the file that is known under this name: it has ${bytes.length} bytes, expected ${known.size}`,
      )
    } else if (known?.md5 && md5Of) {
      const sum = md5Of(bytes)
      if (sum !== known.md5) {
        notes.push(
          `${where} is not the file that is known under this name: its MD5 is ${sum}, expected ${known.md5}`,
        )
      }
    }
    return file
  }
}
