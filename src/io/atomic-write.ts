/** Writing a file so that it is never seen half written. Node, Bun and Deno only. */
import { randomUUID } from 'node:crypto'
import { type FileHandle, open, realpath, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { SimdgradError } from '../errors.js'

/**
 * Writes `bytes` to `path`, replacing what was there, whole or not at all: they go to a temporary
 * file in the same folder, are flushed to the disk, and take the name in one step. A symbolic link
 * is followed, and a replaced file's permissions are kept.
 *
 * @throws SimdgradError when it can't be written; the old file is then as it was, and no temporary
 *   file is left.
 */
export async function writeFileAtomic(path: string, bytes: Uint8Array): Promise<void> {
  let temporary: string | undefined
  let file: FileHandle | undefined
  try {
    const target = await realpath(path).catch(ifMissing(path))
    const old = await stat(target).catch(ifMissing(undefined))
    if (old && !old.isFile()) throw new Error('it is a folder or a device, not a file')
    temporary = join(dirname(target), `.${basename(target)}.${randomUUID()}.tmp`)
    file = await open(temporary, 'wx')
    if (old) await file.chmod(old.mode)
    await file.writeFile(bytes)
    await file.sync()
    await file.close()
    await rename(temporary, target)
  } catch (cause) {
    await file?.close().catch(() => undefined)
    if (temporary !== undefined) await rm(temporary, { force: true }).catch(() => undefined)
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new SimdgradError(
      `${path} could not be written: ${why}. What was there before is unchanged. Check that its ` +
        'folder exists, can be written and has room.',
      { cause },
    )
  }
}

/** `value` for a file that is not there; any other error goes on. */
function ifMissing<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return value
    throw error
  }
}
