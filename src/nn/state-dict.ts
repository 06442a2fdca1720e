/** State dicts: their names, and how one is copied into a module. */
import { checkFits, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { sameShape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'

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

/** An entry of a module's own state. */
export interface StateEntry {
  name: string
  /** The name in files of older versions, in which modules went by their fields' names in camelCase. */
  oldName: string
  tensor: Tensor
}

/** `stage1` and `weight` → `stage1.weight`. */
export function join(path: string, name: string): string {
  return path ? `${path}.${name}` : name
}

/** What `snakeCase` (../snake-case.ts) was in older versions. */
export function oldSnakeCase(name: string): string {
  return name.replace(/(?<=[a-z0-9])[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** The entries by name. @throws {ArgumentError} for a name that two tensors have */
export function distinct(kind: string, entries: readonly StateEntry[]): Map<string, Tensor> {
  const all = new Map<string, Tensor>()
  for (const { name, tensor } of entries) {
    const before = all.get(name)
    if (before !== undefined && before !== tensor) {
      throw new ArgumentError(
        `${kind}: two fields have the name '${name}' in a state dict, in snake_case; rename one of them`,
      )
    }
    all.set(name, tensor)
  }
  return all
}

/** @throws {ArgumentError} unless it is an object of tensors */
export function checkState(name: string, state: StateDict): void {
  const plain = typeof state === 'object' && state !== null && !Array.isArray(state)
  const net = plain && typeof state.stateDict === 'function'
  if (!plain || state instanceof Tensor || net) {
    const hint = net ? '; net.stateDict() gives one' : ''
    throw new ArgumentError(`${name}: expected a state dict, tensors by name, got ${kindOf(state)}${hint}`)
  }
  for (const [key, value] of Object.entries(state)) {
    if (value instanceof Tensor) continue
    throw new ArgumentError(`${name}: '${key}' of the state dict is ${kindOf(value)}, expected a tensor`)
  }
}

/**
 * Copies a state's values into a module's own tensors: all of them, or, where something does not fit, none.
 *
 * @param kind of the module, for errors
 * @throws {StateDictError}
 */
export function loadState(
  kind: string,
  own: readonly StateEntry[],
  state: StateDict,
  strict: boolean,
): LoadResult {
  /** An entry's key in the state: its name or, in an older file, its old one. */
  const keyOf = ({ name, oldName }: StateEntry) => [name, oldName].find((key) => Object.hasOwn(state, key))
  const tolerated = (name: string) => name.split('.').at(-1) === 'num_batches_tracked'
  const used = new Set(own.map(keyOf))
  const missing = own
    .filter((entry) => keyOf(entry) === undefined && !tolerated(entry.name))
    .map(({ name }) => name)
  const unexpected = Object.keys(state).filter((name) => !used.has(name))
  const problems: string[] = []
  if (strict && missing.length > 0) problems.push(`missing: ${missing.join(', ')}`)
  if (strict && unexpected.length > 0) problems.push(`unexpected: ${unexpected.join(', ')}`)
  const pairs: [to: Tensor, from: Tensor][] = []
  for (const entry of own) {
    const key = keyOf(entry)
    if (key === undefined) continue
    const [{ tensor }, given] = [entry, state[key]]
    pairs.push([tensor, given])
    if (sameShape(given.shape, tensor.shape)) continue
    problems.push(`${key} has shape [${given.shape}], expected [${tensor.shape}]`)
  }
  checkFits(kind, problems)
  // All in wasm memory first: then the copies can't fail half-way.
  for (const [to, from] of pairs) void [from.storage.address, to.storage.address]
  for (const [to, from] of pairs) to.copy_(from)
  return { missing, unexpected }
}
