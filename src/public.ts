/** What every entry of the package gives; the entries add what needs a platform. */
import './autograd/methods.js'
import './autograd/methods-indexing.js'

export { type Compiled, type CompileReport, compile } from './autograd/compile.js'
export * as autograd from './autograd/index.js'
export type { IndexItem, IndexRange } from './autograd/ops/at.js'
export type { ClampOptions } from './autograd/ops/clamp.js'
export { einsum } from './autograd/ops/einsum.js'
export type { IndexList } from './autograd/ops/indexing.js'
export { stack } from './autograd/ops/joining.js'
export type { NormOptions } from './autograd/ops/norm.js'
export type { ProdOptions } from './autograd/ops/prod.js'
export { cat } from './autograd/ops/rearrange.js'
export type { ReduceOptions } from './autograd/ops/reduce.js'
export type { Sorted, SortOptions, TopkOptions } from './autograd/ops/sort.js'
export type { VarOptions } from './autograd/ops/variance.js'
export { where } from './autograd/ops/where.js'
export { noGrad } from './autograd/tape.js'
export { type Backend, chunksDone, type InitOptions, init } from './bindings/init.js'
export type { WasmSource } from './bindings/source.js'
export { type MemoryUse, memory } from './bindings/steps.js'
export * from './errors.js'
export type { FileSource } from './io/files.js'
export { decodeMetadata, decodeState, encodeState, hashState, type SaveOptions } from './io/state.js'
export type { LoadPyTorchOptions, PyTorchTree } from './io/torch.js'
export { averageStates } from './nn/average-states.js'
export { type FoldedLayer, type FoldedNet, type FoldOptions, foldBatchNorm } from './nn/fold.js'
export type { Kept } from './nn/fold-plan.js'
export { type FreezeOptions, freezeBatchNorm, type StateMetadata, unfreezeBatchNorm } from './nn/freeze.js'
export * as nn from './nn/index.js'
export {
  type Predicted,
  type PredictionReport,
  type Predictor,
  type PredictorOptions,
  predictor,
} from './nn/predictor.js'
export { type Summary, type SummaryRow, type SummaryTotals, summary } from './nn/summary.js'
export * as optim from './optim/index.js'
export { arange, full, type LeafOptions, ones, type TensorOptions, tensor, zeros } from './tensor/create.js'
export { eye, linspace } from './tensor/grids.js'
export { manualSeed, rand, randn } from './tensor/random.js'
export { getRngState, type RngState, setRngState } from './tensor/rng-state.js'
export { type MultinomialOptions, multinomial, randint, randperm } from './tensor/sample.js'
export type { Shape } from './tensor/shape.js'
export { type NestedNumbers, Tensor } from './tensor/tensor.js'
export type { Tensors } from './train/batch.js'
export { type EvaluateOptions, type EvaluateReport, type Evaluation, evaluate } from './train/evaluate.js'
export { fit } from './train/fit.js'
export { type InspectOptions, inspectBatchNorm } from './train/inspect/inspect.js'
export type { Figures } from './train/inspect/passes.js'
export type { BatchNormReport } from './train/inspect/report.js'
export type {
  Advice,
  AdviceCode,
  ChannelReport,
  Histogram,
  ModeReport,
  NormReport,
  ReportContents,
} from './train/inspect/types.js'
export type { Loss } from './train/loss.js'
export * as metrics from './train/metrics/index.js'
export {
  type Batches,
  type Recalibrated,
  type RecalibrateOptions,
  recalibrate,
} from './train/recalibrate.js'
export type {
  BatchProgress,
  EpochResult,
  FitOptions,
  FitSettings,
  FitStepOptions,
  History,
  StepOutput,
} from './train/training.js'
