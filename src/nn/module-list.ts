import { checkNumber, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { checkModules } from './containers.js'
import { type AnyModule, Module } from './module.js'

/**
 * Modules in a list, by the names '0', '1' and so on: what a field of several must be, since modules in a plain
 * array are not found. https://pytorch.org/docs/stable/generated/torch.nn.ModuleList.html
 */
export class ModuleList<M extends AnyModule = Module> extends Module implements Iterable<M> {
  readonly #modules: M[]

  /**
   * @param modules any number; what kinds of modules the list has, unless it is said: `new nn.ModuleList<nn.Module>(…)`
   * @throws {ArgumentError} for what is no array of modules
   */
  constructor(modules: Iterable<M> = []) {
    super()
    this.#modules = listOf('ModuleList', modules)
  }

  /** How many there are. */
  get length(): number {
    return this.#modules.length
  }

  /** The module at `index`, which may count from the end; undefined where there is none. */
  at(index: number): M | undefined {
    return this.#modules.at(index)
  }

  /** Puts `module` in the place of the one at `index`. @throws {ArgumentError} where there is none, or for what is no module */
  set(index: number, module: M): this {
    checkModules('ModuleList.set', [module])
    const { length } = this
    checkNumber('ModuleList.set', 'the index', index, { least: -length, below: length, whole: true })
    this.#modules[index < 0 ? index + length : index] = module
    return this
  }

  /** Adds `module` at the end. @throws {ArgumentError} for what is none */
  append(module: M): this {
    checkModules('ModuleList.append', [module])
    this.#modules.push(module)
    return this
  }

  /** Adds several `modules` at the end: all or, where one is no module, none. @throws {ArgumentError} for what is no array of modules */
  extend(modules: Iterable<M>): this {
    this.#modules.push(...listOf('ModuleList.extend', modules))
    return this
  }

  /**
   * Puts `module` before the one at `index`, which may count from the end; those behind it have new names.
   * @throws {ArgumentError} for an index that is no place in the list, or what is no module
   */
  insert(index: number, module: M): this {
    checkModules('ModuleList.insert', [module])
    checkNumber('ModuleList.insert', 'the index', index, {
      least: -this.length,
      most: this.length,
      whole: true,
    })
    this.#modules.splice(index, 0, module)
    return this
  }

  /** Takes the module at `index` (default −1, the last) out, and gives it. @throws {ArgumentError} where there is none */
  pop(index = -1): M {
    const found = Number.isInteger(index) ? this.#modules.at(index) : undefined
    if (found === undefined) {
      throw new ArgumentError(
        `ModuleList.pop: there is no module at ${kindOf(index)} of a list of ${this.length}`,
      )
    }
    this.#modules.splice(index, 1)
    return found
  }

  /** A new list of those from `start` up to, not including, `end`, numbered from '0'; both as of an array's `slice`. */
  slice(start?: number, end?: number): ModuleList<M> {
    return new ModuleList<M>(this.#modules.slice(start, end))
  }

  /** The modules in their order. */
  [Symbol.iterator](): Iterator<M> {
    return this.#modules[Symbol.iterator]()
  }

  /** @internal */
  override ownEntries(): [name: string, value: unknown][] {
    return [
      ...super.ownEntries(),
      ...this.#modules.map((module, i): [string, unknown] => [String(i), module]),
    ]
  }

  /** A list computes nothing. @throws {ArgumentError} always */
  override forward(): never {
    throw new ArgumentError('ModuleList: a list has no forward; call its modules, or use nn.Sequential')
  }
}

/** @throws {ArgumentError} unless it is an array, or the like, of modules */
function listOf<M>(name: string, modules: Iterable<M>): M[] {
  if (typeof modules !== 'object' || modules === null || !(Symbol.iterator in modules)) {
    throw new ArgumentError(`${name}: expected an array of modules, got ${kindOf(modules)}`)
  }
  const all = [...modules]
  checkModules(name, all)
  return all
}
