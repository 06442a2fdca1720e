import { writeSync } from 'node:fs'
import { checkBoolean, checkNumber, checkOptions, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { setDefaultProcessGroup } from '../nn/sync-batch-norm.js'
import { alone, communicator } from './communicator.js'
import { MPIError } from './errors.js'
import { launcherOf } from './launcher.js'
import { LIBRARY_VARIABLE, loadLibrary } from './library.js'
import { repeatable } from './repeatable.js'
import { World } from './world.js'

/** Options of `mpi`. */
export interface MPIOptions {
  /**
   * The MPI library, a path or a name as the dynamic linker takes it. Default: what the environment variable
   * SIMDGRAD_MPI_LIBRARY names, else the one that fits the launcher,
   * beside it or where the linker finds it.
   */
  library?: string
  /** How many ranks there must be; another number is an error. Default: any. */
  size?: number
  /**
   * Whether training has the same bits on any number of ranks, of either MPI, and on any number of threads: each batch is
   * cut into `shards`, which are computed each by itself and whose gradients are added up in one order. (On other
   * machines too, with `init({ deterministic: true })`.) Default false.
   */
  deterministic?: boolean
  /** Into how many shards, where `deterministic`: at least as many as there are ranks. It is part of what decides the bits. Default 8. */
  shards?: number
}

/** Shards where nobody says how many. */
const SHARDS = 8

let world: World | undefined

/**
 * Joins the job that `mpirun` (or srun, or Kubernetes' MPI operator) has started this process in:
 * `mpirun -n 4 node train.js`. A process that was started alone is a world of one, which needs neither MPI nor koffi, so
 * that a script runs anywhere. It works with Open MPI 4 and 5 and with MPICH 4 and 5, in Node, Bun and Deno. Called again it
 * gives the same world, unless it asks for another kind.
 *
 * @throws {MPIError} where koffi or MPI is missing, the library is of another make than the launcher, or there are not
 *   `size` ranks; `code` tells which
 * @throws {ArgumentError} for an unknown option
 */
export async function mpi(options: MPIOptions = {}): Promise<World> {
  checkOptions('mpi', options, ['library', 'size', 'deterministic', 'shards'])
  const { library, size, deterministic = false, shards } = options
  if (library !== undefined && (typeof library !== 'string' || library === '')) {
    throw new ArgumentError(`mpi: library is the path of the MPI library, got ${kindOf(library)}`)
  }
  if (size !== undefined) checkNumber('mpi', 'size', size, { least: 1, whole: true })
  checkBoolean('mpi', 'deterministic', deterministic)
  if (shards !== undefined) checkNumber('mpi', 'shards', shards, { least: 1, most: 4096, whole: true })
  if (shards !== undefined && !deterministic) {
    throw new ArgumentError('mpi: shards are for deterministic training; give deterministic: true, too')
  }
  const parts = deterministic ? (shards ?? SHARDS) : 0
  world ??= join(library ?? process.env[LIBRARY_VARIABLE], parts)
  if (parts !== world.shards) {
    throw new ArgumentError(
      `mpi: called again with ${parts} shards, and there are ${world.shards}; a process has one world, made by the first call`,
    )
  }
  if (parts > 0 && parts < world.size) {
    throw new ArgumentError(
      `mpi: ${parts} shards are too few for ${world.size} ranks; give shards: ${world.size} or more`,
    )
  }
  if (size !== undefined && size !== world.size) {
    const how = world.library ? '' : ` (this process was started alone: mpirun -n ${size} …)`
    throw new MPIError(`mpi: expected ${size} ranks, and there are ${world.size}${how}`, 'other-size')
  }
  setDefaultProcessGroup(world)
  return world
}

function join(path: string | undefined, shards: number): World {
  const launcher = launcherOf(process.env)
  if (!launcher) return new World(alone(), { shards })
  const library = loadLibrary(launcher, path)
  const joined = new World(repeatable(communicator(library)), {
    library: library.version,
    localSize: launcher.localSize,
    shards,
  })
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
