import { noGrad } from '../autograd/tape.js'
import { checkOptions, kindOf } from '../check.js'
import { ArgumentError, ShapeError } from '../errors.js'
import { callForward } from '../nn/layer.js'
import { Module } from '../nn/module.js'
import { outside, scoped } from '../tensor/scope.js'
import { Tensor } from '../tensor/tensor.js'
import { exclusively } from './exclusive.js'
import type { Loss } from './loss.js'
import type { Metric, MetricValue } from './metrics/metric.js'
import { timeToYield, yieldToEvents } from './yield.js'

/** Options of `evaluate`. */
export interface EvaluateOptions {
  /** Ends it early: `evaluate` then rejects with the signal's reason, for a part's figures would be taken for all's. */
  signal?: AbortSignal | undefined
}

/** What `evaluate` resolves with: a figure for each metric, and a mean for each loss. */
export type Evaluation<M> = { [K in keyof M]: M[K] extends Metric ? ReturnType<M[K]['compute']> : number }

/**
 * Figures of a net on data, in evaluation mode and without recording: of metrics, and of losses (their mean over the
 * samples). Afterwards each module is in the mode that it came in. Yields often enough to keep an event loop alive.
 *
 * @param net what `forward` is called of
 * @param batches such as a DataLoader: [x, target, …]; what comes after the target goes to losses alone
 * @param metrics by names of your own, such as `{ loss: new nn.CrossEntropyLoss(), f1: new metrics.F1Score() }`
 * @param options may be left out
 * @returns the figures by the same names
 * @throws {ArgumentError} for arguments of another kind, no batch, or a net that is being trained
 * @throws {ShapeError} for a loss that is no single number
 */
export async function evaluate<M extends Readonly<Record<string, Metric | Loss>>>(
  net: Module,
  batches: Iterable<readonly Tensor[]> | AsyncIterable<readonly Tensor[]>,
  metrics: M,
  options: EvaluateOptions = {},
): Promise<Evaluation<M>> {
  check(net, batches, metrics)
  checkOptions('evaluate', options, ['signal'])
  const { signal } = options
  return exclusively('evaluate', net, async () => {
    const modules = net.namedModules().map(([, module]) => module)
    const modes = modules.map(({ training }) => training)
    const figures = Object.entries(metrics).map(([name, one]) => ({ name, ...counterOf(one) }))
    let count = 0
    const take = (batch: readonly Tensor[]) =>
      noGrad(() =>
        scoped(() => {
          const [x, ...rest] = batch
          const prediction = callForward(net, x)
          for (const { update } of figures) update(prediction, rest)
          count++
        }),
      )
    net.eval()
    try {
      signal?.throwIfAborted()
      // A loader's samples may be promises: only who waits gets them.
      const ahead = Symbol.asyncIterator in batches
      for await (const batch of ahead ? batches : turns(batches as Iterable<readonly Tensor[]>)) {
        if (!Array.isArray(batch) || !(batch[0] instanceof Tensor)) {
          throw new ArgumentError(`evaluate: expected batches of tensors, [x, target], got ${kindOf(batch)}`)
        }
        take(batch)
        if (timeToYield()) await yieldToEvents()
        signal?.throwIfAborted()
      }
    } finally {
      for (const [i, module] of modules.entries()) module.training = modes[i]
    }
    if (count === 0) throw new ArgumentError('evaluate: the data has no batch')
    return Object.fromEntries(figures.map(({ name, result }) => [name, result()])) as Evaluation<M>
  })
}

async function* turns(batches: Iterable<readonly Tensor[]>): AsyncGenerator<readonly Tensor[]> {
  yield* batches
}

interface Counter {
  update(prediction: Tensor, rest: readonly Tensor[]): void
  result(): MetricValue
}

function counterOf(one: Metric | Loss): Counter {
  if ('forward' in one) {
    let [sum, samples] = [0, 0]
    return {
      update(prediction, rest) {
        const value = callForward(one, prediction, ...(rest as [Tensor]))
        if (!(value instanceof Tensor) || value.size !== 1) {
          throw new ShapeError(
            `evaluate: a loss gives one number for a batch, got ${value instanceof Tensor ? `shape [${value.shape}]` : kindOf(value)}`,
          )
        }
        sum += value.item() * prediction.shape[0]
        samples += prediction.shape[0]
      },
      result: () => sum / samples,
    }
  }
  one.reset()
  return {
    update(prediction, [target]) {
      if (one.libraryUpdate === one.update) one.update(prediction, target)
      else outside([prediction, target], () => one.update(prediction, target))
    },
    result: () => one.compute(),
  }
}

/** @throws {ArgumentError} */
function check(net: unknown, batches: unknown, metrics: unknown): void {
  if (!(net instanceof Module)) throw new ArgumentError(`evaluate: expected a Module, got ${kindOf(net)}`)
  const iterable =
    typeof batches === 'object' &&
    batches !== null &&
    (Symbol.iterator in batches || Symbol.asyncIterator in batches)
  if (!iterable) {
    throw new ArgumentError(`evaluate: expected batches, such as a data.DataLoader, got ${kindOf(batches)}`)
  }
  if (typeof metrics !== 'object' || metrics === null || Array.isArray(metrics)) {
    throw new ArgumentError(
      `evaluate: metrics are given by name, as { accuracy: new metrics.Accuracy() }, got ${kindOf(metrics)}`,
    )
  }
  for (const [name, one] of Object.entries(metrics)) {
    const { forward, update, compute } = (one ?? {}) as Partial<Metric & Loss>
    if (typeof forward === 'function' || (typeof update === 'function' && typeof compute === 'function'))
      continue
    throw new ArgumentError(`evaluate: metrics.${name} is a metric or a loss, got ${kindOf(one)}`)
  }
}
