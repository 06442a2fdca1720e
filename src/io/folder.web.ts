/**
 * A folder of the file system that a browser keeps for a page's origin
 * (https://developer.mozilla.org/docs/Web/API/File_System_API/Origin_private_file_system).
 */
import { SimdgradError } from '../errors.js'
import type { Folder } from './folder.js'

/**
 * The folder at `path`, such as `runs/first`, which need not be there yet. A file is written to a copy, which takes its
 * place when it is closed: whole, or not at all.
 */
export function originFolder(path: string): Folder {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  const folder = async (create: boolean) => {
    let at = await root()
    for (const part of parts) at = await at.getDirectoryHandle(part, { create })
    return at
  }
  return {
    path,
    prepare: () => told(`the folder ${path} can't be made`, async () => void (await folder(true))),
    list: () =>
      told(`the folder ${path} can't be read`, async () => {
        const names: string[] = []
        try {
          const handle = await folder(false)
          for await (const [name, entry] of handle.entries()) if (entry.kind === 'file') names.push(name)
        } catch (error) {
          if (!isMissing(error)) throw error
        }
        return names
      }),
    read: (name) =>
      told(`${path}/${name} can't be read`, async () => {
        const file = await (await (await folder(false)).getFileHandle(name)).getFile()
        return new Uint8Array(await file.arrayBuffer())
      }),
    write: (name, bytes) =>
      told(`${path}/${name} could not be written; what was there before is unchanged`, async () => {
        const handle = await (await folder(true)).getFileHandle(name, { create: true })
        const file = await handle.createWritable()
        try {
          // (Of a buffer of its own: what is shared can't be written.)
          await file.write(bytes.slice())
        } catch (error) {
          await file.abort()
          throw error
        }
        await file.close()
      }),
    remove: (name) =>
      told(`${path}/${name} can't be removed`, async () => {
        try {
          await (await folder(false)).removeEntry(name)
        } catch (error) {
          if (!isMissing(error)) throw error
        }
      }),
  }
}

/** The file at a path of the same file system, as a folder and a name. */
export function originFile(path: string): [folder: Folder, name: string] {
  const parts = path.split('/')
  const name = parts.pop() ?? ''
  return [originFolder(parts.join('/')), name]
}

/** The bytes of the file at a path of the same file system. */
export function readOriginFile(path: string | URL): Promise<Uint8Array> {
  const [folder, name] = originFile(String(path))
  return folder.read(name)
}

/** @throws {SimdgradError} where the browser has none */
async function root(): Promise<FileSystemDirectoryHandle> {
  // Typed as what it may be at run time: it is hidden from insecure pages.
  const storage: StorageManager | undefined = globalThis.navigator?.storage
  if (typeof storage?.getDirectory !== 'function') {
    throw new SimdgradError(
      'this browser gives the page no file system of its own, as it does to secure pages only: serve the page over HTTPS or from localhost',
    )
  }
  return storage.getDirectory()
}

const isMissing = (error: unknown) => error instanceof DOMException && error.name === 'NotFoundError'

async function told<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (cause) {
    throw new SimdgradError(`${what}: ${cause instanceof Error ? cause.message : cause}`, { cause })
  }
}
