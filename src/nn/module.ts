import { checkBoolean, checkOptions, kindOf } from '../check.js'
import { ArgumentError, StateDictError } from '../errors.js'
import { sameShape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { watch } from './watch.js'

/** A tensor that a Module trains: `requiresGrad` is true, and a Module that has it as a field collects it. */
export class Parameter extends Tensor {
  /**
   * @param values the first values, whose memory the parameter shares
   * @param requiresGrad false freezes it. Default true
   * @throws {ArgumentError} for values that are no tensor
   */
  constructor(values: Tensor, requiresGrad = true) {
    if (!(values instanceof Tensor)) {
      throw new ArgumentError(`Parameter: expected a tensor, got ${kindOf(values)}; make one with tensor(…)`)
    }
    checkBoolean('Parameter', 'requiresGrad', requiresGrad)
    // Shared, so that `values` may be disposed of; what lies in lanes is copied.
    super(values.storage.retain(), values.shape, requiresGrad)
    this.toRows_()
  }

  /** As of a tensor, below a line that says that it is a parameter. */
  override toString(): string {
    return `Parameter containing:\n${super.toString()}`
  }
}

/** Names as in PyTorch (`stage1.1.running_mean`) to tensors. */
export type StateDict = Record<string, Tensor>

/** What `loadStateDict` takes. */
export interface LoadOptions {
  /** Whether missing and unexpected names are errors. Default true. */
  strict?: boolean
}

/** What `loadStateDict` found. */
export interface LoadResult {
  /** Names that the module has and the state dict lacks. */
  missing: string[]
  /** Names that the state dict has and the module lacks. */
  unexpected: string[]
}

/**
 * A layer, or a net of layers. https://pytorch.org/docs/stable/generated/torch.nn.Module.html
 *
 * Fields that are `Parameter`s or Modules, and what `registerBuffer` was given, belong to it: they are
 * found by `parameters()`, `stateDict()`, `train()` and `eval()`. Derive from it and write `forward`.
 */
export abstract class Module {
  /** Whether the module is in training mode; set it with `train()` and `eval()`. */
  training = true
  readonly #buffers = new Map<string, Tensor>()

  constructor() {
    watch(new.target.prototype, Module.prototype, (x) => x instanceof Parameter)
  }

  /** The result for the input `x`; what a net computes is written here. */
  abstract forward(x: Tensor): Tensor

  /** The `forward` that the library has written for this class, if any (see layer.ts). @internal */
  get libraryForward(): unknown {
    return undefined
  }

  /** What stands in brackets behind the class's name where the net is printed. */
  extraRepr(): string {
    return ''
  }

  /** The tree of layers, as PyTorch prints it. */
  toString(): string {
    const children = this.namedChildren().map(
      ([name, child]) => `  (${name}): ${String(child).replaceAll('\n', '\n  ')}\n`,
    )
    const inside = children.length > 0 ? `\n${children.join('')}` : this.extraRepr()
    return `${this.constructor.name}(${inside})`
  }

  /** What console.log prints in Node, Bun and Deno. @internal */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }

  /**
   * Makes a tensor that is not trained part of the state, under the field of that name. Write it with `copy_`;
   * an assignment to the field throws.
   * https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.register_buffer
   *
   * @param name the field, in camelCase; the state dict has it in snake_case
   * @param buffer its first value
   * @throws {ArgumentError} for a buffer that is no tensor
   */
  registerBuffer(name: string, buffer: Tensor): void {
    if (typeof name !== 'string' || name === '') {
      throw new ArgumentError(`registerBuffer: the name is a string, as of a field, got ${kindOf(name)}`)
    }
    if (name.includes('.')) {
      throw new ArgumentError(`registerBuffer: the name '${name}' has a dot, which stands between fields`)
    }
    if (name in this && !this.#buffers.has(name)) {
      throw new ArgumentError(
        `registerBuffer: the name '${name}' is taken: ${this.constructor.name} has such a field`,
      )
    }
    if (!(buffer instanceof Tensor)) {
      throw new ArgumentError(`registerBuffer: the buffer '${name}' is a tensor, got ${kindOf(buffer)}`)
    }
    this.#buffers.set(name, buffer)
    Object.defineProperty(this, name, {
      configurable: true,
      enumerable: false,
      get: () => this.#buffers.get(name),
      set: () => {
        throw new ArgumentError(
          `${this.constructor.name}: the buffer '${name}' is not replaced but written, with copy_, so that it stays out of the graph`,
        )
      },
    })
  }

  /**
   * The modules right below this one, by field.
   * @throws {ArgumentError} for modules or parameters in a plain array, object, Map or Set, which would stay untrained
   */
  namedChildren(): [name: string, module: Module][] {
    return fieldsOf(this).filter((entry): entry is [string, Module] => entry[1] instanceof Module)
  }

  /**
   * This module and all below it, each with its path: `prefix` ('' by default) for this one, `prefix.field` below.
   * One that stands in several places has several paths.
   * @throws {ArgumentError} where a module stands below itself, or as of `namedChildren`
   */
  namedModules(prefix = ''): [name: string, module: Module][] {
    return below(this, prefix, [])
  }

  /** All parameters with their paths, in the order of the fields. */
  namedParameters(): [name: string, parameter: Parameter][] {
    return this.namedModules().flatMap(([path, module]) =>
      fieldsOf(module)
        .filter((entry): entry is [string, Parameter] => entry[1] instanceof Parameter)
        .map(([name, parameter]): [string, Parameter] => [join(path, snakeCase(name)), parameter]),
    )
  }

  /** All parameters, each once. */
  parameters(): Parameter[] {
    return [...new Set(this.namedParameters().map(([, parameter]) => parameter))]
  }

  /** All buffers with their paths. */
  namedBuffers(): [name: string, buffer: Tensor][] {
    return this.namedModules().flatMap(([path, module]) =>
      [...module.#buffers].map(([name, buffer]): [string, Tensor] => [join(path, snakeCase(name)), buffer]),
    )
  }

  /** Sets training mode, or evaluation mode where `mode` is false, here and below. @throws {ArgumentError} for what is neither */
  train(mode = true): this {
    checkBoolean('train', 'the mode', mode)
    for (const [, module] of this.namedModules()) module.training = mode
    return this
  }

  /** Sets evaluation mode, here and below. */
  eval(): this {
    return this.train(false)
  }

  /** Forgets all gradients. */
  zeroGrad(): void {
    for (const parameter of this.parameters()) parameter.zeroGrad()
  }

  /**
   * Parameters and buffers by PyTorch's names. They are the module's own tensors, not copies.
   * https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.state_dict
   */
  stateDict(): StateDict {
    const state: StateDict = {}
    for (const [path, module] of this.namedModules()) {
      for (const [name, value] of fieldsOf(module)) {
        if (value instanceof Parameter) state[join(path, snakeCase(name))] = value
      }
      for (const [name, buffer] of module.#buffers) state[join(path, snakeCase(name))] = buffer
    }
    return state
  }

  /**
   * Copies a state dict's values into the module. Nothing is changed unless all of it fits; a missing
   * `num_batches_tracked` (which old files lack) leaves the module's own as it is, as PyTorch does.
   *
   * @param state names as of `stateDict()` to tensors of the same shapes
   * @returns the names that were missing and unexpected
   * @throws {StateDictError} naming missing and unexpected entries (unless `strict` is false) and those of
   *   another shape
   */
  loadStateDict(state: StateDict, options: LoadOptions = {}): LoadResult {
    checkOptions('loadStateDict', options, ['strict'])
    const { strict = true } = options
    checkBoolean('loadStateDict', 'strict', strict)
    checkState('loadStateDict', state)
    const own = this.stateDict()
    const tolerated = (name: string) => name.split('.').at(-1) === 'num_batches_tracked'
    const missing = Object.keys(own).filter((name) => !Object.hasOwn(state, name) && !tolerated(name))
    const unexpected = Object.keys(state).filter((name) => !Object.hasOwn(own, name))
    const problems: string[] = []
    if (strict && missing.length > 0) problems.push(`missing: ${missing.join(', ')}`)
    if (strict && unexpected.length > 0) problems.push(`unexpected: ${unexpected.join(', ')}`)
    for (const [name, tensor] of Object.entries(own)) {
      const given = state[name]
      if (given && !sameShape(given.shape, tensor.shape)) {
        problems.push(`${name} has shape [${given.shape}], expected [${tensor.shape}]`)
      }
    }
    if (problems.length > 0) {
      throw new StateDictError(
        `loadStateDict: the state does not fit this ${this.constructor.name}; ${problems.join('; ')}`,
      )
    }
    const given = Object.entries(own).filter(([name]) => state[name] !== undefined)
    // All in wasm memory first: then the copies can't fail half-way.
    for (const [name, tensor] of given) void [state[name].storage.address, tensor.storage.address]
    for (const [name, tensor] of given) tensor.copy_(state[name])
    return { missing, unexpected }
  }
}

/** @throws {ArgumentError} unless it is an object of tensors */
export function checkState(name: string, state: StateDict): void {
  const plain = typeof state === 'object' && state !== null && !Array.isArray(state)
  if (!plain || state instanceof Tensor || state instanceof Module) {
    const hint = state instanceof Module ? '; net.stateDict() gives one' : ''
    throw new ArgumentError(`${name}: expected a state dict, tensors by name, got ${kindOf(state)}${hint}`)
  }
  for (const [key, value] of Object.entries(state)) {
    if (value instanceof Tensor) continue
    throw new ArgumentError(`${name}: '${key}' of the state dict is ${kindOf(value)}, expected a tensor`)
  }
}

/** The fields of a module. @throws {ArgumentError} for what holds modules or parameters and is no module */
function fieldsOf(module: Module): [name: string, value: unknown][] {
  const fields: [string, unknown][] = Object.entries(module)
  for (const [name, value] of fields) {
    // Those that have a field of their own, too, are found.
    const lost = heldBy(value).find((held) => !fields.some(([, field]) => field === held))
    if (lost === undefined) continue
    const [what, cure] =
      lost instanceof Module
        ? ['modules', `make it \`${name} = new nn.ModuleList([…])\``]
        : ['parameters', 'give each a field of its own, or its module, in an nn.ModuleList']
    throw new ArgumentError(
      `${module.constructor.name}: the field '${name}' has ${what} in ${kindOf(value)}, which would not be found and stay untrained; ${cure}`,
    )
  }
  return fields
}

/** The modules and parameters inside a value, where it is one of JavaScript's own containers, at any depth. */
function heldBy(value: unknown, depth = 0): (Module | Parameter)[] {
  return insideOf(value).flatMap((one) => {
    if (one instanceof Module || one instanceof Parameter) return [one]
    return depth < 8 ? heldBy(one, depth + 1) : []
  })
}

function insideOf(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return []
  if (Array.isArray(value)) return value
  if (value instanceof Map) return [...value.values()]
  if (value instanceof Set) return [...value]
  return Object.getPrototypeOf(value) === Object.prototype ? Object.values(value) : []
}

/** A module and those below it. `above` are those that it stands below. */
function below(module: Module, path: string, above: readonly Module[]): [name: string, module: Module][] {
  if (above.includes(module)) {
    throw new ArgumentError(
      `${module.constructor.name}: the module stands below itself, as '${path}'; keep a reference to a parent out of the fields (in a private #field, or a WeakRef)`,
    )
  }
  const children = module
    .namedChildren()
    .flatMap(([name, child]) => below(child, path ? `${path}.${name}` : name, [...above, module]))
  return [[path, module], ...children]
}

function join(path: string, name: string): string {
  return path ? `${path}.${name}` : name
}

/** `runningMean` → `running_mean`: fields are camelCase, the names in a state dict PyTorch's. */
function snakeCase(name: string): string {
  return name.replace(/(?<=[a-z0-9])[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
