/**
 * Who owns a tensor, so that memory is given back as early as nobody can tell. There are two owners: a
 * **scope** of the library's, which releases what it owns at its end, and the **user**, whose tensors stay
 * readable for ever (they leave wasm memory when idle, see bindings/steps.ts).
 *
 * What an operation makes belongs to the innermost scope. It becomes the user's when code that is not the
 * library's gets to see it: `outside` runs such code, and what it is given, makes and gives back is the
 * user's. Without a scope, all is. So a module can keep, store or return whatever it is handed; nothing has to
 * be promised. What backward needs, the tape keeps by itself.
 */
import { isPlainObject } from '../check.js'
import { Tensor } from './tensor.js'

let current: Scope | undefined

/** What one run of library code has made, and will release. */
export class Scope {
  readonly #made: Tensor[] = []

  own(x: Tensor): void {
    x.scope = this
    this.#made.push(x)
  }

  /** Releases `x` now, if it is this scope's. */
  release(x: Tensor): void {
    if (x.scope !== this) return
    x.scope = undefined
    x.release()
  }

  end(): void {
    for (const x of this.#made) this.release(x)
  }
}

/** The innermost scope; undefined in a user's code. */
export function currentScope(): Scope | undefined {
  return current
}

/** Takes a new tensor into the innermost scope, if there is one. */
export function adopt(x: Tensor): void {
  current?.own(x)
}

/**
 * Runs library code; what its operations made is released at the end, but for the result, which becomes the
 * outer scope's, or the user's.
 */
export function scoped<T>(run: (scope: Scope) => T): T {
  const outer = current
  const scope = new Scope()
  current = scope
  try {
    const result = run(scope)
    eachTensor(result, (x) => {
      if (x.scope !== scope) return
      if (outer) outer.own(x)
      else x.scope = undefined
    })
    return result
  } finally {
    current = outer
    scope.end()
  }
}

/** Runs a user's code: what it sees (`given`) and makes is the user's. */
export function outside<T>(given: readonly unknown[], run: () => T): T {
  const outer = current
  if (!outer) return run()
  eachTensor(given, expose)
  current = undefined
  try {
    return run()
  } finally {
    current = outer
  }
}

/** Makes a tensor the user's. */
export function expose(x: Tensor): void {
  x.scope = undefined
}

/** How deep containers are looked into: there may be circles. */
const DEPTH = 8

/**
 * Calls `visit` with each tensor of what a forward takes or gives: a tensor, or arrays and plain objects of them at any
 * depth.
 */
export function eachTensor(value: unknown, visit: (x: Tensor) => void, depth = 0): void {
  if (value instanceof Tensor) visit(value)
  else if (depth > DEPTH) return
  else if (Array.isArray(value)) for (const one of value) eachTensor(one, visit, depth + 1)
  else if (isPlainObject(value)) {
    for (const one of Object.values(value)) eachTensor(one, visit, depth + 1)
  }
}
