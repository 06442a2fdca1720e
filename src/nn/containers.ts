/** What the containers check: that they hold modules, under names that a state dict can have. */
import { checkField, isPlainObject, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { type AnyModule, Module } from './module.js'

/** @throws {ArgumentError} unless each is a module */
export function checkModules(name: string, modules: readonly unknown[]): void {
  for (const [i, module] of modules.entries()) {
    if (module instanceof Module) continue
    const cure =
      Array.isArray(module) && name === 'Sequential' ? '; spread it: new nn.Sequential(...layers)' : ''
    throw new ArgumentError(`${name}: element ${i} is no module but ${kindOf(module)}${cure}`)
  }
}

/** @throws {ArgumentError} unless `key` can be a part of a state dict's name, and `module` is a module */
export function checkNamed(name: string, key: unknown, module: unknown): void {
  checkField(name, key)
  if (!(module instanceof Module)) {
    throw new ArgumentError(`${name}: '${key}' is no module but ${kindOf(module)}`)
  }
}

/**
 * Names and modules of a plain object, a Map, or whatever gives pairs of both, in their order.
 * @throws {ArgumentError} for what is none of these, or holds something else
 */
export function namedOf<M extends AnyModule>(
  name: string,
  given: Readonly<Record<string, M>> | Iterable<readonly [string, M]>,
): [string, M][] {
  if (isPlainObject(given)) {
    const entries = Object.entries<M>(given as Readonly<Record<string, M>>)
    for (const [key, module] of entries) {
      if (/^(0|[1-9]\d*)$/.test(key)) {
        throw new ArgumentError(
          `${name}: JavaScript puts numbers before an object's other names, so '${key}' may lose its place; give a Map, or a name that is no number`,
        )
      }
      checkNamed(name, key, module)
    }
    return entries
  }
  const pairs: [string, M][] = []
  if (typeof given === 'object' && given !== null && Symbol.iterator in given) {
    for (const pair of given) {
      if (!Array.isArray(pair) || pair.length !== 2) {
        throw new ArgumentError(`${name}: expected pairs [name, module], got ${kindOf(pair)}`)
      }
      checkNamed(name, pair[0], pair[1])
      pairs.push([pair[0], pair[1]])
    }
    return pairs
  }
  throw new ArgumentError(`${name}: expected an object of names and modules, got ${kindOf(given)}`)
}
