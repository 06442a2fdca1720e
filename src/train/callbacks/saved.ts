/** What a checkpoint holds of a training: gathered, and checked when it is read. */
import { DataError, StateDictError } from '../../errors.js'
import { getRngState, type RngState, setRngState } from '../../tensor/rng-state.js'
import { Tensor } from '../../tensor/tensor.js'
import type { Callback, EpochResult, PassSums, Run } from '../training.js'

/** What has a state. */
export interface Resumable {
  stateDict(): unknown
  loadStateDict(state: never): unknown
}

/** Everything, in the form that is written. */
interface State {
  net: unknown
  optimizer: unknown
  /** Of each, or null where there is none. */
  scheduler: unknown
  train: unknown
  valid: unknown
  /** In the order in which `fit` was given them; null where one has no state. */
  callbacks: unknown[]
  random: RngState
  settings: Record<string, unknown>
  /** The epoch to go on with. */
  epoch: number
  step: number
  /** Where in the epoch; null at its beginning. */
  pass: { sums: PassSums; metrics: Record<string, unknown> } | null
  history: { epochs: EpochResult[]; stopped: string | null }
}

/** The parts of a training that have a state, by where it stands. A checkpoint is none of them. */
function partsOf(
  { net, options }: Run,
  self: Callback,
): [key: keyof State, index: string | number, part: unknown][] {
  const { optimizer, scheduler, train, valid, callbacks = [], metrics = {} } = options
  return [
    ['net', '', net],
    ['optimizer', '', optimizer],
    ['scheduler', '', scheduler],
    ['train', '', train],
    // (One loader may be both.)
    ['valid', '', valid === train ? undefined : valid],
    ...callbacks.map(
      (one, i) => ['callbacks', i, one === self ? undefined : one] as [keyof State, number, unknown],
    ),
    ...Object.entries(metrics).map(([name, one]) => ['pass', name, one] as [keyof State, string, unknown]),
  ]
}

const isResumable = (part: unknown): part is Resumable => {
  const { stateDict, loadStateDict } = (part ?? {}) as Partial<Resumable>
  return typeof stateDict === 'function' && typeof loadStateDict === 'function'
}

/** What is to be saved. */
export function stateOf(run: Run, epoch: number, settings: Record<string, unknown>, self: Callback): State {
  const { history, step } = run
  const state: State = {
    ...{ net: null, optimizer: null, scheduler: null, train: null, valid: null, callbacks: [] },
    ...{ random: getRngState(), settings, epoch, step },
    pass: run.pass ? { sums: run.pass, metrics: {} } : null,
    history: { epochs: history.epochs, stopped: history.stopped ?? null },
  }
  for (const [key, index, part] of partsOf(run, self)) {
    const own = isResumable(part) ? part.stateDict() : null
    if (key === 'callbacks') state.callbacks.push(own)
    else if (key !== 'pass') Object.assign(state, { [key]: own })
    else if (state.pass) state.pass.metrics[index] = own
  }
  return state
}

/** What was saved, once it has the form. */
export interface Saved {
  readonly settings: Readonly<Record<string, unknown>>
  /** What has a state in `run`, each with what was saved of it. @throws {StateDictError} where there are others */
  parts(run: Run, self: Callback): [part: Resumable, state: unknown][]
  /** Sets what `run` counts, and the stream of random numbers. @throws {ArgumentError} */
  resume(run: Run): void
}

/** @throws {DataError} for what has not the form of a training's state */
export function savedOf(value: unknown, where: string): Saved {
  const wrong = (what: string) =>
    new DataError(
      `${where} is no checkpoint of fit's, or a damaged one: ${what} is not what is written there.`,
    )
  if (!isObject(value)) throw wrong('its state')
  const state = value as Partial<State>
  const { callbacks, settings, epoch, step, pass, history, random } = state
  if (!isObject(state.net)) throw wrong('net')
  if (!isObject(state.optimizer)) throw wrong('optimizer')
  if (!Array.isArray(callbacks)) throw wrong('callbacks')
  if (!isObject(settings)) throw wrong('settings')
  if (!isCount(epoch)) throw wrong('epoch')
  if (!isCount(step)) throw wrong('step')
  if (!isObject(random)) throw wrong('random')
  if (pass !== null && !(isObject(pass) && isSums(pass.sums) && isObject(pass.metrics))) throw wrong('pass')
  const known = isObject(history) && Array.isArray(history.epochs) && history.epochs.every(isResult)
  if (!known || (history.stopped !== null && typeof history.stopped !== 'string')) throw wrong('history')
  return {
    settings,
    parts(run, self) {
      const all = partsOf(run, self)
      const count = run.options.callbacks?.length ?? 0
      if (callbacks.length !== count)
        throw new StateDictError(`it had ${callbacks.length} callbacks, and has ${count}`)
      return all.flatMap(([key, index, part]): [Resumable, unknown][] => {
        if (key === 'pass' && !pass) return []
        const own =
          key === 'callbacks' ? callbacks[Number(index)] : key === 'pass' ? pass?.metrics[index] : state[key]
        const what = index === '' ? key : key === 'pass' ? `metrics.${index}` : `${key}[${index}]`
        if (isResumable(part) === (own !== null && own !== undefined))
          return isResumable(part) ? [[part, own]] : []
        throw new StateDictError(
          isResumable(part)
            ? `it has no state of ${what}`
            : `it has the state of a ${what}, which is not there now`,
        )
      })
    },
    resume(run) {
      setRngState(random as RngState)
      run.epoch = epoch
      run.step = step
      run.pass = pass ? { ...pass.sums } : undefined
      run.history.epochs = history.epochs.map((result) => ({ ...result }))
      run.history.stopped = history.stopped ?? undefined
    },
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Tensor)

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0

const NUMBERS = ['trainLoss', 'validLoss', 'trainSeconds', 'validSeconds', 'imagesPerSecond'] as const

const isResult = (value: unknown): value is EpochResult =>
  isObject(value) && isCount(value.epoch) && NUMBERS.every((name) => typeof value[name] === 'number')

function isSums(value: unknown): value is PassSums {
  if (!isObject(value)) return false
  const { batch, samples, loss, answers, seconds } = value
  const judged =
    answers === undefined ||
    (isObject(answers) && typeof answers.right === 'number' && typeof answers.of === 'number')
  return (
    isCount(batch) && isCount(samples) && typeof loss === 'number' && typeof seconds === 'number' && judged
  )
}
