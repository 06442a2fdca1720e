import { type Compiled, compileStep } from '../autograd/compile.js'
import { noGrad } from '../autograd/tape.js'
import { checkBoolean, checkOptions, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { type AnyModule, Module } from '../nn/module.js'
import { scoped } from '../tensor/scope.js'
import type { Tensor } from '../tensor/tensor.js'
import { type Batch, checkBatch, lossOf, predict, samplesOf, type Tensors, whyNotCompiled } from './batch.js'
import { exclusively } from './exclusive.js'
import type { Loss } from './loss.js'
import type { Metric, MetricValue } from './metrics/metric.js'
import { updateMetric } from './metrics/update.js'
import { timeToYield, yieldToEvents } from './yield.js'

/** Options of `evaluate`. */
export interface EvaluateOptions {
  /** Ends it early: `evaluate` then rejects with the signal's reason, for a part's figures would be taken for all's. */
  signal?: AbortSignal | undefined
  /** Whether what is computed for a batch is compiled: as of `fit`, and with the same default. */
  compile?: boolean | undefined
  /** Called at the end with whether the last batch ran compiled, and, where not, the reason in words. */
  onReport?: ((report: EvaluateReport) => void) | undefined
}

/** How `evaluate` went. */
export interface EvaluateReport {
  /** Whether the last batch ran as a recorded list of kernels; the first ones are recorded. */
  compiled: boolean
  /** Why not; undefined where it did. */
  reason: string | undefined
}

/** What `evaluate` resolves with: a figure for each metric, and a mean for each loss. */
export type Evaluation<M> = {
  [K in keyof M]: M[K] extends Metric<never, never> ? ReturnType<M[K]['compute']> : number
}

/** What is computed for a batch. */
interface Computed {
  prediction: unknown
  target: unknown
  losses: Tensor[]
}

/**
 * Figures of a net on data, in evaluation mode and without recording: of metrics, and of losses (their mean over the
 * samples). Afterwards each module is in the mode that it came in. Yields often enough to keep an event loop alive.
 *
 * @param net what `forward` is called of
 * @param batches such as a DataLoader: [inputs, target, …] as `fit` takes them; what comes after the target goes to losses
 *   alone
 * @param metrics by names of your own, such as `{ loss: new nn.CrossEntropyLoss(), f1: new metrics.F1Score() }`
 * @param options may be left out
 * @returns the figures by the same names
 * @throws {ArgumentError} for arguments of another kind, no batch, or a net that is being trained
 * @throws {ShapeError} for a loss that is no single number
 */
export async function evaluate<M extends Readonly<Record<string, Metric<never, never> | Loss<never, never>>>>(
  net: AnyModule,
  batches: Iterable<readonly Tensors[]> | AsyncIterable<readonly Tensors[]>,
  metrics: M,
  options: EvaluateOptions = {},
): Promise<Evaluation<M>> {
  check(net, batches, metrics)
  checkOptions('evaluate', options, ['signal', 'compile', 'onReport'])
  const { signal, compile, onReport } = options
  checkBoolean('evaluate', 'compile', compile ?? true)
  if (onReport !== undefined && typeof onReport !== 'function') {
    throw new ArgumentError(`evaluate: onReport is a function, got ${kindOf(onReport)}`)
  }
  return exclusively('evaluate', net, async () => {
    const modules = net.namedModules().map(([, module]) => module)
    const modes = modules.map(({ training }) => training)
    const figures = Object.entries(metrics).map(([name, one]) => ({ name, one }))
    const losses = figures.flatMap(({ one }) => ('forward' in one ? [one] : []))
    for (const { one } of figures) if (!('forward' in one)) one.reset()
    const sums = losses.map(() => 0)
    let samples = 0
    let count = 0
    const compute = (batch: Batch): Computed =>
      noGrad(() => {
        const [inputs, ...rest] = batch
        const prediction = predict(net, inputs)
        const values = losses.map((loss) => lossOf('evaluate', loss, [prediction, ...rest]))
        return { prediction, target: rest[0], losses: values }
      })
    const why = whyNotCompiled(net, { losses, step: false, compile })
    const compiled: Compiled<[Batch], Computed> | undefined =
      why === undefined ? compileStep(compute, { strict: false }) : undefined
    const take = (batch: Batch) => {
      const size = samplesOf('evaluate', batch[0])
      scoped(() => {
        const { prediction, target, losses: values } = (compiled ?? compute)(batch)
        for (const { one } of figures) if (!('forward' in one)) updateMetric(one, prediction, target)
        for (const [i, value] of values.entries()) sums[i] += value.item() * size
      })
      samples += size
      count++
    }
    net.eval()
    try {
      signal?.throwIfAborted()
      // A loader's samples may be promises: only who waits gets them.
      const ahead = Symbol.asyncIterator in batches
      for await (const batch of ahead ? batches : turns(batches as Iterable<readonly Tensors[]>)) {
        take(checkBatch('evaluate', batch))
        if (timeToYield()) await yieldToEvents()
        signal?.throwIfAborted()
      }
      if (count === 0) throw new ArgumentError('evaluate: the data has no batch')
      const reason = why ?? compiled?.report.reason
      onReport?.({ compiled: reason === undefined, reason })
    } finally {
      compiled?.dispose()
      for (const [i, module] of modules.entries()) module.training = modes[i]
    }
    const result = (one: Metric<never, never> | Loss<never, never>): MetricValue =>
      'forward' in one ? sums[losses.indexOf(one)] / samples : one.compute()
    return Object.fromEntries(figures.map(({ name, one }) => [name, result(one)])) as Evaluation<M>
  })
}

async function* turns(batches: Iterable<readonly Tensors[]>): AsyncGenerator<readonly Tensors[]> {
  yield* batches
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
