/** Groups of parameters with options of their own, and how they are read from what a user gives. */
import { checkOptions, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { Tensor } from '../tensor/tensor.js'
import { checkValues, completed, type Definition, namesOf } from './option.js'

/** What learning-rate schedulers write into a group, as PyTorch's do. */
export interface ScheduleMarks {
  /** The learning rate that a scheduler began with. */
  initialLr?: number
  /** OneCycleLR's highest learning rate. */
  maxLr?: number
  /** OneCycleLR's lowest learning rate. */
  minLr?: number
  /** OneCycleLR's highest momentum, or beta1. */
  maxMomentum?: number
  /** OneCycleLR's lowest momentum, or beta1. */
  baseMomentum?: number
}

/** The names of `ScheduleMarks`. */
export const MARKS = ['initialLr', 'maxLr', 'minLr', 'maxMomentum', 'baseMomentum'] as const

/**
 * A group as an optimiser has it: its parameters, and every option. The options may be changed at any time; a step
 * checks them.
 */
export type ParamGroup<O> = O & ScheduleMarks & { readonly params: readonly Tensor[] }

/** A group as it is given: parameters, and the options in which it differs from the others. */
export type GroupOptions<O> = O & { params: Tensor | Iterable<Tensor> }

/** What an optimiser changes: parameters, such as `net.parameters()`, or groups of them. */
export type Params<O> = Iterable<Tensor> | Iterable<GroupOptions<O>>

const isGroup = (value: unknown): value is { params: unknown } =>
  typeof value === 'object' && value !== null && !(value instanceof Tensor) && 'params' in value

/** What a user gave, as groups. @throws {ArgumentError} */
export function groupsFrom<O>(name: string, given: Params<O>): GroupOptions<O>[] {
  if (typeof given !== 'object' || given === null || !(Symbol.iterator in given)) {
    const single = (given as unknown) instanceof Tensor ? 'pass a list, as [parameter]' : ''
    const cure =
      single || (isModuleLike(given) ? 'pass net.parameters()' : 'such as net.parameters()') + bracket(given)
    throw new ArgumentError(`${name}: expected the parameters to change, got ${kindOf(given)}; ${cure}`)
  }
  const all: unknown[] = [...given]
  const groups = all.filter(isGroup)
  if (groups.length === 0) return [{ params: all } as GroupOptions<O>]
  const other = all.findIndex((one) => !isGroup(one))
  if (other < 0) return groups as GroupOptions<O>[]
  throw new ArgumentError(
    `${name}: element ${other} is ${kindOf(all[other])}, and others are groups; give all parameters in groups, as [{ params }, { params, lr }]`,
  )
}

const isModuleLike = (given: unknown) =>
  typeof given === 'object' && given !== null && typeof Reflect.get(given, 'parameters') === 'function'

const bracket = (given: unknown) => (isGroup(given) ? '; groups are given as a list, [{ params, lr }]' : '')

/** A group as it is kept. @throws {ArgumentError} for an option that is unknown or out of range, or no parameters */
export function makeGroup<O>(
  definition: Definition<O>,
  who: string,
  given: GroupOptions<O>,
  defaults: O,
): ParamGroup<O> {
  if (!isGroup(given)) {
    throw new ArgumentError(
      `${who}: a group is an object with params, as { params: layer.parameters(), lr: 0.1 }, got ${kindOf(given)}`,
    )
  }
  checkOptions(who, given, ['params', ...namesOf(definition)])
  const group = completed(definition, given, defaults)
  checkValues(definition, who, group)
  const params = Object.freeze(parametersOf(who, given.params))
  // Defined before all else: V8 turns an object whose property is redefined into a slow one.
  const made = Object.defineProperty({}, 'params', { value: params, enumerable: true })
  return Object.assign(made, group) as ParamGroup<O>
}

/** @throws {ArgumentError} for a group in which an option is unknown or out of range, as after a change */
export function checkGroup<O>(definition: Definition<O>, who: string, group: ParamGroup<O>): void {
  checkValues(definition, who, group)
  for (const name in group) {
    if (name in definition.options || name === 'params' || MARKS.includes(name as (typeof MARKS)[number]))
      continue
    throw new ArgumentError(
      `${who}: unknown option '${name}' in paramGroups; it takes ${namesOf(definition).join(', ')}`,
    )
  }
}

/** The parameters of a group, looked through. @throws {ArgumentError} */
function parametersOf(who: string, given: Tensor | Iterable<Tensor>): Tensor[] {
  if (given instanceof Tensor) return [given]
  if (typeof given !== 'object' || given === null || !(Symbol.iterator in given)) {
    const cure = isModuleLike(given) ? '; pass its parameters()' : ''
    throw new ArgumentError(
      `${who}: params are parameters, such as net.parameters(), got ${kindOf(given)}${cure}`,
    )
  }
  const all = [...given]
  for (const [i, parameter] of all.entries()) {
    if (parameter instanceof Tensor) continue
    const cure = isModuleLike(given) ? '; pass its parameters()' : ''
    throw new ArgumentError(
      `${who}: element ${i} of the parameters is no tensor but ${kindOf(parameter)}${cure}`,
    )
  }
  return all
}

/** @throws {ArgumentError} for no parameters, and for one that is there twice, in one group or in two */
export function checkParameters(
  name: string,
  groups: readonly { readonly params: readonly Tensor[] }[],
): void {
  const places = new Map<Tensor, [group: number, element: number]>()
  for (const [g, { params }] of groups.entries()) {
    for (const [i, parameter] of params.entries()) {
      const before = places.get(parameter)
      places.set(parameter, [g, i])
      if (!before) continue
      const what =
        before[0] === g
          ? `element ${i} of the parameters${groups.length > 1 ? ` of group ${g}` : ''} (shape [${parameter.shape}]) is there twice`
          : `element ${i} of the parameters of group ${g} (shape [${parameter.shape}]) is in group ${before[0]} too, there twice`
      throw new ArgumentError(`${name}: ${what}, and would be stepped twice; net.parameters() has each once`)
    }
  }
  if (places.size === 0) throw new ArgumentError(`${name}: got no parameters; pass net.parameters()`)
}
