import { checkBoolean, checkNumber, checkOptions, kindOf } from '../check.js'
import { DataLoader } from '../data/data-loader.js'
import { isPromise } from '../data/dataset.js'
import { ArgumentError } from '../errors.js'
import { type AnyModule, Module } from '../nn/module.js'
import { Optimizer } from '../optim/optimizer.js'
import { scoped } from '../tensor/scope.js'
import { accuracyOf, sumOf } from './answers.js'
import { exclusively } from './exclusive.js'
import type { Loss } from './loss.js'
import type { MetricValues } from './metrics/metric.js'
import { type StepResult, Steps } from './steps.js'
import type { Callback, EpochResult, FitOptions, FitStepOptions, History, PassSums, Run } from './training.js'
import { timeToYield, yieldToEvents } from './yield.js'

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
export function fit<N extends AnyModule, B>(net: N, options: FitOptions<N, B>): Promise<History>
/**
 * With a step of your own in place of the loss.
 *
 * @param net its mode is set and put back
 * @throws {NumericError} as with a loss
 * @throws {ArgumentError} as with a loss, and where the step gives no loss, or not what metrics need
 * @throws {ShapeError} for a loss that is no single number
 */
export function fit<N extends AnyModule, B>(net: N, options: FitStepOptions<N, B>): Promise<History>
export async function fit(net: AnyModule, options: Run['options']): Promise<History> {
  checkFit(net, options)
  const { train, valid, epochs = 1, signal, onEpoch, scheduler } = options
  return exclusively('fit', net, async () => {
    const mode = net.training
    const history: History = {
      epochs: [],
      aborted: false,
      stopped: undefined,
      compiled: false,
      reason: undefined,
    }
    const run: Run = { net, options, history, epoch: 0, step: 0, pass: undefined }
    const callbacks = inOrder(options.callbacks)
    const steps = new Steps(run, callbacks)
    const call: Call = async (hook, result) => {
      // (onEpochEnd alone takes a result; the others pass it over.)
      for (const callback of callbacks) await callback[hook]?.(run, result as EpochResult)
    }
    try {
      await call('onFitStart')
      for (; run.epoch < epochs && history.stopped === undefined; run.epoch++) {
        net.train()
        const trained = await pass(steps, train, run, call, true)
        if (signal?.aborted) break
        let validation: PassResult | undefined
        if (valid) {
          net.eval()
          await call('onValidationStart')
          try {
            validation = await pass(steps, valid, run, call, false)
          } finally {
            await call('onValidationEnd')
          }
        }
        if (signal?.aborted) break
        run.pass = undefined
        const result: EpochResult = {
          epoch: run.epoch,
          trainLoss: trained.loss,
          trainAcc: trained.accuracy,
          validLoss: validation?.loss ?? Number.NaN,
          validAcc: validation?.accuracy,
          trainSeconds: trained.seconds,
          validSeconds: validation?.seconds ?? 0,
          imagesPerSecond: trained.samples / trained.seconds,
          ...(options.metrics && { train: trained.metrics, valid: validation?.metrics }),
        }
        // (ReduceLROnPlateau goes by it; the others pass it over.)
        scheduler?.step(result.validLoss)
        history.epochs.push(result)
        await onEpoch?.(result)
        await call('onEpochEnd', result)
      }
      history.compiled = steps.compiled
      history.reason = steps.reason
      history.aborted = signal?.aborted ?? false
      await call('onFitEnd')
      return history
    } finally {
      steps.dispose()
      net.train(mode)
    }
  })
}

/** Calls a function of all callbacks. */
type Call = (
  hook: Exclude<keyof Callback, 'last' | 'stateDict' | 'loadStateDict'>,
  result?: EpochResult,
) => Promise<void>

const inOrder = (callbacks: readonly Callback[] = []) =>
  callbacks.toSorted((a, b) => Number(!!a.last) - Number(!!b.last))

/** @throws {ArgumentError} for what is missing, unknown or of another kind */
function checkFit(net: AnyModule, options: Run['options']): void {
  if (!(net instanceof Module)) throw new ArgumentError(`fit: expected a Module to train, got ${kindOf(net)}`)
  checkOptions('fit', options, [
    'train',
    'valid',
    'optimizer',
    'loss',
    'step',
    'scheduler',
    'epochs',
    'metrics',
    'callbacks',
    'accumulate',
    'signal',
    'compile',
    'onProgress',
    'onEpoch',
  ])
  const { train, valid, optimizer, loss, step, scheduler, epochs = 1, signal, onProgress, onEpoch } = options
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
  expect('step', step === undefined || typeof step === 'function', 'a function of the net and a batch', step)
  if (step && loss !== undefined) {
    throw new ArgumentError('fit: a step gives the loss itself; give fit one of them')
  }
  expect(
    'loss',
    computes || step !== undefined,
    'something with a forward(prediction, labels), such as new nn.CrossEntropyLoss()',
    loss,
  )
  const { answers } = loss ?? {}
  expect("the loss's answers", answers === undefined || typeof answers === 'function', 'a function', answers)
  // (By what it can do: a page without a scheduler downloads none.)
  const schedules = scheduler === undefined || typeof scheduler?.checkFit === 'function'
  expect('scheduler', schedules, 'one of optim.lrScheduler', scheduler)
  scheduler?.checkFit(optimizer, valid !== undefined)
  const { metrics = {}, callbacks = [] } = options
  const counts = Object.values(metrics).every((one) => typeof one?.update === 'function')
  expect('metrics', counts, 'metrics by name, such as { f1: new metrics.F1Score() }', metrics)
  const calls = Array.isArray(callbacks) && callbacks.every((one) => one === Object(one))
  expect('callbacks', calls, 'an array of callbacks', callbacks)
  checkBoolean('fit', 'compile', options.compile ?? true)
  checkNumber('fit', 'epochs', epochs, { least: 0, whole: true })
  checkNumber('fit', 'accumulate', options.accumulate ?? 1, { least: 1, whole: true })
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
  metrics: MetricValues
}

/** One pass over a loader, training or not. */
async function pass(
  steps: Steps,
  loader: Run['options']['train'],
  run: Run,
  call: Call,
  training: boolean,
): Promise<PassResult> {
  const { signal, onProgress, accumulate = 1, metrics = {} } = run.options
  // One that was begun in a process before this one goes on.
  const sums: PassSums = (training && run.pass) || {
    batch: 0,
    samples: 0,
    loss: 0,
    answers: { right: 0, of: 0 },
    seconds: 0,
  }
  if (sums.batch === 0) for (const name in metrics) metrics[name].reset()
  if (training) run.pass = sums
  const start = performance.now() - sums.seconds * 1000
  const { epoch } = run
  const { length: batches } = loader
  const source = loader.pass()
  const size = training ? accumulate : 1
  try {
    while (!signal?.aborted) {
      const group: unknown[] = []
      // Runs a step when its batches are there; what has to be waited for, and those before it, are nobody's meanwhile.
      const take = (next: unknown): StepResult[] | { next: unknown; group: unknown[] } => {
        if (isPromise(next)) return { next, group }
        if (next !== undefined && group.push(steps.check(next)) < size) return take(source.next())
        return group.length > 0 ? steps.run(group, { epoch, batch: sums.batch, batches, training }) : []
      }
      // What nobody else can have seen is freed at the end of the step.
      let results = scoped(() => take(source.next()))
      while ('next' in results) {
        const next = await results.next
        results = scoped(() => take(next))
      }
      if (results.length === 0) break
      for (const { loss, count, answers } of results) {
        sums.loss += loss * count
        sums.answers = sumOf(sums.answers, answers)
        sums.samples += count
        sums.batch++
      }
      sums.seconds = (performance.now() - start) / 1000
      if (training) run.step++
      if (timeToYield()) {
        const { batch, samples, loss, seconds } = sums
        const imagesPerSecond = samples / seconds
        if (training) onProgress?.({ epoch, batch, batches, loss: loss / samples, imagesPerSecond })
        await yieldToEvents()
      }
      if (training && run.options.callbacks) await call('onBatchEnd')
    }
  } finally {
    source.close()
  }
  const seconds = (performance.now() - start) / 1000
  return {
    loss: sums.loss / sums.samples,
    accuracy: accuracyOf(sums.answers),
    samples: sums.samples,
    seconds,
    metrics: Object.fromEntries(Object.entries(metrics).map(([name, metric]) => [name, metric.compute()])),
  }
}
