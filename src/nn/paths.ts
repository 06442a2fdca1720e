/** Paths such as `stage1.0.weight` from a module down. */
import { kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { snakeCase } from '../snake-case.js'

/** As much of a Module as paths need. */
interface Parent<M> {
  namedChildren(): [name: string, module: M][]
}

/** 'a.b.c' → ['a.b', 'c']. @throws {ArgumentError} for what is no string */
export function splitPath(name: string, path: string): [above: string, last: string] {
  if (typeof path !== 'string') {
    throw new ArgumentError(`${name}: the path is a string, such as 'stage1.0', got ${kindOf(path)}`)
  }
  const at = path.lastIndexOf('.')
  return [path.slice(0, Math.max(0, at)), path.slice(at + 1)]
}

/** The module at `path`, '' being `top`. @throws {ArgumentError} where there is none */
export function submodule<M extends Parent<M>>(name: string, top: M, path: string): M {
  splitPath(name, path)
  let at = top
  if (path === '') return at
  for (const step of path.split('.')) {
    const children = at.namedChildren()
    const next = named(children, step)
    if (!next) {
      const known = children.map(([child]) => child)
      throw new ArgumentError(
        `${name}: there is no module '${step}' in ${at.constructor.name}, on the way to '${path}'; ${oneOf(known)}`,
      )
    }
    at = next
  }
  return at
}

/**
 * What a module has by itself at `path`, as a parameter or a buffer.
 *
 * @param own what each module has, by name
 * @param all what there is at all, for the error
 * @throws {ArgumentError} where there is none
 */
export function member<M extends Parent<M>, T>(
  name: string,
  what: string,
  top: M,
  path: string,
  own: (module: M) => readonly (readonly [name: string, value: T])[],
  all: readonly (readonly [name: string, value: T])[],
): T {
  const [above, last] = splitPath(name, path)
  const found = named(own(submodule(name, top, above)), last)
  if (found !== undefined) return found
  throw new ArgumentError(`${name}: there is no ${what} '${path}'; ${oneOf(all.map(([each]) => each))}`)
}

/** What goes by a name, or by that of the field in camelCase. */
function named<T>(entries: readonly (readonly [name: string, value: T])[], name: string): T | undefined {
  const found = entries.find(([each]) => each === name) ?? entries.find(([each]) => each === snakeCase(name))
  return (found ?? entries.find(([each]) => snakeCase(each) === name))?.[1]
}

/** What there is instead, for errors. */
function oneOf(known: readonly string[]): string {
  return known.length === 0 ? 'there is none at all' : `there are ${known.slice(0, 20).join(', ')}`
}
