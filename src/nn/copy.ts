/**
 * A copy of a net: modules, parameters and buffers anew, all else shared. A module of a user's class is made without
 * its constructor (whose arguments nobody knows): `Reflect.construct(Module, [], class)` gives an object of the class
 * with what Module keeps in private, and the fields are then copied. What a class has in private #fields or #methods of
 * its own is reached by nobody else: the library's that have any give a `blank` one, and a user's can too.
 */
import { isPlainObject, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { zeros } from '../tensor/create.js'
import { keepingStream } from '../tensor/random.js'
import { Tensor } from '../tensor/tensor.js'
import { BatchNorm } from './batch-norm.js'
import { askedMode, freezeBatchNorm, isFrozen, tellFrozen } from './freeze.js'
import { copyHooks } from './hooks.js'
import { AnyModule, Parameter } from './module.js'
import { ModuleDict } from './module-dict.js'
import { ModuleList } from './module-list.js'
import { ParameterList } from './parameter-list.js'
import { Sequential } from './sequential.js'

/** Methods that freezing puts over a layer's own; they are no fields. */
const OVER = ['stateDict', 'extraRepr']

/**
 * A copy of `net`, in the same modes and with the same hooks. What stands in several places does so in the copy.
 *
 * @throws {ArgumentError} for a `blank` that gives no module
 */
export function copyOf<M extends AnyModule>(net: M): M {
  const copy = keepingStream(() => new Copying().copy(net))
  for (const [path, module] of net.namedModules()) {
    if (isFrozen(module)) freezeBatchNorm(copy.getSubmodule(path))
  }
  tellFrozen(copy)
  return copy
}

class Copying {
  readonly #known = new Map<object, unknown>()

  /** The copy of a field's value, made once. */
  copy<T>(value: T): T {
    if (typeof value !== 'object' || value === null) return value
    if (!this.#known.has(value)) this.#known.set(value, this.#copied(value))
    return this.#known.get(value) as T
  }

  #copied(value: object): unknown {
    const copy = (one: unknown) => this.copy(one)
    if (value instanceof Parameter) return new Parameter(zeros(value.shape).copy_(value), value.requiresGrad)
    if (value instanceof Tensor) return zeros(value.shape).copy_(value)
    if (value instanceof AnyModule) return this.#module(value)
    if (Array.isArray(value)) return value.map(copy)
    if (value instanceof Map) return new Map([...value].map(([key, one]) => [key, copy(one)]))
    if (value instanceof Set) return new Set([...value].map(copy))
    if (!isPlainObject(value)) return value
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, copy(one)]))
  }

  #module(module: AnyModule): AnyModule {
    const made = this.#blank(module)
    this.#known.set(module, made)
    for (const [name, { value, get }] of Object.entries(Object.getOwnPropertyDescriptors(module))) {
      const current: unknown = get ? Reflect.get(module, name) : value
      // Accessors are buffers, or hooks and what freezing put there.
      if (get && current instanceof Tensor) made.registerBuffer(name, this.copy(current))
      if (get || OVER.includes(name)) continue
      const copied = { value: this.copy(current), writable: true, enumerable: true, configurable: true }
      Object.defineProperty(made, name, copied)
    }
    copyHooks(module, made)
    made.training = askedMode(module)
    return made
  }

  /** One of the same class. */
  #blank(module: AnyModule): AnyModule {
    if ('blank' in module && typeof module.blank === 'function') {
      const blank: unknown = module.blank()
      if (blank instanceof AnyModule) return blank
      throw new ArgumentError(
        `${module.constructor.name}: blank() gives a module of the class, whose fields are then copied, got ${kindOf(blank)}`,
      )
    }
    const children = () =>
      module.namedChildren().map(([name, child]): [string, AnyModule] => [name, this.copy(child)])
    const like = (base: object, ...given: unknown[]): AnyModule =>
      Reflect.construct(base as new () => AnyModule, given, module.constructor)
    if (module instanceof Sequential) return like(Sequential, new Map(children()))
    if (module instanceof ModuleDict) return like(ModuleDict, new Map(children()))
    if (module instanceof ModuleList)
      return like(
        ModuleList,
        children().map(([, child]) => child),
      )
    if (module instanceof ParameterList)
      return like(
        ParameterList,
        [...module].map((one) => this.copy(one)),
      )
    if (module instanceof BatchNorm) {
      const { numFeatures, momentum } = module
      return like(BatchNorm, numFeatures, { momentum, affine: false, trackRunningStats: false })
    }
    return like(AnyModule)
  }
}
