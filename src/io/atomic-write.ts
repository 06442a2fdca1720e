/** Writing a file so that it is never seen half written. Node, Bun and Deno only. */
import { randomUUID } from 'node:crypto'
import { type FileHandle, open, realpath, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { SimdgradError } from '../errors.js'

/** A temporary file that is to take a path's name. */
interface Beside {
  /** The path, with symbolic links followed. */
  target: string
  temporary: string
  file: FileHandle
}

/** Makes the temporary file, in the same folder and with the permissions of what it is to replace. */
async function openBeside(path: string): Promise<Beside> {
  const target = await realpath(path).catch(ifMissing(path))
  const old = await stat(target).catch(ifMissing(undefined))
  if (old && !old.isFile()) throw new Error('it is a folder or a device, not a file')
  const temporary = join(dirname(target), `.${basename(target)}.${randomUUID()}.tmp`)
  const file = await open(temporary, 'wx')
  const beside = { target, temporary, file }
  try {
    if (old) await file.chmod(old.mode)
  } catch (error) {
    await forget(beside)
    throw error
  }
  return beside
}

async function forget({ temporary, file }: Beside): Promise<void> {
  await file.close().catch(() => undefined)
  await rm(temporary, { force: true }).catch(() => undefined)
}

/**
 * Checks that `writeFileAtomic` could write `path`, by doing all of it but the last step: permissions alone tell
 * too little (a file system may be read-only, a folder missing).
 *
 * @throws the system's error, or one that says that the path is no file's; nothing is left behind
 */
export async function checkWritable(path: string): Promise<void> {
  await forget(await openBeside(path))
}

/**
 * Writes `bytes` to `path`, replacing what was there, whole or not at all: they go to a temporary
 * file in the same folder, are flushed to the disk, and take the name in one step; then the folder
 * is flushed. A symbolic link is followed, and a replaced file's permissions are kept.
 *
 * @throws SimdgradError when it can't be written; the old file is then as it was, and no temporary
 *   file is left.
 */
export async function writeFileAtomic(path: string, bytes: Uint8Array): Promise<void> {
  let beside: Beside | undefined
  try {
    beside = await openBeside(path)
    const { target, temporary, file } = beside
    await file.writeFile(bytes)
    await file.sync()
    await file.close()
    await rename(temporary, target)
  } catch (cause) {
    if (beside) await forget(beside)
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new SimdgradError(
      `${path} could not be written: ${why}. What was there before is unchanged. Check that its ` +
        'folder exists, can be written and has room.',
      { cause },
    )
  }
  await flushFolder(dirname(beside.target))
}

/** Flushes a folder's list of names, which a loss of power may take back otherwise. */
async function flushFolder(path: string): Promise<void> {
  let folder: FileHandle | undefined
  try {
    folder = await open(path, 'r')
    await folder.sync()
  } catch (error) {
    // Windows opens no folder, and some file systems flush none: nothing more can be done there.
    if (!(error instanceof Error && 'code' in error)) throw error
  } finally {
    await folder?.close()
  }
}

/** What a process that was killed has left in a folder while it wrote. */
export const LEFT_BEHIND = /^\..+\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tmp$/

/** `value` for a file that is not there; any other error goes on. */
function ifMissing<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return value
    throw error
  }
}
