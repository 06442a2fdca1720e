import { checkBoolean, checkNumber, checkOptions, kindOf } from '../check.js'
import { DataLoader } from '../data/data-loader.js'
import { isPromise } from '../data/dataset.js'
import { ArgumentError } from '../errors.js'
import type { Answers } from '../nn/losses/loss.js'
import { Module } from '../nn/module.js'
import { AnyScheduler } from '../optim/lr-scheduler/base.js'
import type { LRScheduler } from '../optim/lr-scheduler/scheduler.js'
import { Optimizer } from '../optim/optimizer.js'
import { scoped } from '../tensor/scope.js'
import type { Tensor } from '../tensor/tensor.js'
import { accuracyOf, sumOf } from './answers.js'
import { exclusively } from './exclusive.js'
import type { Loss } from './loss.js'
import { Steps } from './steps.js'
import { timeToYield, yieldToEvents } from './yield.js'

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

/** What `fit` takes besides the net. */
export interface FitOptions {
  /** Batches [x, y] to train on. */
  train: DataLoader<unknown, readonly Tensor[]>
  /** Batches [x, y] to validate on after each epoch. */
  valid?: DataLoader<unknown, readonly Tensor[]> | undefined
  /** Made of the net's parameters. */
  optimizer: Optimizer
  /** Such as `new nn.CrossEntropyLoss()`, or one of your own. */
  loss: Loss
  /**
   * Changes the optimiser's learning rates: it is stepped once after each epoch, ReduceLROnPlateau with the validation
   * loss. (One that is stepped after each batch, as OneCycleLR, needs a loop of your own.)
   */
  scheduler?: LRScheduler | undefined
  /** Passes over the training data. Default 1. */
  epochs?: number
  /** Stops after the current batch; `fit` then resolves with what there is. */
  signal?: AbortSignal | undefined
  /**
   * Whether the steps are compiled (see `compile`): recorded, and then run as one list of kernels, with the same bits.
   * Default: where the net and the loss are made of the library's own layers. true compiles a net with a `forward` of
   * its own as well, whose JavaScript (a counter, a `console.log`) then runs only while it is recorded; false compiles
   * none. What can't be compiled runs as it is, and the result tells the reason.
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
  /** Whether the training steps were compiled; the last one, that is, for the first ones are recorded. */
  compiled: boolean
  /** Why not, in words; undefined where they were. */
  reason: string | undefined
}

/**
 * Trains a net: for each epoch all batches of `train` (forward, loss, backward, step), then `valid` in
 * evaluation mode and without recording. Afterwards the net is in the mode that it came in. Yields often
 * enough to keep an event loop alive.
 *
 * @param net its mode is set and put back
 * @throws {NumericError} at a loss that is NaN or infinite; the update of that step is not made
 * @throws {ArgumentError} for options that are missing or of another kind, a net that another `fit` is training, or
 *   one that uses parameters which it does not have as fields
 * @throws {ShapeError} for a loss that is no single number, or in which [N, 1] stands against [N]
 */
export async function fit(net: Module, options: FitOptions): Promise<History> {
  checkFit(net, options)
  const { train, valid, epochs = 1, signal, onEpoch } = options
  return exclusively('fit', net, async () => {
    const mode = net.training
    const history: History = { epochs: [], aborted: false, compiled: false, reason: undefined }
    const steps = new Steps(net, options)
    try {
      for (let epoch = 0; epoch < epochs; epoch++) {
        net.train()
        const trained = await pass(steps, train, options, epoch, true)
        if (signal?.aborted) break
        net.eval()
        const validation = valid && (await pass(steps, valid, options, epoch, false))
        if (signal?.aborted) break
        const result: EpochResult = {
          epoch,
          trainLoss: trained.loss,
          trainAcc: trained.accuracy,
          validLoss: validation?.loss ?? Number.NaN,
          validAcc: validation?.accuracy,
          trainSeconds: trained.seconds,
          validSeconds: validation?.seconds ?? 0,
          imagesPerSecond: trained.samples / trained.seconds,
        }
        if (options.scheduler?.goesByMetric) options.scheduler.step(result.validLoss)
        else options.scheduler?.step()
        history.epochs.push(result)
        await onEpoch?.(result)
      }
      history.compiled = steps.compiled
      history.reason = steps.reason
    } finally {
      steps.dispose()
      net.train(mode)
    }
    history.aborted = signal?.aborted ?? false
    return history
  })
}

/** @throws {ArgumentError} for what is missing, unknown or of another kind */
function checkFit(net: Module, options: FitOptions): void {
  if (!(net instanceof Module)) throw new ArgumentError(`fit: expected a Module to train, got ${kindOf(net)}`)
  checkOptions('fit', options, [
    'train',
    'valid',
    'optimizer',
    'loss',
    'scheduler',
    'epochs',
    'signal',
    'compile',
    'onProgress',
    'onEpoch',
  ])
  const { train, valid, optimizer, loss, scheduler, epochs = 1, signal, onProgress, onEpoch } = options
  const expect = (what: string, fits: boolean, expected: string, value: unknown) => {
    if (!fits) throw new ArgumentError(`fit: ${what} is ${expected}, got ${kindOf(value)}`)
  }
  const loads = (value: unknown) => value instanceof DataLoader
  expect('train', loads(train), 'a data.DataLoader', train)
  expect('valid', valid === undefined || loads(valid), 'a data.DataLoader', valid)
  expect(
    'optimizer',
    optimizer instanceof Optimizer,
    'an optimizer, such as new optim.SGD(net.parameters())',
    optimizer,
  )
  const computes = typeof (loss as Partial<Loss> | undefined)?.forward === 'function'
  expect(
    'loss',
    computes,
    'something with a forward(prediction, labels), such as new nn.CrossEntropyLoss()',
    loss,
  )
  const { answers } = loss
  expect("the loss's answers", answers === undefined || typeof answers === 'function', 'a function', answers)
  const schedules = scheduler === undefined || scheduler instanceof AnyScheduler
  expect('scheduler', schedules, 'one of optim.lrScheduler', scheduler)
  if (scheduler && scheduler.optimizer !== optimizer) {
    throw new ArgumentError('fit: the scheduler is of another optimizer; make it with the one that fit gets')
  }
  if (scheduler?.goesByMetric && !valid) {
    throw new ArgumentError('fit: the scheduler ReduceLROnPlateau goes by the validation loss; give valid')
  }
  checkBoolean('fit', 'compile', options.compile ?? true)
  checkNumber('fit', 'epochs', epochs, { least: 0, whole: true })
  expect('signal', signal === undefined || signal instanceof AbortSignal, 'an AbortSignal', signal)
  for (const [what, value] of Object.entries({ onProgress, onEpoch })) {
    expect(what, value === undefined || typeof value === 'function', 'a function', value)
  }
}

interface PassResult {
  loss: number
  accuracy: number | undefined
  samples: number
  seconds: number
}

/** One pass over a loader, training or not. */
async function pass(
  steps: Steps,
  loader: DataLoader<unknown, readonly Tensor[]>,
  { signal, onProgress }: FitOptions,
  epoch: number,
  training: boolean,
): Promise<PassResult> {
  const start = performance.now()
  let [total, samples, batch] = [0, 0, 0]
  let answers: Answers | undefined = { right: 0, of: 0 }
  const batches = loader.pass()
  const run = (next: unknown) => {
    if (next === undefined) return undefined
    if (!Array.isArray(next)) {
      throw new ArgumentError(
        `fit: a batch is an array [x, y], and the loader gives ${kindOf(next)}; a collate of the DataLoader's can make one of it`,
      )
    }
    return steps.run(next, { epoch, batch, batches: loader.length, training })
  }
  try {
    while (!signal?.aborted) {
      // What nobody else can have seen is freed at the end of the step.
      const first = scoped(() => {
        const next = batches.next()
        return isPromise(next) ? next : run(next)
      })
      const later: unknown = isPromise(first) ? await first : undefined
      const step = isPromise(first) ? scoped(() => run(later)) : first
      if (!step) break
      total += step.loss * step.count
      answers = sumOf(answers, step.answers)
      samples += step.count
      batch++
      if (!timeToYield()) continue
      if (training) {
        const imagesPerSecond = (samples / (performance.now() - start)) * 1000
        onProgress?.({ epoch, batch, batches: loader.length, loss: total / samples, imagesPerSecond })
      }
      await yieldToEvents()
    }
  } finally {
    batches.close()
  }
  const seconds = (performance.now() - start) / 1000
  return { loss: total / samples, accuracy: accuracyOf(answers), samples, seconds }
}
