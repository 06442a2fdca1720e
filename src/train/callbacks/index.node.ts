import { diskFolder } from '../../io/folder.node.js'
import { CheckpointIn, type CheckpointOptions } from './checkpoint.js'

export * from './index.js'

/**
 * Saves a training while it runs, and goes on with one that was saved: `new callbacks.Checkpoint('runs/1', { resume: true })`.
 * See docs/train.md.
 */
export class Checkpoint extends CheckpointIn {
  /**
   * @param folder where the checkpoints go; it is made where it is not there (in a browser: in the file system that it
   *   keeps for the page's origin)
   * @param options each may be left out
   * @throws {ArgumentError} for a folder that is no path, and an option that is unknown or out of range
   */
  constructor(folder: string, options: CheckpointOptions = {}) {
    super(diskFolder, folder, options)
  }
}
