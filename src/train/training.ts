/** What a training takes, is, and comes to. Types only: who has no callback and no metric downloads none. */
import type { DataLoader } from '../data/data-loader.js'
import type { Answers } from '../nn/losses/loss.js'
import type { AnyModule, Module } from '../nn/module.js'
import type { LRScheduler } from '../optim/lr-scheduler/scheduler.js'
import type { Optimizer } from '../optim/optimizer.js'
import type { Tensor } from '../tensor/tensor.js'
import type { Loss } from './loss.js'
import type { Metric, MetricValues } from './metrics/metric.js'

/** One epoch in numbers. */
export interface EpochResult {
  /** From 0. */
  epoch: number
  /** Mean over the samples, while training: of the batches' losses, by their sizes. */
  trainLoss: number
  /**
   * Share of right answers while training. Undefined where there are none, in any batch: with losses of numbers or class
   * probabilities, and see `Loss.answers`. With `CrossEntropyLoss` and `NLLLoss` the share of [N, classes] whose largest
   * is at the label (ignored labels do not count); with `BCEWithLogitsLoss` and `BCELoss` that of [N] or [N, 1] on the
   * right side of 0 or 0.5, where all targets are 0 or 1.
   */
  trainAcc: number | undefined
  /** Mean over the validation samples, in evaluation mode; NaN without `valid`. */
  validLoss: number
  /** As `trainAcc`, in evaluation mode; undefined without `valid` too. */
  validAcc: number | undefined
  /** Seconds of shuffle, gather, forward, loss, accuracy, backward and update of the whole epoch. */
  trainSeconds: number
  /** Seconds of the validation pass; 0 without. */
  validSeconds: number
  /** Training images (samples) a second. */
  imagesPerSecond: number
  /** What the `metrics` came to while training, by their names; undefined without. */
  train?: MetricValues | undefined
  /** What they came to in the validation; undefined without `valid` too. */
  valid?: MetricValues | undefined
}

/** Where an epoch stands. */
export interface BatchProgress {
  /** From 0. */
  epoch: number
  /** Batches done. */
  batch: number
  /** Batches of the epoch. */
  batches: number
  /** Mean training loss of the epoch so far. */
  loss: number
  /** Training images (samples) a second, since the epoch began. */
  imagesPerSecond: number
}

/** What a step of a user's own gives. */
export interface StepOutput {
  /** One number. */
  loss: Tensor
  /** What the net gave, for metrics. */
  prediction?: unknown
  /** What it should have given. */
  target?: unknown
}

/** What a net's `forward` gives. */
type OutputOf<N extends AnyModule> = ReturnType<N['forward']>
/** The second of a batch. */
type TargetOf<B> = B extends readonly [unknown, infer T, ...unknown[]]
  ? T
  : B extends readonly (infer T)[]
    ? T
    : never

/** What `fit` takes besides the net. */
export interface FitOptions<N extends AnyModule = Module, B = readonly Tensor[]>
  extends FitSettings<B, OutputOf<N>, TargetOf<B>> {
  /**
   * Such as `new nn.CrossEntropyLoss()`, or one of your own, `{ forward: (prediction, target) => … }`, which is given what
   * the net gives, and what stands behind the inputs in a batch.
   */
  loss: Loss<OutputOf<N>, TargetOf<B>>
}

/** What `fit` takes in place of FitOptions where the step is your own. */
export interface FitStepOptions<N extends AnyModule = Module, B = readonly Tensor[]>
  extends FitSettings<B, never, never> {
  /**
   * Computes the loss of a batch, whatever the batch is: `(net, { image, label }) => …`, as Lightning's training_step. It
   * is called in the validation too (`net.training` tells). For metrics it gives { loss, prediction, target }. Gradients
   * and update are `fit`'s.
   */
  step: (net: N, batch: B) => Tensor | StepOutput
}

/** What `fit` takes besides the net and what says how well it does. */
export interface FitSettings<B, Prediction = Tensor, Target = Tensor> {
  /**
   * Batches [x, y] to train on. x is what `forward` is called with: a tensor; an array of its arguments; or an object of
   * tensors, as its one argument. y may be several as well. What comes after y goes to the loss, as further arguments.
   */
  train: DataLoader<unknown, B>
  /** Batches [x, y] to validate on after each epoch. */
  valid?: DataLoader<unknown, B> | undefined
  /** Made of the net's parameters. */
  optimizer: Optimizer
  /**
   * Changes the optimiser's learning rates: it is stepped once after each epoch, ReduceLROnPlateau with the validation
   * loss. (One that is stepped after each update, as OneCycleLR, goes into `callbacks.StepScheduler`.)
   */
  scheduler?: LRScheduler | undefined
  /** Passes over the training data. Default 1. */
  epochs?: number
  /** Further figures of both passes, by names of your own, such as `{ f1: new metrics.F1Score() }`. */
  metrics?: Readonly<Record<string, Metric<Prediction, Target>>> | undefined
  /** What else takes part, such as `new callbacks.EarlyStopping()`, or callbacks of your own. */
  callbacks?: readonly Callback[] | undefined
  /**
   * Batches of one update: their gradients are added up, each by its share of the samples, so that 4 batches of 32 give
   * the gradient of one of 128 (batch norm's statistics are each batch's own). The last update of an epoch may have
   * fewer. Default 1.
   */
  accumulate?: number
  /** Stops after the current batch; `fit` then resolves with what there is. */
  signal?: AbortSignal | undefined
  /**
   * Whether the steps are compiled (see `compile`): recorded, and then run as one list of kernels, with the same bits.
   * Default: where the net and the loss are made of the library's own layers. true compiles a net with a `forward` of
   * its own, or a step, as well, whose JavaScript (a counter, a `console.log`) then runs only while it is recorded; false
   * compiles none. What can't be compiled runs as it is, and the result tells the reason.
   */
  compile?: boolean | undefined
  /** Called now and then while an epoch runs (some dozen times a second). */
  onProgress?: ((progress: BatchProgress) => void) | undefined
  /** Called after each epoch; awaited. */
  onEpoch?: ((result: EpochResult) => void | Promise<void>) | undefined
}

/** What `fit` resolves with. */
export interface History {
  /** Finished epochs. */
  epochs: EpochResult[]
  /** Whether the signal ended it. */
  aborted: boolean
  /** Why a callback ended it before its time, in words; undefined where none did. */
  stopped?: string | undefined
  /** Whether the training steps were compiled; the last one, that is, for the first ones are recorded. */
  compiled: boolean
  /** Why not, in words; undefined where they were. */
  reason: string | undefined
}

/** A pass over the training data, so far. */
export interface PassSums {
  /** Batches done. */
  batch: number
  /** Samples of these. */
  samples: number
  /** Sum of the batches' losses, each by its samples. */
  loss: number
  /** Right answers; undefined where there are none in some batch. */
  answers?: Answers | undefined
  /** What they took. */
  seconds: number
}

/** A training at work. */
export interface Run {
  /** What is trained. */
  readonly net: AnyModule
  /** As given to `fit`. */
  readonly options: FitSettings<unknown, never, never> & {
    readonly loss?: Loss<never, never> | undefined
    readonly step?: ((net: never, batch: never) => unknown) | undefined
  }
  /** The epochs so far; what `fit` will resolve with. */
  readonly history: History
  /** The epoch at hand, from 0. */
  epoch: number
  /** Updates of the weights since the training began. */
  step: number
  /** What the training pass at hand has come to; undefined between two. */
  pass: PassSums | undefined
}

/**
 * Something that `fit` calls at certain points of the training. Callbacks combine: all are called, in the order in which
 * they are given, but for those with `last`. Each function may be left out, and is called with the training at hand.
 * What is asynchronous is awaited, but for the two of the optimiser's step.
 *
 * To end the training, set `run.history.stopped` to the reason: no further epoch begins.
 */
export interface Callback {
  /** Whether it is called after those without; for what saves the state of the others. */
  readonly last?: boolean
  /** Before the first epoch. */
  onFitStart?(run: Run): void | Promise<void>
  /** Between the gradients and the update of the weights: to look at, or change, `parameter.grad`. Synchronous. */
  onBeforeOptimizerStep?(run: Run): void
  /** After the update. Synchronous. */
  onAfterOptimizerStep?(run: Run): void
  /** After each update, when `run.pass` and `run.step` have counted it. */
  onBatchEnd?(run: Run): void | Promise<void>
  /** Before the validation, when the net is in evaluation mode. */
  onValidationStart?(run: Run): void | Promise<void>
  /** After it, also where it failed. */
  onValidationEnd?(run: Run): void | Promise<void>
  /** After each epoch, its validation and the scheduler's step. */
  onEpochEnd?(run: Run, result: EpochResult): void | Promise<void>
  /** After the last epoch, or when the signal has ended the training; not after an error. */
  onFitEnd?(run: Run): void | Promise<void>
  /** What a checkpoint keeps of it: tensors, and what JSON holds, in arrays and plain objects. */
  stateDict?(): unknown
  /** Goes on from `state`, which `stateDict` gave; called after `onFitStart`. */
  loadStateDict?(state: never): void
}
