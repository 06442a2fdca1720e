import { SimdgradError } from '../errors.js'
import type { Folder } from '../io/folder.js'
import { diskFolder } from '../io/folder.node.js'
import { CheckpointIn, type CheckpointOptions } from '../train/callbacks/checkpoint.js'
import type { World } from './world.js'

/**
 * As `callbacks.Checkpoint`, for all ranks: rank 0 reads and writes the files, and tells the others what is in them, so
 * that the folder need not be shared. Training goes on with it on any number of ranks; to the same weights where it is
 * deterministic.
 */
export class DistributedCheckpoint extends CheckpointIn {
  /**
   * @param world what `mpi()` gives
   * @param folder where the checkpoints go, on rank 0's machine
   * @param options as of `callbacks.Checkpoint`, the same in all ranks
   * @throws {ArgumentError} for a folder that is no path, and an option that is unknown or out of range
   */
  constructor(world: World, folder: string, options: CheckpointOptions = {}) {
    super((path) => sharedFolder(world, diskFolder(path)), folder, options)
  }
}

const NOTHING = new Uint8Array()

/** A folder that rank 0 has, as all see it. What fails there fails in all ranks. */
function sharedFolder(world: World, folder: Folder): Folder {
  /** Rank 0 does it; all get what came of it. */
  const told = async (run: () => Promise<Uint8Array>) => {
    let bytes: Uint8Array = NOTHING
    let failure: unknown
    if (world.rank === 0) {
      try {
        bytes = await run()
      } catch (error) {
        failure = error
      }
    }
    const why = failure === undefined ? '' : failure instanceof Error ? failure.message : String(failure)
    const words = new TextDecoder().decode(world.broadcastBytes(new TextEncoder().encode(why)))
    if (failure !== undefined) throw failure
    if (words !== '') throw new SimdgradError(`rank 0: ${words}`)
    return world.broadcastBytes(bytes)
  }
  const done = async (run: () => Promise<void>): Promise<void> => {
    await told(async () => {
      await run()
      return NOTHING
    })
  }
  return {
    path: folder.path,
    prepare: () => done(() => folder.prepare()),
    async list() {
      const names = await told(async () => new TextEncoder().encode(JSON.stringify(await folder.list())))
      return JSON.parse(new TextDecoder().decode(names)) as string[]
    },
    read: (name) => told(() => folder.read(name)),
    write: (name, bytes) => done(() => folder.write(name, bytes)),
    remove: (name) => done(() => folder.remove(name)),
  }
}
