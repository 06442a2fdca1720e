export {
  CosineAnnealingLR,
  CosineAnnealingWarmRestarts,
  type CosineOptions,
  type WarmRestartsOptions,
} from './cosine.js'
export {
  ExponentialLR,
  type GammaOptions,
  LambdaLR,
  LinearLR,
  type LinearLROptions,
  MultiStepLR,
  StepLR,
} from './factors.js'
export { OneCycleLR, type OneCycleOptions } from './one-cycle.js'
export { type PlateauOptions, ReduceLROnPlateau } from './plateau.js'
export { LRScheduler, type SchedulerStateDict } from './scheduler.js'
export { SequentialLR } from './sequential.js'
