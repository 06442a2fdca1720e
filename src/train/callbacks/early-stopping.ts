import { checkBoolean, checkNumber, checkOptions, kindOf } from '../../check.js'
import { ArgumentError, StateDictError } from '../../errors.js'
import type { StateDict } from '../../nn/module.js'
import { zeros } from '../../tensor/create.js'
import { Tensor } from '../../tensor/tensor.js'
import type { Callback, EpochResult, Run } from '../training.js'
import { ModelAverage } from './model-average.js'

/** Options of EarlyStopping. */
export interface EarlyStoppingOptions {
  /**
   * The figure that should get better: of an epoch's result, or of its metrics, such as 'valid.f1'. Default 'validLoss',
   * without `valid` 'trainLoss'.
   */
  monitor?: string
  /** Whether less is better, or more. Default 'min' for the losses, 'max' for the accuracies; of metrics it must be told. */
  mode?: 'min' | 'max'
  /** By how much it must get better to count, at least 0. Default 0: by anything. */
  minDelta?: number
  /** After how many epochs without getting better the training ends. Default 3. */
  patience?: number
  /** Whether the net has the weights of the best epoch at the end, however it ended. Default true. */
  restoreBest?: boolean
}

/** What a checkpoint keeps. */
interface State {
  best: number | null
  bestEpoch: number
  wait: number
  weights: StateDict | null
}

/**
 * Ends the training when a figure gets no better, and gives the net the weights of its best epoch back: those that were
 * validated, which with `ModelAverage` are the averages. NaN is never better.
 * https://lightning.ai/docs/pytorch/stable/api/lightning.pytorch.callbacks.EarlyStopping.html
 */
export class EarlyStopping implements Callback {
  /** Of the epoch that was best. */
  best: number | undefined
  /** That epoch, from 0. */
  bestEpoch = -1
  readonly #options: EarlyStoppingOptions
  #wait = 0
  #weights: StateDict | undefined

  /**
   * @param options each may be left out
   * @throws {ArgumentError} for an option that is unknown or out of range
   */
  constructor(options: EarlyStoppingOptions = {}) {
    const name = 'EarlyStopping'
    checkOptions(name, options, ['monitor', 'mode', 'minDelta', 'patience', 'restoreBest'])
    const {
      monitor = 'validLoss',
      mode = usualMode(monitor),
      minDelta = 0,
      patience = 3,
      restoreBest = true,
    } = options
    if (typeof monitor !== 'string') {
      throw new ArgumentError(
        `${name}: monitor is a figure's name, such as 'validLoss', got ${kindOf(monitor)}`,
      )
    }
    if (mode !== 'min' && mode !== 'max') {
      throw new ArgumentError(
        `${name}: mode is 'min' or 'max', according to what is better of ${monitor}, got ${kindOf(mode)}`,
      )
    }
    checkNumber(name, 'minDelta', minDelta, { least: 0 })
    checkNumber(name, 'patience', patience, { least: 1, whole: true })
    checkBoolean(name, 'restoreBest', restoreBest)
    this.#options = { ...options }
  }

  /** Forgets what it knows of an earlier training. */
  onFitStart(): void {
    this.best = undefined
    this.bestEpoch = -1
    this.#wait = 0
    this.#weights = undefined
  }

  /** Looks at the figure. @throws {ArgumentError} where the result has no such number */
  onEpochEnd(run: Run, result: EpochResult): void {
    const {
      monitor = run.options.valid ? 'validLoss' : 'trainLoss',
      minDelta = 0,
      patience = 3,
    } = this.#options
    const value = figureOf(result, monitor)
    const { mode = usualMode(monitor) } = this.#options
    const gain =
      this.best === undefined
        ? Number.POSITIVE_INFINITY
        : mode === 'min'
          ? this.best - value
          : value - this.best
    if (!Number.isNaN(value) && gain > minDelta) {
      this.best = value
      this.bestEpoch = result.epoch
      this.#wait = 0
      if (this.#options.restoreBest ?? true) this.#keep(run)
    } else if (++this.#wait >= patience) {
      run.history.stopped = `${monitor} got no better in ${patience} ${patience === 1 ? 'epoch' : 'epochs'}${
        this.best === undefined ? '' : `: its best is ${this.best}, of epoch ${this.bestEpoch}`
      }`
    }
  }

  /** Gives the best weights back. */
  onFitEnd({ net }: Run): void {
    if (this.#weights) net.loadStateDict(this.#weights)
  }

  #keep({ net, options }: Run): void {
    const average = options.callbacks?.find((one) => one instanceof ModelAverage && one.validates)
    const state = average instanceof ModelAverage ? average.model.averages() : net.stateDict()
    this.#weights ??= Object.fromEntries(Object.entries(state).map(([name, x]) => [name, zeros(x.shape)]))
    for (const [name, x] of Object.entries(state)) this.#weights[name]?.copy_(x)
  }

  /** The best figure, its epoch and its weights. */
  stateDict(): State {
    return {
      best: this.best ?? null,
      bestEpoch: this.bestEpoch,
      wait: this.#wait,
      weights: this.#weights ?? null,
    }
  }

  /**
   * Goes on from there.
   *
   * @param state as `stateDict()` gives it
   * @throws {StateDictError} for anything else
   */
  loadStateDict(state: State): void {
    const { best, bestEpoch, wait, weights } = state ?? {}
    const fits =
      (best === null || typeof best === 'number') &&
      Number.isInteger(bestEpoch) &&
      Number.isInteger(wait) &&
      (weights === null ||
        (typeof weights === 'object' && Object.values(weights).every((x) => x instanceof Tensor)))
    if (!fits)
      throw new StateDictError(`EarlyStopping: the state is none of an EarlyStopping, got ${kindOf(state)}`)
    this.best = best ?? undefined
    this.bestEpoch = bestEpoch
    this.#wait = wait
    this.#weights = weights ?? undefined
  }
}

const usualMode = (monitor: unknown) =>
  monitor === 'validAcc' || monitor === 'trainAcc'
    ? 'max'
    : monitor === 'validLoss' || monitor === 'trainLoss'
      ? 'min'
      : undefined

/** A number of a result, by a path such as `valid.f1`. @throws {ArgumentError} */
export function figureOf(result: EpochResult, path: string): number {
  let value: unknown = result
  for (const name of path.split('.')) {
    value =
      typeof value === 'object' && value !== null && Object.hasOwn(value, name)
        ? Reflect.get(value, name)
        : undefined
  }
  if (typeof value === 'number') return value
  const known = Object.entries(result).flatMap(([name, one]) =>
    typeof one === 'number'
      ? [name]
      : typeof one === 'object'
        ? Object.keys(one).map((key) => `${name}.${key}`)
        : [],
  )
  throw new ArgumentError(
    `EarlyStopping: '${path}' is no number of an epoch's result; there are ${known.join(', ')}`,
  )
}
