/** Which batch norm layers can be folded into which layers, and why others can't. */
import { sizeOf } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { BatchNorm } from './batch-norm.js'
import { ConvTranspose2d } from './conv-transpose2d.js'
import { Conv1d } from './conv1d.js'
import { Conv2d } from './conv2d.js'
import { isLibrary } from './layer.js'
import { Linear } from './linear.js'
import type { AnyModule } from './module.js'
import { insideOf, type ModuleCall, nameOf, readersOf, type Trace } from './trace.js'

/** A layer whose result is linear in its weight. */
export type LinearLike = Linear | Conv1d | Conv2d | ConvTranspose2d

/** A fold to be done. */
export interface Fold {
  /** Of the batch norm layer. */
  path: string
  type: string
  /** Of the layer beside it. */
  into: string
  /** Whether that stands before it or after. */
  side: 'before' | 'after'
  /** Inputs of the layer after it that are of one channel, one beside the other: more than one behind a flatten. */
  perChannel: number
}

/** A batch norm layer that stays. */
export interface Kept {
  /** Its path in the net. */
  path: string
  /** Its class. */
  type: string
  /** Why. */
  reason: string
}

/** A neighbour, or why there is none. */
type Found = { layer: LinearLike; perChannel: number } | { reason: string }

function isLinear(module: AnyModule): module is LinearLike {
  return [Linear, Conv1d, Conv2d, ConvTranspose2d].some((kind) => module instanceof kind)
}

/** What becomes of each batch norm layer of a net of which this is a trace. */
export function planFolds(net: AnyModule, seen: Trace): { folds: Fold[]; kept: Kept[] } {
  const plan = new Plan(net, seen)
  const layers = [...plan.paths].filter(
    (entry): entry is [BatchNorm, string] => entry[0] instanceof BatchNorm,
  )
  const order = (layer: AnyModule) => seen.calls.findIndex(({ module }) => module === layer)
  layers.sort(([a], [b]) => order(a) - order(b))
  for (const [layer, path] of layers) plan.add(layer, path)
  return plan
}

class Plan {
  readonly folds: Fold[] = []
  readonly kept: Kept[] = []
  /** Each module's first path. */
  readonly paths = new Map<AnyModule, string>()
  /** What gives a tensor once earlier folds are done. */
  readonly #made = new Map<Tensor, LinearLike>()

  constructor(
    net: AnyModule,
    readonly seen: Trace,
  ) {
    for (const [path, module] of net.namedModules()) if (!this.paths.has(module)) this.paths.set(module, path)
    for (const { module, outputs } of seen.calls) if (isLinear(module)) this.#made.set(outputs[0], module)
  }

  add(norm: BatchNorm, path: string): void {
    const type = norm.constructor.name
    const keep = (reason: string) => this.kept.push({ path, type, reason })
    const calls = this.#callsOf(norm)
    if (norm.runningMean === undefined) keep('it has no running statistics')
    else if (!isLibrary(norm)) keep('it has a forward of its own, or hooks')
    else if (calls.length === 0) keep('the forward did not call it')
    else if (calls.length > 1) keep(`the forward calls it ${calls.length} times`)
    else {
      const [call] = calls
      const before = this.#before(call)
      if ('layer' in before) {
        this.folds.push({
          path,
          type,
          into: this.paths.get(before.layer) ?? '',
          side: 'before',
          perChannel: 1,
        })
        // A second batch norm finds the same layer before it.
        this.#made.set(call.outputs[0], before.layer)
        return
      }
      const after = this.#after(call)
      if ('layer' in after) {
        const { layer, perChannel } = after
        this.folds.push({ path, type, into: this.paths.get(layer) ?? '', side: 'after', perChannel })
      } else keep(`${before.reason}; ${after.reason}`)
    }
  }

  #before(call: ModuleCall): Found {
    const [x] = call.inputs
    const layer = this.#made.get(x)
    if (!layer) return { reason: `no Linear or convolution stands before it, but ${this.#maker(x)}` }
    const what = this.#text(layer)
    const problem = this.#unfit(layer, x)
    if (problem) return { reason: `${what} before it ${problem}` }
    const own = insideOf(call)
    const others = readersOf(this.seen, x).filter((reader) => !own.has(reader))
    if (others.length > 0) return { reason: `what ${what} gives is read by ${this.#names(others)} too` }
    if (this.seen.outputs.includes(x)) return { reason: `what ${what} gives is a result of the net too` }
    return { layer, perChannel: 1 }
  }

  #after({ outputs: [y] }: ModuleCall): Found {
    const next = this.seen.calls.find(
      ({ module, inputs: [x] }) => isLinear(module) && (x === y || isFlattened(x, y)),
    )
    const readers = readersOf(this.seen, y)
    if (!next) return { reason: `after it comes ${this.#names(readers) || 'the end of the net'}` }
    const {
      module: layer,
      inputs: [x],
    } = next
    if (!isLinear(layer)) return { reason: '' }
    const what = this.#text(layer)
    const problem = this.#unfit(layer, x)
    if (problem) return { reason: `${what} after it ${problem}` }
    if (layer instanceof ConvTranspose2d) {
      return { reason: `${what} after it does not see as many values at its edges as within` }
    }
    if (isPadded(layer))
      return { reason: `${what} after it pads with zeros, which stand for no input's zero` }
    const own = insideOf(next)
    const between = x === y ? [] : [x.producer]
    const others = [...readers, ...readersOf(this.seen, x)].filter(
      (reader) => !own.has(reader) && !between.includes(reader),
    )
    if (others.length > 0) return { reason: `what it gives is read by ${this.#names(others)} too` }
    if (this.seen.outputs.some((result) => result === y || result === x)) {
      return { reason: 'what it gives is a result of the net too' }
    }
    return { layer, perChannel: layer instanceof Linear ? x.shape[1] / y.shape[1] : 1 }
  }

  /** Why the layer's weights can't be changed, if so. `x` is its result, or its input. */
  #unfit(layer: LinearLike, x: Tensor): string | undefined {
    if (!isLibrary(layer)) return 'has a forward of its own, or hooks'
    const calls = this.#callsOf(layer)
    if (calls.length !== 1) return `is called ${calls.length} times`
    const sharing = [...this.paths.keys()].find(
      (module) =>
        module !== layer &&
        module.ownEntries().some(([, value]) => value === layer.weight || (value && value === layer.bias)),
    )
    if (sharing) return `shares its weights with ${this.#text(sharing)}`
    const own = insideOf(calls[0])
    if (readersOf(this.seen, layer.weight).some((reader) => !own.has(reader)))
      return 'has weights that the forward uses elsewhere too'
    if (layer instanceof Linear && x.shape.length !== 2) {
      return `works on [${x.shape}], whose last dimension is not the channels`
    }
    return undefined
  }

  #callsOf(module: AnyModule): ModuleCall[] {
    return this.seen.calls.filter((call) => call.module === module)
  }

  #text(module: AnyModule): string {
    return `${module.constructor.name} '${this.paths.get(module)}'`
  }

  /** What gave a tensor, in words. */
  #maker(x: Tensor): string {
    const call = this.seen.calls.find(({ inputs, outputs }) => outputs.includes(x) && !inputs.includes(x))
    if (call) return this.#text(call.module)
    return nameOf(x.producer) ?? "the net's input"
  }

  /** Operations in words: by the modules that call them, where these do. */
  #names(producers: readonly unknown[]): string {
    const names = producers.map((producer) => {
      const call = this.seen.calls.find(({ outputs }) => outputs.some((x) => x.producer === producer))
      return call && isLibrary(call.module) ? this.#text(call.module) : nameOf(producer as never)
    })
    return [...new Set(names.map((name) => name ?? 'a function of your own'))].join(' and ')
  }
}

/** Whether `x` is [N, C, …] as [N, C · …]. */
function isFlattened(x: Tensor, y: Tensor): boolean {
  return (
    nameOf(x.producer) === 'reshape' &&
    x.producer?.sources[0] === y &&
    y.shape.length > 2 &&
    x.shape.length === 2 &&
    x.shape[0] === y.shape[0]
  )
}

function isPadded({ ...layer }: Linear | Conv1d | Conv2d): boolean {
  if (!('options' in layer)) return false
  const { padding } = layer.options
  if (padding === 'valid') return false
  if (padding === 'same') return sizeOf((layer.weight as Tensor).shape.slice(2)) > 1
  return [padding].flat().some((p) => Number(p) > 0)
}
