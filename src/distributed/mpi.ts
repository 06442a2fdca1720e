import { writeSync } from 'node:fs'
import { checkNumber, checkOptions, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { setDefaultProcessGroup } from '../nn/sync-batch-norm.js'
import { alone, communicator } from './communicator.js'
import { MPIError } from './errors.js'
import { launcherOf } from './launcher.js'
import { LIBRARY_VARIABLE, loadLibrary } from './library.js'
import { World } from './world.js'

/** Options of `mpi`. */
export interface MPIOptions {
  /**
   * The MPI library, a path or a name as the dynamic linker takes it. Default: what the environment variable
   * SIMDGRAD_MPI_LIBRARY names, else the one that fits the launcher, where the linker finds it.
   */
  library?: string
  /** How many ranks there must be; another number is an error. Default: any. */
  size?: number
}

let world: World | undefined

/**
 * Joins the job that `mpirun` (or srun, or Kubernetes' MPI operator) has started this process in:
 * `mpirun -n 4 node train.js`. A process that was started alone is a world of one, which needs neither MPI nor koffi, so
 * that a script runs anywhere. It works with Open MPI 4 and 5, and MPICH 4 and what is compatible with it, in Node, Bun
 * and Deno. Called again it gives the same world.
 *
 * @throws {MPIError} where koffi or MPI is missing, the library is of another make than the launcher, or there are not
 *   `size` ranks; `code` tells which
 * @throws {ArgumentError} for an unknown option
 */
export async function mpi(options: MPIOptions = {}): Promise<World> {
  checkOptions('mpi', options, ['library', 'size'])
  const { library, size } = options
  if (library !== undefined && (typeof library !== 'string' || library === '')) {
    throw new ArgumentError(`mpi: library is the path of the MPI library, got ${kindOf(library)}`)
  }
  if (size !== undefined) checkNumber('mpi', 'size', size, { least: 1, whole: true })
  world ??= join(library ?? process.env[LIBRARY_VARIABLE])
  if (size !== undefined && size !== world.size) {
    const how = world.library ? '' : ` (this process was started alone: mpirun -n ${size} …)`
    throw new MPIError(`mpi: expected ${size} ranks, and there are ${world.size}${how}`, 'other-size')
  }
  setDefaultProcessGroup(world)
  return world
}

function join(path: string | undefined): World {
  const launcher = launcherOf(process.env)
  if (!launcher) return new World(alone(), undefined)
  const library = loadLibrary(launcher, path)
  const joined = new World(communicator(library), library.version)
  endWith(joined)
  if (launcher.size !== undefined && launcher.size !== joined.size) {
    throw new MPIError(
      `mpi: ${launcher.name} has started ${launcher.size} ranks, but ${library.version} sees ${joined.size}: the launcher and the library are not of the same installation; use the mpirun beside the library, or name the library: mpi({ library }), or ${LIBRARY_VARIABLE} in the environment`,
      'other-size',
    )
  }
  return joined
}

/** Ends MPI with the process, or, where this ends with an error, the job. */
function endWith(joined: World): void {
  let failure: unknown
  // Node tells an error after `exit`, when the job is gone; Bun and Deno do it before.
  const { bun, deno } = process.versions
  if (!bun && !deno) {
    process.on('uncaughtExceptionMonitor', (error) => {
      failure = error
    })
  }
  process.on('exit', (code) => {
    if (failure !== undefined) {
      writeSync(2, `rank ${joined.rank}: ${failure instanceof Error ? failure.stack : failure}\n`)
    }
    joined.end(code)
  })
}
