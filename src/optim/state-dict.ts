/** An optimiser's state dict in PyTorch's form: written, and read with everything checked. */
import { checkFits, isPlainObject, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { snakeCase } from '../snake-case.js'
import { filled, fromValues } from '../tensor/create.js'
import { sameShape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { checkValues, completed, copied, type Definition, namesOf } from './option.js'
import { MARKS, type ParamGroup } from './param-group.js'

/** A group's options under PyTorch's names. */
export interface StateDictGroup {
  /** Which entries of `state` are of the group's parameters, in order. */
  params: number[]
  /** Such as `lr` and `weight_decay`. */
  [option: string]: unknown
}

/** What an optimiser keeps, as PyTorch's `state_dict()` has it. */
export interface OptimizerState {
  /** By the number of the parameter: the tensors that are kept of it, such as `step` and `exp_avg`. */
  state: Record<string, Record<string, Tensor | number | null>>
  /** The groups' options, under PyTorch's names. */
  param_groups: StateDictGroup[]
}

type Kept = Record<string, Tensor | number | undefined>

/** What PyTorch's groups have that changes nothing of what is computed here. */
const PASSED_OVER = ['foreach', 'fused', 'capturable', 'differentiable', 'param_names']

/** The state dict; the tensors in it are the optimiser's own. */
export function writeStateDict<O>(
  definition: Definition<O>,
  groups: readonly ParamGroup<O>[],
  kept: ReadonlyMap<Tensor, Kept>,
): OptimizerState {
  const state: OptimizerState['state'] = {}
  let count = 0
  const written = groups.map((group) => {
    const values = group as Record<string, unknown>
    const names = [...namesOf(definition), ...MARKS.filter((mark) => values[mark] !== undefined)]
    const params = group.params.map((parameter) => {
      const of = kept.get(parameter)
      if (of) state[count] = entryOf(definition, of)
      return count++
    })
    const options = names.map((name): [string, unknown] => {
      const value = values[name]
      return [snakeCase(name), copied(value)]
    })
    return { ...Object.fromEntries(options), ...definition.constants, params }
  })
  return { state, param_groups: written }
}

/** What is kept of one parameter; numbers are tensors without a dimension, as in PyTorch. */
function entryOf<O>({ state }: Definition<O>, kept: Kept): Record<string, Tensor> {
  const entry: Record<string, Tensor> = {}
  for (const name of Object.keys(state)) {
    const value = kept[name]
    if (value !== undefined) entry[name] = value instanceof Tensor ? value : fromValues([value], [])
  }
  return entry
}

/**
 * The options of each group, and copies of what is kept of each parameter.
 *
 * @throws {StateDictError} naming all that does not fit
 * @throws {ArgumentError} for what is no state dict
 */
export function readStateDict<O>(
  definition: Definition<O>,
  groups: readonly ParamGroup<O>[],
  given: OptimizerState,
): { options: O[]; state: Map<Tensor, Kept> } {
  checkForm(given)
  const problems: string[] = []
  const parameters = new Map<string, { parameter: Tensor; options: O }>()
  if (given.param_groups.length !== groups.length) {
    problems.push(`it has ${countOf(given.param_groups, 'group')}, expected ${groups.length}`)
  }
  const options = given.param_groups.map((group, i) => {
    const read = readOptions(definition, `group ${i}`, group, problems)
    const own = groups[i]?.params ?? []
    if (groups[i] && own.length !== group.params.length) {
      problems.push(`group ${i} has ${countOf(group.params, 'parameter')}, expected ${own.length}`)
    }
    for (const [j, parameter] of own.entries()) {
      parameters.set(String(group.params[j]), { parameter, options: read })
    }
    return read
  })
  const expected = groups.reduce((sum, { params }) => sum + params.length, 0)
  if (problems.length === 0 && parameters.size < expected) problems.push('a parameter is in it twice')
  if (problems.length === 0) {
    for (const [key, entry] of Object.entries(given.state)) {
      const found = parameters.get(key)
      if (found) checkEntry(definition, key, entry, found.parameter, found.options, problems)
      else problems.push(`state['${key}'] is of no parameter in param_groups`)
    }
  }
  checkFits(definition.name, problems)
  const state = new Map<Tensor, Kept>()
  for (const [key, entry] of Object.entries(given.state)) {
    const found = parameters.get(key)
    const kept = copyOf(definition, entry)
    if (found && Object.keys(kept).length > 0) state.set(found.parameter, kept)
  }
  return { options, state }
}

const countOf = ({ length }: readonly unknown[], what: string) =>
  `${length} ${what}${length === 1 ? '' : 's'}`

/** @throws {ArgumentError} unless it has the form of a state dict */
function checkForm(given: OptimizerState): void {
  const wrong = (what: string, value: unknown) =>
    new ArgumentError(
      `loadStateDict: expected an optimiser’s state dict, { state: { 0: … }, param_groups: [{ params: [0, …], … }] }, got ${what}${kindOf(value)}`,
    )
  if (!isPlainObject(given)) throw wrong('', given)
  const { state, param_groups: groups } = given
  if (!isPlainObject(state)) throw wrong('state ', state)
  if (!Array.isArray(groups)) throw wrong('param_groups ', groups)
  for (const [i, group] of groups.entries()) {
    if (!isPlainObject(group) || !Array.isArray(group.params)) throw wrong(`param_groups[${i}] `, group)
  }
}

/** A group's options, with PyTorch's defaults for the flags that older files lack. */
function readOptions<O>(
  definition: Definition<O>,
  where: string,
  group: Record<string, unknown>,
  problems: string[],
): O {
  const read: Record<string, unknown> = {}
  const names = namesOf(definition)
  const all = [...names, ...MARKS]
  for (const name of all) {
    const value = group[snakeCase(name)]
    if (value !== undefined) read[name] = copied(value)
  }
  const missing = names.filter(
    (name) => read[name] === undefined && typeof definition.options[name].initial !== 'boolean',
  )
  if (missing.length > 0) problems.push(`${where} lacks ${missing.map(snakeCase).join(', ')}`)
  const known = ['params', ...all.map(snakeCase), ...Object.keys(definition.constants ?? {}), ...PASSED_OVER]
  const unexpected = Object.keys(group).filter((name) => !known.includes(name))
  if (unexpected.length > 0) problems.push(`${where} has ${unexpected.join(', ')}, which it does not take`)
  for (const mark of MARKS) {
    if (read[mark] === undefined || typeof read[mark] === 'number') continue
    problems.push(`${where}: ${snakeCase(mark)} is a number, got ${kindOf(read[mark])}`)
  }
  const options = { ...completed(definition, read as Partial<O>), ...marksOf(read) }
  try {
    checkValues(definition, where, options)
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error
    problems.push(error.message)
  }
  return options
}

const marksOf = (read: Record<string, unknown>) =>
  Object.fromEntries(MARKS.filter((mark) => read[mark] !== undefined).map((mark) => [mark, read[mark]]))

function checkEntry<O>(
  definition: Definition<O>,
  key: string,
  entry: unknown,
  { shape }: Tensor,
  options: O,
  problems: string[],
): void {
  if (!isPlainObject(entry)) {
    problems.push(`state['${key}'] is ${kindOf(entry)}, expected what is kept of a parameter`)
    return
  }
  const missing = definition.needs(options).filter((name) => (entry[name] ?? undefined) === undefined)
  if (missing.length > 0) problems.push(`state['${key}'] lacks ${missing.join(', ')}`)
  for (const [name, value] of Object.entries(entry)) {
    const kind = definition.state[name]
    // SGD's momentum_buffer is None in PyTorch before its first step.
    if (kind !== undefined && (value ?? undefined) === undefined) continue
    const where = `state['${key}'].${name}`
    if (kind === undefined) problems.push(`${where} is not kept by it`)
    else if (kind !== 'tensor') {
      const number = numberOf(value)
      if (number === undefined || (kind === 'number' && !(Number.isInteger(number) && number >= 0))) {
        const expected = kind === 'number' ? 'a whole number of steps' : 'one number'
        problems.push(`${where} is ${expected}, got ${number ?? kindOf(value)}`)
      }
    } else if (!(value instanceof Tensor)) problems.push(`${where} is a tensor, got ${kindOf(value)}`)
    else if (!sameShape(value.shape, shape)) {
      problems.push(`${where} has shape [${value.shape}], expected the parameter's [${shape}]`)
    }
  }
}

/** A number, given as one or as a tensor with one element. */
function numberOf(value: unknown): number | undefined {
  if (value instanceof Tensor) return value.size === 1 ? value.item() : undefined
  return typeof value === 'number' ? value : undefined
}

function copyOf<O>({ state }: Definition<O>, entry: Record<string, unknown>): Kept {
  const kept: Kept = {}
  for (const [name, kind] of Object.entries(state)) {
    const value = entry[name]
    if (value === null || value === undefined) continue
    if (kind === 'number') kept[name] = numberOf(value)
    else if (kind === 'scalar') kept[name] = fromValues([numberOf(value) ?? Number.NaN], [])
    else if (value instanceof Tensor) kept[name] = filled(value.shape, 0).copy_(value)
  }
  return kept
}
