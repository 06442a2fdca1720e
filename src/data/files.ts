/** Where the files of a known data set come from. */
import { DataError } from '../errors.js'
import { FetchError, type FetchOptions, fetchBytes } from './fetch.js'
import { gunzip, isGzip } from './gunzip.js'

/** A file's content, decompressed, and its name for errors. */
export interface FoundFile {
  readonly bytes: Uint8Array
  readonly where: string
  /** The content as it was found. */
  readonly packed: Uint8Array
}

/** Finds a file under one of several names. @throws {DataError} where there is none */
export type FindFile = (names: readonly string[]) => Promise<FoundFile>

/** Decompressed where the content is gzip, whatever its name. */
export async function unpacked(packed: Uint8Array, where: string): Promise<FoundFile> {
  return { bytes: isGzip(packed) ? await gunzip(packed, where) : packed, where, packed }
}

/** Files in a folder of a web server. */
export function filesAt(base: string, options: FetchOptions): FindFile {
  const folder = base.endsWith('/') ? base : `${base}/`
  return async (names) => {
    for (const name of names) {
      const url = `${folder}${name}`
      try {
        return await unpacked(await fetchBytes(url, options), url)
      } catch (error) {
        if (!(error instanceof FetchError && error.status === 404)) throw error
      }
    }
    throw new DataError(`${base} has none of the files ${names.join(', ')}. Put one of them there.`)
  }
}
