/** Who started this process, by the environment that a launcher leaves: nothing is loaded for that. */
import { MPIError } from './errors.js'

/** The two makes of MPI, whose handles differ; other libraries have the binary interface of MPICH. */
export type Make = 'Open MPI' | 'MPICH'

/** What started this process as one of several. */
export interface Launcher {
  /** What it is, for errors. */
  readonly name: string
  /** The make of the library that it works with; undefined where it works with either. */
  readonly make: Make | undefined
  /** The makes to look for, the likelier first. */
  readonly prefers: readonly Make[]
  /** How many processes it started; undefined where it does not tell. */
  readonly size: number | undefined
  /** How many of them run on this machine; undefined where it does not tell. */
  readonly localSize: number | undefined
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The launcher, by its variables: OMPI_COMM_WORLD_SIZE (Open MPI 4 and 5), PMI_SIZE (MPICH's Hydra, Intel MPI, Slurm with
 * --mpi=pmi2), PMIX_RANK (Slurm with --mpi=pmix, PRRTE).
 *
 * @returns undefined for a process that was started alone
 * @throws {MPIError} for one of several tasks of Slurm's that srun told of no MPI
 */
export function launcherOf(env: Environment): Launcher | undefined {
  const number = (name: string) => (/^\d+$/.test(env[name] ?? '') ? Number(env[name]) : undefined)
  const slurm = env.SLURM_PROCID !== undefined
  if (number('OMPI_COMM_WORLD_SIZE') !== undefined) {
    return {
      name: "Open MPI's mpirun",
      make: 'Open MPI',
      prefers: ['Open MPI'],
      size: number('OMPI_COMM_WORLD_SIZE'),
      localSize: number('OMPI_COMM_WORLD_LOCAL_SIZE'),
    }
  }
  if (number('PMI_RANK') !== undefined) {
    // Slurm's PMI-2 serves MPICH, and an Open MPI that was built for it, which few are.
    return {
      name: slurm ? 'srun --mpi=pmi2' : "MPICH's mpirun",
      make: slurm ? undefined : 'MPICH',
      prefers: slurm ? ['MPICH', 'Open MPI'] : ['MPICH'],
      size: number('PMI_SIZE'),
      localSize: number('MPI_LOCALNRANKS') ?? slurmLocalSize(env),
    }
  }
  if (number('PMIX_RANK') !== undefined) {
    const name = slurm ? 'srun --mpi=pmix' : 'a launcher with PMIx'
    return {
      name,
      make: undefined,
      prefers: ['Open MPI', 'MPICH'],
      size: number('SLURM_STEP_NUM_TASKS') ?? number('SLURM_NTASKS'),
      localSize: slurmLocalSize(env),
    }
  }
  const tasks = number('SLURM_STEP_NUM_TASKS') ?? 1
  if (slurm && tasks > 1) {
    throw new MPIError(
      `mpi: srun has started ${tasks} tasks, but told them of no MPI, so that each would train alone; start them with srun --mpi=pmix (srun --mpi=list tells what there is), or with mpirun`,
      'no-launcher',
    )
  }
  return undefined
}

/** Slurm's tasks on this machine: it lists them for all, as `4(x2),3`. */
function slurmLocalSize({
  SLURM_STEP_TASKS_PER_NODE: list = '',
  SLURM_NODEID: at,
}: Environment): number | undefined {
  const counts = [...list.matchAll(/(\d+)(?:\(x(\d+)\))?/g)].flatMap(([, tasks, nodes = 1]) =>
    new Array<number>(Number(nodes)).fill(Number(tasks)),
  )
  return counts.at(Number(at))
}
