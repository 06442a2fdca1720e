/** Files in a folder. Node, Bun and Deno only. */
import { type FileHandle, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { DataError } from '../errors.js'
import { type FindFile, unpacked } from './files.js'

/**
 * Finds files in a folder.
 *
 * @param what it should hold, for errors
 * @throws {DataError} where the folder can't be read
 */
export async function filesIn(directory: string, what: string): Promise<FindFile> {
  const there = new Set(await namesIn(directory, what))
  return async (names) => {
    const found = names.find((name) => there.has(name))
    if (found === undefined) {
      throw new DataError(
        `The folder ${directory} lacks a file of ${what}: looked for ${names.join(', ')}. Put one of them there.`,
      )
    }
    const path = join(directory, found)
    return unpacked(await readWhole(path), path)
  }
}

/** The names in a folder, in order. @throws {DataError} */
export async function namesIn(directory: string, what: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort()
  } catch (cause) {
    throw new DataError(
      `The folder ${directory} can't be read (${codeOf(cause)}). Check the path; it should be a folder with ${what}.`,
      { cause },
    )
  }
}

/** As fs.readFile, whose chunks and their concatenation would take the file's size twice. */
export async function readWhole(path: string): Promise<Uint8Array> {
  let file: FileHandle | undefined
  try {
    file = await open(path)
    const bytes = new Uint8Array((await file.stat()).size)
    for (let at = 0; at < bytes.length; ) {
      const { bytesRead } = await file.read(bytes, at, bytes.length - at)
      if (bytesRead === 0) return bytes.subarray(0, at)
      at += bytesRead
    }
    return bytes
  } catch (cause) {
    throw new DataError(`${path} can't be read (${codeOf(cause)}). Check its permissions.`, {
      cause,
    })
  } finally {
    await file?.close()
  }
}

export function codeOf(cause: unknown): string {
  if (cause instanceof Error && 'code' in cause) return String(cause.code)
  return String(cause)
}
