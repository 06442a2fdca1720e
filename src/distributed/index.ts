/** The entry `simdgrad/distributed`: training on several processes, through MPI. For Node, Bun and Deno. */
export { DistributedDataParallel, type DistributedDataParallelOptions } from './data-parallel.js'
export { MPIError, type MPIErrorCode } from './errors.js'
export { type MPIOptions, mpi } from './mpi.js'
export { type AllreduceOptions, type BroadcastOptions, World } from './world.js'
