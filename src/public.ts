/** What every entry of the package gives; the entries add what needs a platform. */
import './autograd/methods.js'

export * as autograd from './autograd/index.js'
export { cat } from './autograd/ops/rearrange.js'
export type { ReduceOptions } from './autograd/ops/reduce.js'
export type { VarOptions } from './autograd/ops/variance.js'
export { noGrad } from './autograd/tape.js'
export { type Backend, chunksDone, type InitOptions, init } from './bindings/init.js'
export type { WasmSource } from './bindings/load.js'
export { type MemoryUse, memory } from './bindings/memory.js'
export * from './errors.js'
export { decodeState, encodeState, hashState } from './io/state.js'
export * as nn from './nn/index.js'
export { type Summary, type SummaryRow, type SummaryTotals, summary } from './nn/summary.js'
export * as optim from './optim/index.js'
export { arange, full, ones, type TensorOptions, tensor, zeros } from './tensor/create.js'
export { manualSeed, rand, randn } from './tensor/random.js'
export type { Shape } from './tensor/shape.js'
export { type NestedNumbers, Tensor } from './tensor/tensor.js'
export {
  type BatchProgress,
  type EpochResult,
  type FitOptions,
  fit,
  type History,
  type Loss,
} from './train/fit.js'
export { recalibrate } from './train/recalibrate.js'
