import { reliesOn } from '../autograd/recording.js'
import { checkBoolean, checkOptions, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { snakeCase } from '../snake-case.js'
import type { Tensor } from '../tensor/tensor.js'
import { addBuffer } from './buffers.js'
import {
  type ForwardHook,
  type ForwardPreHook,
  type HookHandle,
  type HookOptions,
  register,
} from './hooks.js'
import { below, fieldsOf, stateOf } from './module-tree.js'
import { Parameter } from './parameter.js'
import { member, submodule } from './paths.js'
import {
  checkState,
  distinct,
  join,
  type LoadOptions,
  type LoadResult,
  loadState,
  type StateDict,
  type StateEntry,
} from './state-dict.js'
import { watch } from './watch.js'

/**
 * A layer, or a net of layers: what `nn.Module` is as a value, and `nn.AnyModule` as a type. https://pytorch.org/docs/stable/generated/torch.nn.Module.html
 *
 * Fields that are `Parameter`s or Modules, and what `registerBuffer` was given, belong to it: they are
 * found by `parameters()`, `stateDict()`, `train()` and `eval()`. Derive from it and write `forward`, with as many
 * inputs and outputs as it needs: `net.forward(x)` is what calls it, with its hooks.
 */
export abstract class Module<Inputs extends readonly unknown[] = readonly never[], Output = unknown> {
  #training = true
  readonly #buffers = new Map<string, Tensor>()

  constructor() {
    watch(new.target.prototype, Module.prototype, (x) => x instanceof Parameter)
  }

  /** Whether the module is in training mode; set it with `train()` and `eval()`. */
  get training(): boolean {
    const training = this.#training
    reliesOn(this, () => this.#training === training)
    return training
  }

  set training(training: boolean) {
    this.#training = training
  }

  /** The result for the `inputs`; what a net computes is written here. */
  abstract forward(...inputs: Inputs): Output

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
    addBuffer(this, this.#buffers, name, buffer)
  }

  /**
   * What belongs to this module itself, by its name in a state dict: modules, parameters and, behind them, whatever
   * else a field has. Containers give theirs under the names that they were given. @internal
   */
  ownEntries(): [name: string, value: unknown][] {
    return fieldsOf(this, isModule).map(([name, value]): [string, unknown] => [snakeCase(name), value])
  }

  /**
   * The modules right below this one, by the names that they have in a state dict: the field's in snake_case.
   * @throws {ArgumentError} for modules or parameters in a plain array, object, Map or Set, which would stay untrained
   */
  namedChildren(): [name: string, module: Module][] {
    return this.ownEntries().filter((entry): entry is [string, Module] => entry[1] instanceof Module)
  }

  /** The modules right below this one, each once. @throws {ArgumentError} as of `namedChildren` */
  children(): Module[] {
    return [...new Set(this.namedChildren().map(([, child]) => child))]
  }

  /**
   * This module and all below it, each with its path: `prefix` ('' by default) for this one, `prefix.field` below.
   * One that stands in several places has several paths.
   * @throws {ArgumentError} where a module stands below itself, or as of `namedChildren`
   */
  namedModules(prefix = ''): [name: string, module: Module][] {
    return below<Module>(this, prefix).map(({ path, module }): [string, Module] => [path, module])
  }

  /** All parameters with their paths, in the order of the fields. */
  namedParameters(): [name: string, parameter: Parameter][] {
    return this.#state()
      .map(({ name, tensor }) => [name, tensor] as const)
      .filter((entry): entry is [string, Parameter] => entry[1] instanceof Parameter)
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

  /** All buffers, each once. */
  buffers(): Tensor[] {
    return [...new Set(this.namedBuffers().map(([, buffer]) => buffer))]
  }

  /**
   * The module at a `path` such as `stage1.0`, of names as in a state dict or of fields; '' is this one.
   * https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.get_submodule
   *
   * @throws {ArgumentError} for a path at which there is none
   */
  getSubmodule(path: string): Module {
    return submodule<Module>('getSubmodule', this, path)
  }

  /**
   * The parameter at a `path` such as `stage1.0.weight`, as `getSubmodule` takes it.
   * https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.get_parameter
   *
   * @throws {ArgumentError} for a path at which there is none
   */
  getParameter(path: string): Parameter {
    const own = (module: Module) =>
      module.ownEntries().filter((entry): entry is [string, Parameter] => entry[1] instanceof Parameter)
    return member<Module, Parameter>('getParameter', 'parameter', this, path, own, this.namedParameters())
  }

  /**
   * The buffer at a `path` such as `stage1.1.running_mean`, as `getSubmodule` takes it.
   * https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.get_buffer
   *
   * @throws {ArgumentError} for a path at which there is none
   */
  getBuffer(path: string): Tensor {
    const own = (module: Module) => [...module.#buffers]
    return member<Module, Tensor>('getBuffer', 'buffer', this, path, own, this.namedBuffers())
  }

  /**
   * Calls `fn` with each module below this one, children first, and then with this one: as to initialise weights.
   * https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.apply
   *
   * @throws {ArgumentError} for what is no function
   */
  apply(fn: (module: Module) => void): this {
    if (typeof fn !== 'function') {
      throw new ArgumentError(
        `apply: expected a function of a module, got ${kindOf(fn)}; what a net computes is net.forward(x)`,
      )
    }
    // Looked through first: what can't be found is told before anything is changed.
    this.namedModules()
    for (const [, child] of this.namedChildren()) child.apply(fn)
    fn(this)
    return this
  }

  /**
   * Sets whether all parameters here and below have a gradient: false freezes them.
   * https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.requires_grad_
   *
   * @param requiresGrad default true
   * @throws {ArgumentError} for what is neither true nor false
   */
  requiresGrad_(requiresGrad = true): this {
    checkBoolean('requiresGrad_', 'requiresGrad', requiresGrad)
    for (const parameter of this.parameters()) parameter.requiresGrad = requiresGrad
    return this
  }

  /**
   * Calls `hook(module, inputs, output)` after each `forward` of this module, whoever calls it. What the hook gives,
   * unless undefined, takes the output's place.
   * https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.register_forward_hook
   *
   * @param hook `inputs` is the array of what `forward` was called with
   * @returns what removes it again
   * @throws {ArgumentError} for what is no function, or an unknown option
   */
  registerForwardHook<M extends Module>(
    this: M,
    hook: ForwardHook<M>,
    options: HookOptions = {},
  ): HookHandle {
    return register('registerForwardHook', 'after', this, hook, options)
  }

  /**
   * Calls `hook(module, inputs)` before each `forward` of this module, whoever calls it. What the hook gives, unless
   * undefined, takes the inputs' place: an array of them, or a single one.
   * https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.register_forward_pre_hook
   *
   * @param hook `inputs` is the array of what `forward` was called with
   * @returns what removes it again
   * @throws {ArgumentError} for what is no function, or an unknown option
   */
  registerForwardPreHook<M extends Module>(
    this: M,
    hook: ForwardPreHook<M>,
    options: HookOptions = {},
  ): HookHandle {
    return register('registerForwardPreHook', 'before', this, hook, options)
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

  #state(): StateEntry[] {
    return stateOf<Module>(this, (module) => module.#buffers)
  }

  /**
   * Parameters and buffers by PyTorch's names: fields in snake_case. They are the module's own tensors, not copies.
   * https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.state_dict
   *
   * @throws {ArgumentError} where two fields would have the same name
   */
  stateDict(): StateDict {
    return Object.fromEntries(distinct(this.constructor.name, this.#state()))
  }

  /**
   * Copies a state dict's values into the module. Nothing is changed unless all of it fits; a missing
   * `num_batches_tracked` (which old files lack) leaves the module's own as it is, as PyTorch does. Names in which
   * fields are in camelCase, as older versions saved them, are taken too.
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
    const own = this.#state()
    distinct(this.constructor.name, own)
    return loadState(this.constructor.name, own, state, strict)
  }
}

const isModule = (value: unknown): value is Module => value instanceof Module
