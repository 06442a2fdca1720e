/** The entry `simdgrad/distributed`: training on several processes, through MPI. For Node, Bun and Deno. */
export { DistributedCheckpoint } from './checkpoint.js'
export { DistributedDataParallel, type DistributedDataParallelOptions } from './data-parallel.js'
export { MPIError, type MPIErrorCode } from './errors.js'
export { type MPIOptions, mpi } from './mpi.js'
export { DistributedSampler } from './sampler.js'
export { type AllreduceOptions, type BroadcastOptions, World } from './world.js'
