/** What belongs to a module: its fields, the modules below it, and the state of all of them. */
import { kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { snakeCase } from '../snake-case.js'
import type { Tensor } from '../tensor/tensor.js'
import { heldBy } from './held.js'
import { Parameter } from './parameter.js'
import { join, oldSnakeCase, type StateEntry } from './state-dict.js'

/** As much of a Module as its tree is about. */
interface Node<M> {
  ownEntries(): [name: string, value: unknown][]
  namedChildren(): [name: string, module: M][]
}

/** A module with its path, and the one in older versions' state dicts. */
interface Place<M> {
  path: string
  oldPath: string
  module: M
}

/** The fields of a module. @throws {ArgumentError} for what holds modules or parameters and is no module */
export function fieldsOf(
  module: object,
  isModule: (value: unknown) => value is object,
): [name: string, value: unknown][] {
  const fields: [string, unknown][] = Object.entries(module)
  const belongs = (value: unknown): value is object => value instanceof Parameter || isModule(value)
  for (const [name, value] of fields) {
    // Those that have a field of their own, too, are found.
    const lost = heldBy(value, belongs).find((held) => !fields.some(([, field]) => field === held))
    if (lost === undefined) continue
    const [what, cure] = isModule(lost)
      ? ['modules', `make it \`${name} = new nn.ModuleList([…])\``]
      : ['parameters', 'give each a field of its own, or its module, in an nn.ModuleList']
    throw new ArgumentError(
      `${module.constructor.name}: the field '${name}' has ${what} in ${kindOf(value)}, which would not be found and stay untrained; ${cure}`,
    )
  }
  return fields
}

/**
 * A module and those below it, at its path and the old one.
 *
 * @param above those that it stands below
 * @throws {ArgumentError} where it stands below itself
 */
export function below<M extends Node<M>>(
  module: M,
  path = '',
  oldPath = path,
  above: readonly M[] = [],
): Place<M>[] {
  if (above.includes(module)) {
    throw new ArgumentError(
      `${module.constructor.name}: the module stands below itself, as '${path}'; keep a reference to a parent out of the fields (in a private #field, or a WeakRef)`,
    )
  }
  const fields = Object.keys(module)
  const children = module.namedChildren().flatMap(([name, child]) => {
    const field = fields.find((each) => snakeCase(each) === name) ?? name
    return below(child, join(path, name), join(oldPath, field), [...above, module])
  })
  return [{ path, oldPath, module }, ...children]
}

/** Parameters and buffers with their names, those of one that stands in several places each time. */
export function stateOf<M extends Node<M>>(
  top: M,
  buffersOf: (module: M) => ReadonlyMap<string, Tensor>,
): StateEntry[] {
  return below(top).flatMap(({ path, oldPath, module }) => {
    const fields = Object.keys(module)
    const parameters = module
      .ownEntries()
      .filter((entry): entry is [string, Parameter] => entry[1] instanceof Parameter)
      .map(([name, tensor]) => ({
        name: join(path, name),
        oldName: join(oldPath, oldSnakeCase(fields.find((field) => snakeCase(field) === name) ?? name)),
        tensor,
      }))
    const buffers = [...buffersOf(module)].map(([field, tensor]) => ({
      name: join(path, snakeCase(field)),
      oldName: join(oldPath, oldSnakeCase(field)),
      tensor,
    }))
    return [...parameters, ...buffers]
  })
}
