import { noGrad } from '../autograd/tape.js'
import { checkBoolean, checkNumber, checkOptions, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { BatchNorm } from '../nn/batch-norm.js'
import { isFrozen } from '../nn/freeze.js'
import { type AnyModule, Module } from '../nn/module.js'
import { fromValues } from '../tensor/create.js'
import { Tensor } from '../tensor/tensor.js'
import { checkBatch, predict, samplesOf, type Tensors } from './batch.js'
import { exclusively } from './exclusive.js'
import { Moments } from './moments.js'
import { keepState } from './net-state.js'
import { leaveOut } from './uncounted.js'
import { timeToYield, yieldToEvents } from './yield.js'

/** Batches, each an array whose first is what the net's `forward` takes (as of `fit`), or one tensor alone. */
export type Batches<B = readonly Tensor[] | Tensor> = Iterable<B> | AsyncIterable<B>

/** Options of recalibrate. */
export interface RecalibrateOptions {
  /**
   * Whether to take the mean and the (biased) variance over all samples together, instead of the average over the
   * batches: Wu and Johnson's precise batch norm. Default false, which is PyTorch's update_bn.
   */
  precise?: boolean
  /** How many batches to take, from the beginning. Default all; data without an end needs it. */
  batches?: number
  /** Ends it early; the net is then as it was. */
  signal?: AbortSignal
  /** Called after each batch, with how many there were, and samples. */
  onProgress?: (progress: { batch: number; samples: number }) => void
}

/** What recalibrate went through. */
export interface Recalibrated {
  /** Batches. */
  batches: number
  /** Samples. */
  samples: number
  /** Whether `signal` ended it, and the net is as it was. */
  aborted: boolean
}

/**
 * Computes batch norm's running statistics anew, from data and for the weights as they are: they are reset,
 * and become the plain average over all batches (as with momentum null),
 *
 *   running = Σ batch / batches
 *
 * with the unbiased variance; or, where `precise` is true, mean and variance of all N samples together
 * (https://arxiv.org/abs/2105.07576, section 3),
 *
 *   mean = Σ x / N,  var = Σ (x − mean)² / N
 *
 * summed in float64 in the order of the batches, so that they are the same to the bit at any number of threads. It
 * helps where the statistics have drifted: after weights were averaged or changed, with tiny batches, or where the
 * momentum was ill chosen. Weights and biases are not touched. As PyTorch's update_bn it runs the net in training mode
 * (dropout too), and afterwards every module is in the mode, and has the momentum, that it came with. A net without
 * running statistics is left alone, and so are frozen layers.
 * https://pytorch.org/docs/stable/optim.html#torch.optim.swa_utils.update_bn
 *
 * @param net what `forward` is called of
 * @param data batches, such as a DataLoader, or any iterable, asynchronous too: the first of each is the input, several
 *   of them in an array or an object, as of `fit`. Unless `precise`, batches count alike, whatever their size.
 * @returns what it went through
 * @throws {ArgumentError} for data without a batch; at this and any other error, the net is as it was
 */
export async function recalibrate(
  net: AnyModule,
  data: Batches<readonly Tensors[] | Tensor>,
  options: RecalibrateOptions = {},
): Promise<Recalibrated> {
  checkArguments(net, data, options)
  return exclusively('recalibrate', net, () => run(net, data, options))
}

/** The layers whose statistics training moves. */
export function movingLayers(net: AnyModule): BatchNorm[] {
  const modules = new Set(net.namedModules().map(([, module]) => module))
  return [...modules]
    .filter((module) => module instanceof BatchNorm)
    .filter((layer) => layer.runningMean !== undefined && !isFrozen(layer))
}

async function run(
  net: AnyModule,
  data: Batches<readonly Tensors[] | Tensor>,
  options: RecalibrateOptions,
): Promise<Recalibrated> {
  const { precise = false, batches: most = Number.POSITIVE_INFINITY, signal, onProgress } = options
  const layers = movingLayers(net)
  const gone = { batches: 0, samples: 0, aborted: false }
  if (layers.length === 0) return gone
  const state = keepState(net)
  const momenta = layers.map(({ momentum }) => momentum)
  const versions = layers.map(({ runningMean }) => runningMean?.version ?? 0)
  const moments = precise ? Moments.of(layers) : undefined
  try {
    for (const layer of layers) {
      layer.runningMean?.fill_(0)
      layer.runningVar?.fill_(1)
      layer.numBatchesTracked?.fill_(0)
      layer.momentum = null
    }
    net.train()
    if (signal?.aborted) gone.aborted = true
    else {
      for await (const batch of slowly(data)) {
        const [inputs] = checkBatch('recalibrate', batch instanceof Tensor ? [batch] : batch)
        noGrad(() => predict(net, inputs))
        gone.batches++
        gone.samples += samplesOf('recalibrate', inputs)
        onProgress?.({ batch: gone.batches, samples: gone.samples })
        if (signal?.aborted) gone.aborted = true
        if (gone.aborted || gone.batches >= most) break
      }
      if (gone.batches === 0) throw new ArgumentError('recalibrate: the data has no batch')
    }
    if (gone.aborted) state.restoreBuffers()
    else if (moments) {
      for (const layer of layers) {
        const { n, mean, variance } = moments.get(layer)
        // A layer that this net's forward does without has seen nothing.
        if (n === 0) continue
        layer.runningMean?.copy_(fromValues(mean, [mean.length]))
        layer.runningVar?.copy_(fromValues(variance, [variance.length]))
      }
    }
  } catch (error) {
    state.restoreBuffers()
    throw error
  } finally {
    moments?.end()
    state.restoreModes()
    for (const [i, layer] of layers.entries()) {
      layer.momentum = momenta[i]
      if (layer.runningMean) leaveOut(layer.runningMean, layer.runningMean.version - versions[i])
    }
  }
  return gone
}

/** The batches, with turns of the event loop in between: those of an asynchronous iterable may be there at once. */
async function* slowly<B>(data: Batches<B>): AsyncGenerator<B> {
  for await (const batch of data) {
    yield batch
    if (timeToYield()) await yieldToEvents()
  }
}

/** The net's input in a batch. @throws {ArgumentError} where there is none */
export function inputOf(name: string, batch: unknown): Tensor {
  const x: unknown = Array.isArray(batch) ? batch[0] : batch
  if (x instanceof Tensor) return x
  throw new ArgumentError(`${name}: expected batches of tensors, [x, …], got ${kindOf(batch)}`)
}

/** @throws {ArgumentError} for what has no batches to go through */
export function checkBatches(name: string, data: unknown): void {
  const fits =
    typeof data === 'object' &&
    data !== null &&
    !(data instanceof Tensor) &&
    (Symbol.iterator in data || Symbol.asyncIterator in data)
  if (!fits) {
    throw new ArgumentError(`${name}: expected batches, such as a data.DataLoader, got ${kindOf(data)}`)
  }
}

/** @throws {ArgumentError} */
function checkArguments(net: AnyModule, data: unknown, options: RecalibrateOptions): void {
  if (!(net instanceof Module)) throw new ArgumentError(`recalibrate: expected a Module, got ${kindOf(net)}`)
  checkBatches('recalibrate', data)
  checkOptions('recalibrate', options, ['precise', 'batches', 'signal', 'onProgress'])
  const { precise = false, batches = 1, signal, onProgress } = options
  checkBoolean('recalibrate', 'precise', precise)
  checkNumber('recalibrate', 'batches', batches, { least: 1, whole: true })
  if (signal !== undefined && typeof signal?.aborted !== 'boolean') {
    throw new ArgumentError(`recalibrate: signal is an AbortSignal, got ${kindOf(signal)}`)
  }
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw new ArgumentError(`recalibrate: onProgress is a function, got ${kindOf(onProgress)}`)
  }
}
