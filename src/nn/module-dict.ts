import { kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { checkNamed, namedOf } from './containers.js'
import { type AnyModule, Module } from './module.js'

/**
 * Modules by names of one's own, in the order that they were added in: what a field of several must be, since modules
 * in a plain object are not found. The names stand in a state dict as they are.
 * https://pytorch.org/docs/stable/generated/torch.nn.ModuleDict.html
 */
export class ModuleDict<M extends AnyModule = Module> extends Module implements Iterable<string> {
  readonly #modules: Map<string, M>

  /**
   * @param modules an object of names and modules, a Map, or pairs `[name, module]`
   * @throws {ArgumentError} for something else, or a name that is empty or has a dot
   */
  constructor(modules: Readonly<Record<string, M>> | Iterable<readonly [string, M]> = {}) {
    super()
    this.#modules = new Map(namedOf<M>('ModuleDict', modules))
  }

  /** How many there are. */
  get length(): number {
    return this.#modules.size
  }

  /** The module of that `name`; undefined where there is none. */
  get(name: string): M | undefined {
    return this.#modules.get(name)
  }

  /** Puts `module` under `name`, in the place of what was there. @throws {ArgumentError} as of the constructor */
  set(name: string, module: M): this {
    checkNamed('ModuleDict.set', name, module)
    this.#modules.set(name, module)
    return this
  }

  /** Whether there is a module of that `name`. */
  has(name: string): boolean {
    return this.#modules.has(name)
  }

  /** Takes the module of that `name` out, and gives it. @throws {ArgumentError} where there is none */
  pop(name: string): M {
    const found = this.#modules.get(name)
    if (found === undefined) {
      throw new ArgumentError(`ModuleDict.pop: there is no module ${kindOf(name)}`)
    }
    this.#modules.delete(name)
    return found
  }

  /** Takes all out. */
  clear(): void {
    this.#modules.clear()
  }

  /** Adds several `modules`, each in the place of what had its name. @throws {ArgumentError} as of the constructor; none is then added */
  update(modules: Readonly<Record<string, M>> | Iterable<readonly [string, M]>): this {
    for (const [name, module] of namedOf<M>('ModuleDict.update', modules)) this.#modules.set(name, module)
    return this
  }

  /** The names. */
  keys(): IterableIterator<string> {
    return this.#modules.keys()
  }

  /** The modules. */
  values(): IterableIterator<M> {
    return this.#modules.values()
  }

  /** Names and modules. PyTorch's `items()`. */
  entries(): IterableIterator<[name: string, module: M]> {
    return this.#modules.entries()
  }

  /** The names, as in PyTorch. */
  [Symbol.iterator](): Iterator<string> {
    return this.#modules.keys()
  }

  /** @internal */
  override ownEntries(): [name: string, value: unknown][] {
    return [...super.ownEntries(), ...this.#modules]
  }

  /** A dict computes nothing. @throws {ArgumentError} always */
  override forward(): never {
    throw new ArgumentError('ModuleDict: a dict has no forward; call its modules, or use nn.Sequential')
  }
}
