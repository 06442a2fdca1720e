/** A folder on a disk. Node, Bun and Deno only. */
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { SimdgradError } from '../errors.js'
import { checkWritable, LEFT_BEHIND, writeFileAtomic } from './atomic-write.js'
import type { Folder } from './folder.js'

/** The folder at `path`, which need not be there yet. What can't be done throws a SimdgradError that says why. */
export function diskFolder(path: string): Folder {
  const at = (name: string) => join(path, name)
  return {
    path,
    async prepare() {
      await told(`the folder ${path} can't be made`, () => makeFolder(path))
      await told(`the folder ${path} takes no new file`, () => checkWritable(at('probe')))
    },
    list: () =>
      told(`the folder ${path} can't be read`, async () => {
        const names = await readdir(path).catch(noneIfMissing)
        // Of a process that was killed: nobody asks for them again.
        for (const name of names.filter((name) => LEFT_BEHIND.test(name))) await rm(at(name), { force: true })
        return names.filter((name) => !LEFT_BEHIND.test(name))
      }),
    read: (name) => told(`${at(name)} can't be read`, () => readFile(at(name))),
    write: (name, bytes) => writeFileAtomic(at(name), bytes),
    remove: (name) => told(`${at(name)} can't be removed`, () => rm(at(name), { force: true })),
  }
}

/** Makes a folder and those above it. (Node's `recursive` never ends where a file system takes none, as in /proc.) */
async function makeFolder(path: string): Promise<void> {
  const make = () =>
    mkdir(path).catch(async (error) => {
      if (codeOf(error) !== 'EEXIST' || !(await stat(path)).isDirectory()) throw error
    })
  await make().catch(async (error) => {
    if (codeOf(error) !== 'ENOENT' || dirname(path) === path) throw error
    await makeFolder(dirname(path))
    await make()
  })
}

const codeOf = (error: unknown) => (error instanceof Error && 'code' in error ? error.code : undefined)

function noneIfMissing(error: unknown): string[] {
  if (codeOf(error) === 'ENOENT') return []
  throw error
}

async function told<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (cause) {
    throw new SimdgradError(`${what}: ${cause instanceof Error ? cause.message : cause}`, { cause })
  }
}
