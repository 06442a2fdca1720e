/** NumPy's .npz: a ZIP archive of .npy files, an array each. */

import { readZip, writeZip } from '../bytes/zip.js'
import { kindOf } from '../check.js'
import { ArgumentError, DataError } from '../errors.js'
import { Tensor } from '../tensor/tensor.js'
import { checkFileBytes, encodeNpy, parseNpy } from './npy.js'

/**
 * The tensors in a .npz file's bytes, as `numpy.savez` and `numpy.savez_compressed` write them, by name.
 *
 * @param bytes the whole file
 * @param where names the file in errors
 * @returns an object without a prototype
 * @throws {ArgumentError} for what is no Uint8Array
 * @throws {DataError} for bytes that are none, are damaged, or hold what no tensor takes
 */
export async function parseNpz(
  bytes: Uint8Array,
  where = 'the given bytes',
): Promise<Record<string, Tensor>> {
  checkFileBytes('parseNpz', bytes)
  const entries = readZip(bytes, where)
  const total = entries.reduce((sum, { size }) => sum + size, 0)
  if (total >= 2 ** 31) {
    throw new DataError(`${where} unpacks to ${total} bytes, more than 2 GB. Split it into several files.`)
  }
  const tensors: Record<string, Tensor> = Object.create(null)
  for (const entry of entries) {
    const name = /^(.+)\.npy$/s.exec(entry.name)?.[1]
    if (name === undefined) {
      throw new DataError(
        `${where} has the entry ${JSON.stringify(entry.name)}, which is no .npy file. Is it an .npz file at all?`,
      )
    }
    tensors[name] = parseNpy(await entry.read(), `${where}: ${entry.name}`)
  }
  return tensors
}

/**
 * Tensors as the bytes of a .npz file, which `numpy.load` reads; not compressed, as of `numpy.savez`.
 *
 * @param tensors by name
 * @throws {ArgumentError} for what is no object of tensors, or a name that is none
 */
export function encodeNpz(tensors: Readonly<Record<string, Tensor>>): Uint8Array {
  if (
    typeof tensors !== 'object' ||
    tensors === null ||
    tensors instanceof Tensor ||
    Array.isArray(tensors)
  ) {
    throw new ArgumentError(
      `encodeNpz: expected an object of tensors, such as { x, y }, got ${kindOf(tensors)}`,
    )
  }
  const entries = Object.entries(tensors).map(([name, x]) => {
    if (!(x instanceof Tensor))
      throw new ArgumentError(`encodeNpz: ${name} is ${kindOf(x)}, expected a tensor`)
    // A reader may make a path of it.
    if (name === '' || /[/\\\0]|^\.+$/.test(name)) {
      throw new ArgumentError(`encodeNpz: ${JSON.stringify(name)} is no name for an array: without / and \\`)
    }
    return [`${name}.npy`, encodeNpy(x)] as const
  })
  return writeZip(entries)
}
