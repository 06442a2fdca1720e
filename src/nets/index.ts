/** The entry `simdgrad/nets`: the nets of the project's own command, examples and benchmarks. */
export { BatchNormByHand } from './batch-norm-by-hand.js'
export { cnn, JOB_NAMES, JOBS, type Job, type JobName, mlp } from './jobs.js'
