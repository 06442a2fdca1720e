/** Averages of a net's weights while it trains, beside the net. */
import { lerp } from '../bindings/kernels.generated.js'
import { eachRun } from '../bindings/recording.js'
import { checkBoolean, checkFits, checkNumber, checkOptions, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { fromValues, zeros } from '../tensor/create.js'
import { sameShape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'

/** As much of a Module as is averaged. */
export interface Averaged {
  /** Its parameters and buffers by name: its own tensors. */
  stateDict(): Record<string, Tensor>
  /** Its buffers. */
  namedBuffers(): readonly (readonly [name: string, buffer: Tensor])[]
}

/** Options of AveragedModel. */
export interface AveragedModelOptions {
  /**
   * The share of the average that is kept at each update: an exponential moving average, as of PyTorch's
   * `get_ema_multi_avg_fn`; 0.999 is usual. Without it all updates count alike, as in PyTorch.
   */
  decay?: number
  /** Whether buffers (batch norm's running statistics) are averaged too. Default false: they are copied. */
  useBuffers?: boolean
}

/**
 * The average of a net's weights. `update()` after each step of the optimiser takes the net's weights in; `applied`
 * runs a function with the averaged weights in the net.
 * https://pytorch.org/docs/stable/generated/torch.optim.swa_utils.AveragedModel.html
 *
 * PyTorch copies the net. Here the average lies beside it, under the net's names; so the net is evaluated with
 * `average.applied(() => …)`, and another net of the kind gets it from `average.averages()`.
 */
export class AveragedModel {
  readonly #net: Averaged
  readonly #decay: number | undefined
  readonly #useBuffers: boolean
  readonly #averages: Record<string, Tensor>
  #count = 0
  #applied = false

  /**
   * @param net what is averaged; the averages begin with its weights
   * @throws {ArgumentError} for what is no Module, and an option that is unknown or out of range
   */
  constructor(net: Averaged, options: AveragedModelOptions = {}) {
    const name = 'AveragedModel'
    const fits =
      typeof net === 'object' &&
      net !== null &&
      typeof net.stateDict === 'function' &&
      typeof net.namedBuffers === 'function'
    if (!fits) throw new ArgumentError(`${name}: expected a Module, such as the net, got ${kindOf(net)}`)
    checkOptions(name, options, ['decay', 'useBuffers'])
    const { decay, useBuffers = false } = options
    if (decay !== undefined) checkNumber(name, 'decay', decay, { least: 0, most: 1 })
    checkBoolean(name, 'useBuffers', useBuffers)
    this.#net = net
    this.#decay = decay
    this.#useBuffers = useBuffers
    this.#averages = copiesOf(net.stateDict())
  }

  /** How many updates there were. */
  get nAveraged(): number {
    return this.#count
  }

  /**
   * Takes the net's weights into the average. The first update copies them.
   *
   * @throws {ArgumentError} within `applied`, and where the net has other parameters than it had at first
   */
  update(): void {
    eachRun([], () => this.#take())
  }

  #take(): void {
    if (this.#applied) {
      throw new ArgumentError(
        'AveragedModel: update within applied would average the averages; call it after',
      )
    }
    const buffers = new Set(this.#net.namedBuffers().map(([, buffer]) => buffer))
    const pairs = this.#pairs()
    for (const { own, average } of pairs) void [own.storage.address, average.storage.address]
    for (const { name, own, average } of pairs) {
      if (this.#count === 0 || (buffers.has(own) && !this.#useBuffers)) average.copy_(own)
      else if (isCount(name)) average.fill_(this.#mixed(average.item(), own.item()))
      else lerp({ x: own.storage, y: average.storage, weight: this.#weight })
    }
    this.#count++
  }

  /** The share of the new weights. */
  get #weight(): number {
    return this.#decay === undefined ? 1 / (this.#count + 1) : 1 - this.#decay
  }

  /** Whole numbers stay whole: PyTorch rounds towards 0. */
  #mixed(average: number, own: number): number {
    const weight = this.#weight
    return Math.trunc(Math.fround(Math.fround(average * (1 - weight)) + Math.fround(own * weight)))
  }

  /** The net's tensors, each with its average. @throws {ArgumentError} where these are others than at first */
  #pairs(): { name: string; own: Tensor; average: Tensor }[] {
    const state = this.#net.stateDict()
    const names = Object.keys(this.#averages)
    const other = Object.keys(state).find((name) => !Object.hasOwn(this.#averages, name))
    const changed = names.find(
      (name) => !state[name] || !sameShape(state[name].shape, this.#averages[name].shape),
    )
    if (other !== undefined || changed !== undefined) {
      throw new ArgumentError(
        `AveragedModel: '${other ?? changed}' of the net is not what it was when the average began; make a new AveragedModel after a change of the net`,
      )
    }
    return names.map((name) => ({ name, own: state[name], average: this.#averages[name] }))
  }

  /**
   * Runs `fn` with the averages in the net's parameters and buffers, and puts the net's own back after it, also where
   * it throws. Where `fn` is asynchronous, the net has the averages till its promise settles: don't train it
   * meanwhile.
   *
   * @returns what `fn` returns
   * @throws {ArgumentError} for what is no function, and within another `applied`
   */
  applied<T>(fn: () => T): T {
    if (typeof fn !== 'function') {
      throw new ArgumentError(
        `AveragedModel: applied takes a function, as applied(() => net.forward(x)), got ${kindOf(fn)}`,
      )
    }
    if (this.#applied)
      throw new ArgumentError('AveragedModel: applied within applied; the averages are there')
    const pairs = this.#pairs()
    const kept = copiesOf(this.#net.stateDict())
    for (const { own, average } of pairs) void [own.storage.address, average.storage.address]
    const restore = () => {
      for (const { name, own } of pairs) {
        own.copy_(kept[name])
        kept[name].dispose()
      }
      this.#applied = false
    }
    this.#applied = true
    for (const { own, average } of pairs) own.copy_(average)
    let result: T
    try {
      result = fn()
    } catch (error) {
      restore()
      throw error
    }
    if (!isPromise(result)) {
      restore()
      return result
    }
    return result.then(
      (value: unknown) => {
        restore()
        return value
      },
      (error: unknown) => {
        restore()
        throw error
      },
    ) as T
  }

  /** The averages by the net's names, for `loadStateDict` of a net of the kind. They are the average's own tensors. */
  averages(): Record<string, Tensor> {
    return { ...this.#averages }
  }

  /** The averages under PyTorch's names: `module.` before the net's own, and `n_averaged`. */
  stateDict(): Record<string, Tensor> {
    const averages = Object.entries(this.#averages).map(([name, average]) => [`module.${name}`, average])
    return { n_averaged: fromValues([this.#count], []), ...Object.fromEntries(averages) }
  }

  /**
   * Copies a state dict's averages. Nothing is changed unless all of it fits.
   *
   * @param state as `stateDict()` gives it, or PyTorch's
   * @throws {StateDictError} naming missing and unexpected entries and those of another shape
   * @throws {ArgumentError} for what is no object of tensors
   */
  loadStateDict(state: Record<string, Tensor>): void {
    if (typeof state !== 'object' || state === null || Array.isArray(state)) {
      throw new ArgumentError(`loadStateDict: expected a state dict, tensors by name, got ${kindOf(state)}`)
    }
    const own = this.stateDict()
    const problems: string[] = []
    const missing = Object.keys(own).filter((name) => !Object.hasOwn(state, name))
    const unexpected = Object.keys(state).filter((name) => !Object.hasOwn(own, name))
    if (missing.length > 0) problems.push(`missing: ${missing.join(', ')}`)
    if (unexpected.length > 0) problems.push(`unexpected: ${unexpected.join(', ')}`)
    for (const [name, { shape }] of Object.entries(own)) {
      const given: unknown = state[name]
      if (given === undefined) continue
      if (!(given instanceof Tensor)) problems.push(`${name} is ${kindOf(given)}, expected a tensor`)
      else if (!sameShape(given.shape, shape)) {
        problems.push(`${name} has shape [${given.shape}], expected [${shape}]`)
      }
    }
    checkFits('AveragedModel', problems)
    for (const [name, average] of Object.entries(this.#averages)) {
      void [average.storage.address, state[`module.${name}`].storage.address]
    }
    for (const [name, average] of Object.entries(this.#averages)) average.copy_(state[`module.${name}`])
    this.#count = state.n_averaged.item()
  }
}

function copiesOf(state: Record<string, Tensor>): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(state).map(([name, x]) => [name, zeros(x.shape).copy_(x)]))
}

/** PyTorch counts batches in whole numbers; everything else is float32. */
const isCount = (name: string) => name.split('.').at(-1) === 'num_batches_tracked'

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}
