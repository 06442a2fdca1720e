/**
 * What layers need of fusion. Its mechanism (fusion.ts) and table come with the first layer that ends a row: a page
 * without one downloads neither.
 */
import { eachTensor } from '../tensor/scope.js'
import { type Deferral, setDeferral } from './tape.js'

/** Runs `fn`, in which calls may be fused: see `fusing` in fusion.ts. */
type Fuse = <T>(fn: () => T) => T

let fuse: Fuse = (fn) => fn()

/** How calls are fused from now on. */
export function setFuse(by: Fuse): void {
  fuse = by
}

/**
 * Runs `fn`, in which calls may be fused. What it gives has been computed.
 *
 * @param fn must let nobody but the library see a result before the next call has run, or ask for its values
 */
export function fused<T>(fn: () => T): T {
  return fuse(fn)
}

/** Who sees the calls of a user's code. */
let unheld: Deferral | undefined

/** Lets `next` see the calls of users' code; gives who did before. */
export function setUnheld(next: Deferral | undefined): Deferral | undefined {
  const before = unheld
  unheld = next
  return before
}

/** Runs a user's code: nothing is held back in it, and what it is given has been computed. */
export function unfused<T>(given: readonly unknown[], fn: () => T): T {
  eachTensor(given, (x) => {
    if (x.isDeferred) void x.storage
  })
  const before = setDeferral(unheld)
  try {
    return fn()
  } finally {
    setDeferral(before)
  }
}
