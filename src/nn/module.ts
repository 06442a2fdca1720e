import { checkOptions } from '../autograd/options.js'
import { sameShape, Tensor } from '../autograd/tensor.js'
import { ArgumentError, ShapeError, StateDictError } from '../errors.js'

/** A tensor that a Module trains: `requiresGrad` is true, and a Module that has it as a field collects it. */
export class Parameter extends Tensor {
  /**
   * @param values the first values, whose memory the parameter shares
   * @param requiresGrad false freezes it. Default true
   */
  constructor(values: Tensor, requiresGrad = true) {
    // What lies otherwise is copied, and `values` stays as it is.
    super(values.layout === 'rows' ? values.storage : values.storage.retain(), values.shape, requiresGrad)
    this.toRows_()
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
  /**
   * True for the library's own layers, which keep neither their inputs nor their results: what passes from
   * one to the next inside a Sequential can be freed early. False where a derived class has its own forward.
   * @internal
   */
  readonly keepsNothing: boolean = false
  /** True for a container of the library, which marks as `kept` what it hands to a module that may keep it. @internal */
  readonly marksKept: boolean = false
  readonly #buffers = new Map<string, Tensor>()

  /** The result for the input `x`; what a net computes is written here. */
  abstract forward(x: Tensor): Tensor

  /**
   * Makes a tensor that is not trained part of the state, under the field of that name. Write it with `copy_`;
   * an assignment to the field throws.
   * https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.register_buffer
   *
   * @param name the field, in camelCase; the state dict has it in snake_case
   * @param buffer its first value
   */
  registerBuffer(name: string, buffer: Tensor): void {
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

  /** The modules right below this one, by field. */
  namedChildren(): [name: string, module: Module][] {
    return Object.entries(this).filter((entry): entry is [string, Module] => entry[1] instanceof Module)
  }

  /** This module and all below it, each with its path: `prefix` ('' by default) for this one, `prefix.field` below. */
  namedModules(prefix = ''): [name: string, module: Module][] {
    const below = this.namedChildren().flatMap(([name, child]) =>
      child.namedModules(prefix ? `${prefix}.${name}` : name),
    )
    return [[prefix, this], ...below]
  }

  /** All parameters with their paths, in the order of the fields. */
  namedParameters(): [name: string, parameter: Parameter][] {
    return this.namedModules().flatMap(([path, module]) =>
      Object.entries(module)
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

  /** Sets training mode, or evaluation mode where `mode` is false, here and below. */
  train(mode = true): this {
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
      for (const [name, value] of Object.entries(module)) {
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
    for (const [name, tensor] of Object.entries(own)) if (state[name]) tensor.copy_(state[name])
    return { missing, unexpected }
  }
}

function join(path: string, name: string): string {
  return path ? `${path}.${name}` : name
}

/** `runningMean` → `running_mean`: fields are camelCase, the names in a state dict PyTorch's. */
function snakeCase(name: string): string {
  return name.replace(/(?<=[a-z0-9])[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** Checks an input's rank and channels (dimension 1) for a layer. @throws {ShapeError} */
export function checkInput(
  layer: string,
  x: Tensor,
  ranks: readonly number[],
  size: number,
  what: string,
): void {
  if (!ranks.includes(x.shape.length) || x.shape[1] !== size) {
    const dims = ranks.map((rank) => `[N, ${[size, 'H', 'W'].slice(0, rank - 1).join(', ')}]`)
    throw new ShapeError(
      `${layer}: expected an input of shape ${dims.join(' or ')} (${what}), got [${x.shape}]`,
    )
  }
}
