import { kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import type { Tensor } from '../tensor/tensor.js'
import { Module } from './module.js'

/** @throws {ArgumentError} unless each is a module */
export function checkModules(name: string, modules: readonly unknown[]): void {
  for (const [i, module] of modules.entries()) {
    if (module instanceof Module) continue
    const cure =
      Array.isArray(module) && name === 'Sequential' ? '; spread it: new nn.Sequential(...layers)' : ''
    throw new ArgumentError(`${name}: element ${i} is no module but ${kindOf(module)}${cure}`)
  }
}

/**
 * Modules in a list, by the names '0', '1' and so on: what a field of several must be, since modules in a plain
 * array are not found. https://pytorch.org/docs/stable/generated/torch.nn.ModuleList.html
 */
export class ModuleList extends Module implements Iterable<Module> {
  readonly #modules: Module[]

  /**
   * @param modules any number
   * @throws {ArgumentError} for what is no array of modules
   */
  constructor(modules: Iterable<Module> = []) {
    super()
    if (typeof modules !== 'object' || modules === null || !(Symbol.iterator in modules)) {
      throw new ArgumentError(`ModuleList: expected an array of modules, got ${kindOf(modules)}`)
    }
    this.#modules = [...modules]
    checkModules('ModuleList', this.#modules)
  }

  /** How many there are. */
  get length(): number {
    return this.#modules.length
  }

  /** The module at `index`, which may count from the end; undefined where there is none. */
  at(index: number): Module | undefined {
    return this.#modules.at(index)
  }

  /** Adds `module` at the end. @throws {ArgumentError} for what is none */
  append(module: Module): this {
    checkModules('ModuleList.append', [module])
    this.#modules.push(module)
    return this
  }

  /** The modules in their order. */
  [Symbol.iterator](): Iterator<Module> {
    return this.#modules[Symbol.iterator]()
  }

  override namedChildren(): [name: string, module: Module][] {
    return this.#modules.map((module, i) => [String(i), module])
  }

  /** A list computes nothing. @throws {ArgumentError} always */
  override forward(): Tensor {
    throw new ArgumentError('ModuleList: a list has no forward; call its modules, or use nn.Sequential')
  }
}
