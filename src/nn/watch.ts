/** Looks once at what a user's net computes with: whether it has all the parameters that it uses. */
import { leavesBehind } from '../autograd/backward.js'
import { recordedCalls } from '../autograd/call.js'
import { eachTensor } from '../tensor/scope.js'
import { noteStrays } from '../tensor/strays.js'
import type { Tensor } from '../tensor/tensor.js'

/** As much of a Module as is looked at. */
interface Watched {
  forward(...inputs: readonly never[]): unknown
  readonly libraryForward: unknown
  parameters(): readonly Tensor[]
}

const classes = new WeakSet<object>()
const seen = new WeakSet<Watched>()
/** How deep in watched forwards we are: only the outermost net is asked. */
let depth = 0

/**
 * Puts a `forward` that looks in the place of a class's own, once a class; the library's are left as they are.
 *
 * @param prototype of the class of a module that is being made
 * @param top the prototype of Module
 * @param isParameter what is to be looked for
 */
export function watch(prototype: Watched, top: object, isParameter: (x: Tensor) => boolean): void {
  for (let at = prototype; at !== top && !classes.has(at); at = Object.getPrototypeOf(at)) {
    classes.add(at)
    if (!Object.hasOwn(at, 'forward') || at.libraryForward === at.forward) continue
    const { forward } = at
    at.forward = function (this: Watched, ...inputs: readonly never[]): unknown {
      if (depth > 0 || seen.has(this)) return forward.apply(this, [...inputs])
      const before = recordedCalls()
      depth++
      let result: unknown
      try {
        result = forward.apply(this, [...inputs])
      } finally {
        depth--
      }
      const results: Tensor[] = []
      eachTensor(result, (x) => {
        if (x.requiresGrad) results.push(x)
      })
      if (results.length > 0) {
        seen.add(this)
        look(this, results, before, isParameter)
      }
      return result
    }
  }
}

/** `before` are the calls that were recorded before the forward: what they depend on is not the net's doing. */
function look(
  net: Watched,
  results: readonly Tensor[],
  before: number,
  isParameter: (x: Tensor) => boolean,
): void {
  const known = new Set(net.parameters())
  const used = leavesBehind(results, before).filter((leaf) => leaf.requiresGrad && isParameter(leaf))
  noteStrays(
    net.constructor.name,
    known,
    used.filter((leaf) => !known.has(leaf)),
  )
}
