import type { Labels } from '../autograd/ops/cross-entropy.js'
import { correct } from '../autograd/ops/cross-entropy.js'
import { checkOptions } from '../autograd/options.js'
import { noGrad } from '../autograd/tape.js'
import type { Tensor } from '../autograd/tensor.js'
import type { DataLoader } from '../data/data-loader.js'
import { ArgumentError, NumericError } from '../errors.js'
import type { Module } from '../nn/module.js'
import type { Optimizer } from '../optim/optimizer.js'
import { yieldToEvents } from './yield.js'

/** Something that gives one number for predictions and labels, such as `nn.CrossEntropyLoss`. */
export interface Loss {
  /** The loss of a batch, with one element, from `prediction` (what the net gave) and `labels`. */
  forward(prediction: Tensor, labels: Tensor): Tensor
  /** True where `forward` keeps neither what it is given nor what it gives, so that `fit` may free it. */
  readonly keepsNothing?: boolean
}

/** One epoch in numbers. */
export interface EpochResult {
  /** From 0. */
  epoch: number
  /** Mean over the samples, while training. */
  trainLoss: number
  /** Share of right answers while training; NaN where labels are no classes. */
  trainAcc: number
  /** Mean over the validation samples, in evaluation mode; NaN without `valid`. */
  validLoss: number
  /** Share of right answers, in evaluation mode; NaN without `valid`. */
  validAcc: number
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
  train: DataLoader
  /** Batches [x, y] to validate on after each epoch. */
  valid?: DataLoader | undefined
  /** Made of the net's parameters. */
  optimizer: Optimizer
  /** Such as `new nn.CrossEntropyLoss()`. */
  loss: Loss
  /** Passes over the training data. Default 1. */
  epochs?: number
  /** Stops after the current batch; `fit` then resolves with what there is. */
  signal?: AbortSignal | undefined
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
}

/** Milliseconds of work between two turns of the event loop. */
const SLICE = 12

/**
 * Trains a net: for each epoch all batches of `train` (forward, loss, backward, step), then `valid` in
 * evaluation mode and without recording. Afterwards the net is in the mode that it came in. Yields often
 * enough to keep an event loop alive.
 *
 * @param net its mode is set and put back
 * @throws {NumericError} at a loss that is NaN or infinite; the update of that step is not made
 * @throws {ArgumentError} for epochs that are no whole number
 */
export async function fit(net: Module, options: FitOptions): Promise<History> {
  checkOptions('fit', options, [
    'train',
    'valid',
    'optimizer',
    'loss',
    'epochs',
    'signal',
    'onProgress',
    'onEpoch',
  ])
  const { train, valid, epochs = 1, signal, onEpoch } = options
  if (!Number.isInteger(epochs) || epochs < 0) {
    throw new ArgumentError(`fit: epochs is a whole number of at least 0, got ${epochs}`)
  }
  const mode = net.training
  const history: History = { epochs: [], aborted: false }
  try {
    for (let epoch = 0; epoch < epochs; epoch++) {
      net.train()
      const training = await pass(net, train, options, epoch, true)
      if (signal?.aborted) break
      net.eval()
      const validation = valid && (await pass(net, valid, options, epoch, false))
      if (signal?.aborted) break
      const result: EpochResult = {
        epoch,
        trainLoss: training.loss,
        trainAcc: training.accuracy,
        validLoss: validation?.loss ?? Number.NaN,
        validAcc: validation?.accuracy ?? Number.NaN,
        trainSeconds: training.seconds,
        validSeconds: validation?.seconds ?? 0,
        imagesPerSecond: training.samples / training.seconds,
      }
      history.epochs.push(result)
      await onEpoch?.(result)
    }
  } finally {
    net.train(mode)
  }
  history.aborted = signal?.aborted ?? false
  return history
}

interface PassResult {
  loss: number
  accuracy: number
  samples: number
  seconds: number
}

/** One pass over a loader, training or not. */
async function pass(
  net: Module,
  loader: DataLoader,
  { optimizer, loss, signal, onProgress }: FitOptions,
  epoch: number,
  training: boolean,
): Promise<PassResult> {
  const start = performance.now()
  let [total, right, samples, batch] = [0, 0, 0, 0]
  let turn = start
  // What nobody else can have seen is freed at once, instead of some steps later.
  const unseen = (net.keepsNothing || net.marksKept) && loss.keepsNothing && loader.dataset.freshBatches
  for (const [x, y] of loader) {
    if (signal?.aborted) break
    const count = x.shape[0]
    const step = () => {
      const prediction = net.forward(x)
      const value = loss.forward(prediction, y)
      const number = value.item()
      if (!Number.isFinite(number)) throw notFinite(number, epoch, batch, loader.length, training)
      total += number * count
      right += rightAnswers(prediction, y)
      return { prediction, value }
    }
    const made = training ? step() : noGrad(step)
    if (training) {
      optimizer.zeroGrad()
      made.value.backward()
      optimizer.step()
    }
    if (unseen) {
      for (const tensor of [x, y, made.prediction, made.value]) if (!tensor.kept) tensor.dispose()
    }
    samples += count
    batch++
    const now = performance.now()
    if (now - turn > SLICE) {
      if (training) {
        const imagesPerSecond = (samples / (now - start)) * 1000
        onProgress?.({ epoch, batch, batches: loader.length, loss: total / samples, imagesPerSecond })
      }
      await yieldToEvents()
      turn = performance.now()
    }
  }
  const seconds = (performance.now() - start) / 1000
  return { loss: total / samples, accuracy: right / samples, samples, seconds }
}

/** How many predictions are right; NaN where these are no logits with a class each. */
function rightAnswers(prediction: Tensor, labels: Labels & Tensor): number {
  const classes = prediction.shape.length === 2 && labels.shape.length === 1
  return classes ? correct(prediction, labels) : Number.NaN
}

function notFinite(
  value: number,
  epoch: number,
  batch: number,
  batches: number,
  training: boolean,
): NumericError {
  const what = training ? 'training' : 'validation'
  return new NumericError(
    `fit: the ${what} loss is ${value} at step ${epoch * batches + batch} (epoch ${epoch}, batch ${batch}); the parameters are as the step before left them. A smaller learning rate often helps, or batch normalisation; look for NaN in the data`,
  )
}
