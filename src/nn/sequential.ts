import { fused } from '../autograd/fuse.js'
import { checkNumber, isPlainObject, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { eachTensor, type Scope, scoped } from '../tensor/scope.js'
import { Tensor } from '../tensor/tensor.js'
import { checkModules, checkNamed, namedOf } from './containers.js'
import { callForward } from './layer.js'
import { Module } from './module.js'

/**
 * Modules one after the other, by the names '0', '1' and so on, or by those of an object (PyTorch's OrderedDict):
 * `new nn.Sequential({ conv: new nn.Conv2d(1, 6, 3), act: new nn.ReLU() })`.
 * https://pytorch.org/docs/stable/generated/torch.nn.Sequential.html
 *
 * What passes between two layers of the library is seen by nobody else, so its memory is freed as soon as the next
 * layer has it and backward does not need it, and neighbours may run as one (see autograd/fusion.ts).
 */
export class Sequential extends Module implements Iterable<Module> {
  #entries: [name: string, module: Module][]

  /**
   * @param modules any number; or one object of names and modules, or a Map
   * @throws {ArgumentError} for what is no module, or a name that is empty or has a dot
   */
  constructor(...modules: Module[] | [Readonly<Record<string, Module>> | ReadonlyMap<string, Module>]) {
    super()
    const [first] = modules
    if (modules.length === 1 && (isPlainObject(first) || first instanceof Map)) {
      this.#entries = namedOf<Module>('Sequential', first)
    } else {
      checkModules('Sequential', modules)
      this.#entries = (modules as Module[]).map((module, i) => [String(i), module])
    }
  }

  /** In the order that they were given in. */
  get modules(): readonly Module[] {
    return this.#entries.map(([, module]) => module)
  }

  /** How many there are. */
  get length(): number {
    return this.#entries.length
  }

  /** The module at `index`, which may count from the end; undefined where there is none. (`getSubmodule` finds one by name.) */
  at(index: number): Module | undefined {
    return this.#entries.at(index)?.[1]
  }

  /** Puts `module` in the place, and under the name, of the one at `index`. @throws {ArgumentError} where there is none, or for what is no module */
  set(index: number, module: Module): this {
    checkModules('Sequential.set', [module])
    const { length } = this
    checkNumber('Sequential.set', 'the index', index, { least: -length, below: length, whole: true })
    const at = index < 0 ? index + length : index
    this.#entries[at] = [this.#entries[at][0], module]
    return this
  }

  /**
   * Adds `module` at the end, under its place's number.
   * @throws {ArgumentError} for what is no module, or where another one has that name
   */
  append(module: Module): this {
    return this.extend([module])
  }

  /** Adds several `modules` at the end, as `append`: all or, where one can't be, none. @throws {ArgumentError} as of `append` */
  extend(modules: Iterable<Module>): this {
    if (typeof modules !== 'object' || modules === null || !(Symbol.iterator in modules)) {
      throw new ArgumentError(`Sequential.extend: expected an array of modules, got ${kindOf(modules)}`)
    }
    const taken = new Set(this.#entries.map(([name]) => name))
    const added = [...modules].map((module, i): [string, Module] => {
      const name = String(this.length + i)
      checkNamed('Sequential.append', name, module)
      if (taken.has(name)) {
        throw new ArgumentError(
          `Sequential.append: the name '${name}' is taken, as by a slice; make a new nn.Sequential of the modules`,
        )
      }
      return [name, module]
    })
    this.#entries.push(...added)
    return this
  }

  /**
   * Puts `module` before the one at `index`, which may count from the end. All are then named by their places.
   * @throws {ArgumentError} for an index that is no place, what is no module, or a Sequential with names of its own
   */
  insert(index: number, module: Module): this {
    checkModules('Sequential.insert', [module])
    const { length } = this
    checkNumber('Sequential.insert', 'the index', index, { least: -length, most: length, whole: true })
    if (this.#entries.some(([name], i) => name !== String(i))) {
      throw new ArgumentError(
        'Sequential.insert: the modules have names of their own, and this one would have none; make a new nn.Sequential of them',
      )
    }
    const all = [...this.modules]
    all.splice(index, 0, module)
    this.#entries = all.map((one, i) => [String(i), one])
    return this
  }

  /**
   * A new Sequential of those from `start` up to, not including, `end`, both as of an array's `slice`: the same modules,
   * under the names that they have here.
   */
  slice(start?: number, end?: number): Sequential {
    return new Sequential(new Map(this.#entries.slice(start, end)))
  }

  /** The modules in their order. */
  [Symbol.iterator](): Iterator<Module> {
    return this.modules[Symbol.iterator]()
  }

  /** @internal */
  override ownEntries(): [name: string, value: unknown][] {
    return [...super.ownEntries(), ...this.#entries]
  }

  /**
   * The last module's result for the first one's input `x`; errors are the modules' own. Where one gives several tensors
   * (an array, or an object of them), the next has that as its one input.
   */
  override forward(x: Tensor): Tensor {
    return scoped((scope) =>
      fused(() => {
        let current = x
        /** What was passed on, and is still needed by a call that is held back. */
        let passed: Tensor[] = []
        for (const [, module] of this.#entries) {
          const before = current
          current = callForward(module, before)
          if (current === before) continue
          if (isDeferred(current)) {
            passed.push(before)
            continue
          }
          for (const one of passed) release(scope, one, current)
          release(scope, before, current)
          if (passed.length > 0) passed = []
        }
        return current
      }),
    )
  }

  /** @internal */
  override get libraryForward(): unknown {
    return Sequential.prototype.forward
  }
}

function isDeferred(value: unknown): boolean {
  if (value instanceof Tensor) return value.isDeferred
  let deferred = false
  eachTensor(value, (x) => {
    deferred ||= x.isDeferred
  })
  return deferred
}

/** Releases what was passed on, but for what is in `current`, too: a module of several may hand on what it was given. */
function release(scope: Scope, passed: unknown, current: unknown): void {
  if (passed instanceof Tensor && current instanceof Tensor) {
    scope.release(passed)
    return
  }
  const kept = new Set<Tensor>()
  eachTensor(current, (x) => kept.add(x))
  eachTensor(passed, (x) => {
    if (!kept.has(x)) scope.release(x)
  })
}
