import { eachRun, live } from '../bindings/recording.js'
import { checkNumber, checkOptions } from '../check.js'
import { checkStrays, own } from '../tensor/strays.js'
import type { Tensor } from '../tensor/tensor.js'
import { checkValues, completed, type Definition, namesOf } from './option.js'
import {
  checkGroup,
  checkParameters,
  type GroupOptions,
  groupsFrom,
  makeGroup,
  type ParamGroup,
  type Params,
} from './param-group.js'
import { type OptimizerState, readStateDict, writeStateDict } from './state-dict.js'

/** What an optimiser keeps of a parameter, by PyTorch's names. */
export type State = { [name: string]: Tensor | number | undefined }

/**
 * What all optimisers share: groups of parameters, each with its own options, which may be changed at any time, and
 * what is kept of each parameter. https://pytorch.org/docs/stable/optim.html
 */
export abstract class Optimizer<O extends { lr: number } = { lr: number }, S extends State = State> {
  /** The options of groups that do not give their own. */
  readonly defaults: Readonly<O>
  readonly #definition: Definition<O>
  /** The names of the tensors in a state. */
  readonly #tensors: readonly string[]
  #groups: readonly ParamGroup<O>[] = []
  /** What errors call each group. */
  #names: readonly string[] = []
  #parameters: readonly Tensor[] = []
  readonly #state = new Map<Tensor, S>()

  /**
   * @param definition what the kind of optimiser declares
   * @param parameters what it changes: tensors, or groups of them with options of their own
   * @param options of all groups that do not give their own
   * @throws {ArgumentError} for what are no tensors, none, or one given twice; for an option that is unknown or out
   *   of range
   */
  constructor(definition: Definition<O>, parameters: Params<Partial<O>>, options: Partial<O>) {
    const { name } = definition
    checkOptions(name, options, namesOf(definition))
    this.#definition = definition
    const { state } = definition
    this.#tensors = Object.keys(state).filter((kept) => state[kept] !== 'number')
    this.defaults = Object.freeze(completed(definition, options))
    checkValues(definition, name, this.defaults)
    this.#add(groupsFrom(name, parameters))
  }

  /** The groups: their parameters and options. A group's options may be set at any time, as by a schedule. */
  get paramGroups(): readonly ParamGroup<O>[] {
    return this.#groups
  }

  /** All parameters, group by group. */
  get parameters(): readonly Tensor[] {
    return this.#parameters
  }

  /**
   * The learning rate of the first group; set, it is that of all.
   * @throws {ArgumentError} when set to what is no number of at least 0
   */
  get lr(): number {
    return this.#groups[0].lr
  }

  set lr(lr: number) {
    checkNumber(this.#definition.name, 'lr', lr, { least: 0 })
    for (const group of this.#groups) group.lr = lr
  }

  /**
   * Adds a group of parameters, such as those of a layer that is no longer frozen.
   * https://pytorch.org/docs/stable/generated/torch.optim.Optimizer.add_param_group.html
   *
   * @param group its parameters, and the options in which it differs from `defaults`
   * @throws {ArgumentError} for what is no such group, an option that is unknown or out of range, or a parameter that
   *   the optimiser has already
   */
  addParamGroup(group: GroupOptions<Partial<O>>): void {
    this.#add([group])
  }

  #add(given: readonly GroupOptions<Partial<O>>[]): void {
    const { name } = this.#definition
    const count = this.#groups.length + given.length
    const nameOf = (i: number) => (count === 1 ? name : `${name}: group ${i}`)
    const added = given.map((each, i) =>
      makeGroup(this.#definition, nameOf(this.#groups.length + i), each as GroupOptions<O>, this.defaults),
    )
    const groups = [...this.#groups, ...added]
    checkParameters(name, groups)
    // A gradient lies in rows; so must what it is taken from.
    for (const { params } of added) for (const parameter of params) own(parameter.toRows_())
    this.#groups = Object.freeze(groups)
    this.#names = groups.map((_, i) => nameOf(i))
    this.#parameters = Object.freeze(groups.flatMap(({ params }) => params))
  }

  /**
   * Changes every parameter that has a gradient, in place: all of them, or, where memory does not suffice for what
   * the optimiser keeps of them, none.
   *
   * @throws {ArgumentError} for an option of a group that was set to what it can't be; where a net used a parameter
   *   with a gradient that it does not have as a field
   */
  step(): void {
    eachRun([], () => this.#prepare())
    for (const group of this.#groups) {
      for (const parameter of group.params) {
        if (!parameter.ownGradient) continue
        live(() => {
          const gradient = parameter.ownGradient
          if (gradient) this.update(group, parameter, gradient, this.#state.get(parameter))
        })
      }
    }
  }

  /** All that may fail, before anything is changed. */
  #prepare(): void {
    for (let i = 0; i < this.#groups.length; i++) {
      checkGroup(this.#definition, this.#names[i], this.#groups[i])
    }
    checkStrays(this.#definition.name, this.#parameters)
    // What is new counts when all is there.
    const made: [parameter: Tensor, state: S][] = []
    for (const group of this.#groups) {
      for (const parameter of group.params) {
        const gradient = parameter.ownGradient
        if (!gradient) continue
        touch(parameter)
        touch(gradient)
        const before = this.#state.get(parameter)
        const state = this.keep(group, parameter, before)
        if (!state) continue
        if (state !== before) made.push([parameter, state])
        for (const name of this.#tensors) {
          const kept = state[name]
          if (kept !== undefined) touch(kept as Tensor)
        }
      }
    }
    for (const [parameter, state] of made) this.#state.set(parameter, state)
  }

  /** What the step of a parameter needs of earlier ones: `state`, or a new one, with all that the options ask for. */
  protected abstract keep(group: ParamGroup<O>, parameter: Tensor, state: S | undefined): S | undefined

  /** One parameter's step, which can't fail any more. */
  protected abstract update(
    group: ParamGroup<O>,
    parameter: Tensor,
    gradient: Tensor,
    state: S | undefined,
  ): void

  /** Forgets all gradients. */
  zeroGrad(): void {
    for (const parameter of this.#parameters) parameter.zeroGrad()
  }

  /**
   * What the optimiser keeps, and the options of its groups, in the form and under the very names of PyTorch's state
   * dict (`exp_avg`, `param_groups`, `weight_decay`): so that what PyTorch has saved goes on here, and what is saved
   * here goes on there, as with a net's state dict. The tensors are the optimiser's own, which the next step changes.
   * https://pytorch.org/docs/stable/generated/torch.optim.Optimizer.state_dict.html
   */
  stateDict(): OptimizerState {
    return writeStateDict(this.#definition, this.#groups, this.#state)
  }

  /**
   * Goes on from a state dict: its tensors are copied, and its options become those of the groups. Parameters are
   * found by their order. Nothing is changed unless all of it fits.
   * https://pytorch.org/docs/stable/generated/torch.optim.Optimizer.load_state_dict.html
   *
   * @param state as `stateDict()` gives it, or PyTorch's. What only PyTorch has (`foreach`, `fused`, `capturable`,
   *   `differentiable`, `param_names`) is passed over
   * @throws {StateDictError} for another number of groups or parameters, names that are missing or unexpected, other
   *   shapes, and options out of range
   * @throws {ArgumentError} for what is no state dict
   */
  loadStateDict(state: OptimizerState): void {
    const loaded = readStateDict<O>(this.#definition, this.#groups, state)
    for (const [i, group] of this.#groups.entries()) Object.assign(group, loaded.options[i])
    this.#state.clear()
    for (const [parameter, kept] of loaded.state) this.#state.set(parameter, kept as S)
  }
}

/** Brings a tensor into wasm memory; it stays there till the step ends. */
function touch(tensor: Tensor): void {
  void tensor.storage.address
}
