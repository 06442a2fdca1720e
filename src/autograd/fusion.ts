/**
 * Fusion: neighbouring operations that run in another order, or as one, with the same values. The table at the
 * end of this file's import chain (fusions.ts) has the rows; this is the one mechanism that matches them, over
 * the calls that the tape is asked to run. It holds a call back as long as its operation begins or goes on a
 * row, and nobody can have seen its result: so only between library layers in a Sequential (a compiled step's
 * list of calls can be matched with the same rows).
 */

import type { Shape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import type { Operation } from './operation.js'
import { execute, setDeferral } from './tape.js'

/** A call that may still be run otherwise. */
export interface Pending<A = never> {
  readonly operation: Operation<A>
  readonly inputs: readonly (Tensor | undefined)[]
  readonly attributes: A
}

/** A row of the table: neighbours, of which each takes the one before's result as its first input. */
export interface Fusion {
  /** The operations, in the order that they come in. */
  readonly pattern: readonly Operation<never>[]
  /** The dimensions of what passes between them: a result of others is not held back. */
  readonly rank: number
  /** Whether these calls of them can be fused. Default true. */
  matches?(calls: readonly Pending[]): boolean
  /** The calls that run instead; the first takes the first one's input, each other the one before's result. */
  fuse(calls: readonly Pending[]): readonly Pending[]
}

/** What a row's `fuse` gives: a call with its attributes. */
export function pendingCall<A>(
  operation: Operation<A>,
  inputs: readonly (Tensor | undefined)[],
  attributes: A,
): Pending {
  return { operation, inputs, attributes } as unknown as Pending
}

let enabled = true

/** What begins or goes on a row, and with how many dimensions. */
type Unfinished = ReadonlyMap<unknown, ReadonlySet<number>>

/** By the table: looked through once. */
const unfinished = new WeakMap<readonly Fusion[], Unfinished>()

function unfinishedOf(rows: readonly Fusion[]): Unfinished {
  let found = unfinished.get(rows)
  if (!found) {
    const ranks = new Map<unknown, Set<number>>()
    for (const { pattern, rank } of rows) {
      for (const operation of pattern.slice(0, -1)) {
        ranks.set(operation, (ranks.get(operation) ?? new Set<number>()).add(rank))
      }
    }
    found = ranks
    unfinished.set(rows, found)
  }
  return found
}

/** Runs `fn` with every call as it comes: what the rows are tested against. */
export function withoutFusion<T>(fn: () => T): T {
  const before = enabled
  enabled = false
  try {
    return fn()
  } finally {
    enabled = before
  }
}

/**
 * Runs `fn`, in which calls may be fused by the rows. What it gives has been computed.
 *
 * @param fn must let nobody but the library see a result before the next call has run, or ask for its values
 */
export function fusing<T>(rows: readonly Fusion[], fn: () => T): T {
  if (!enabled) return fn()
  const queue = new Queue(rows)
  const before = setDeferral(queue.take)
  try {
    const result = fn()
    queue.flush()
    return result
  } finally {
    setDeferral(before)
  }
}

/** Calls that are held back: each takes the one before's result as its first input. */
class Queue {
  #calls: readonly Pending[] = []
  /** The last call's result, whose values are not there yet. */
  #last: Tensor | undefined

  readonly #unfinished: Unfinished

  constructor(readonly rows: readonly Fusion[]) {
    this.#unfinished = unfinishedOf(rows)
  }

  /** Takes a call and gives its result to come; undefined where it is to run at once. */
  take = <A>(
    operation: Operation<A>,
    inputs: readonly (Tensor | undefined)[],
    attributes: A,
    shape: Shape,
  ): Tensor | undefined => {
    if (inputs[0] !== this.#last) this.flush()
    const goesOn = this.#mayGoOn(operation, shape.length)
    // Most calls: nothing is held back, and nothing begins.
    if (!goesOn && this.#calls.length === 0) return undefined
    const asked = [...this.#calls, pendingCall(operation, inputs, attributes)]
    const calls = this.#fused(asked)
    if (calls === asked && !goesOn) {
      // What it takes must be there.
      this.flush()
      return undefined
    }
    const result = Tensor.deferred(shape, () => {
      this.flush()
      // One that was fused with the next call, and is asked for all the same.
      if (result.isDeferred) become(result, execute(operation, inputs, attributes, shape))
    })
    this.#calls = calls
    this.#last = result
    if (!this.#mayGoOn(calls[calls.length - 1].operation, shape.length)) this.flush()
    return result
  }

  #mayGoOn(operation: unknown, rank: number): boolean {
    return this.#unfinished.get(operation)?.has(rank) ?? false
  }

  /** Runs what is held back. */
  flush(): void {
    const [calls, last] = [this.#calls, this.#last]
    this.#calls = []
    this.#last = undefined
    if (!last) return
    let previous: Tensor | undefined
    for (const { operation, inputs, attributes } of calls) {
      const all: readonly (Tensor | undefined)[] = previous ? [previous, ...inputs.slice(1)] : inputs
      const shape = operation.shape(all as readonly Tensor[], attributes)
      const result = execute(operation, all, attributes, shape)
      previous?.release()
      previous = result
    }
    if (previous) become(last, previous)
  }

  /** The calls with every row that matches applied, again and again; `calls` itself where none does. */
  #fused(calls: readonly Pending[]): readonly Pending[] {
    let current = calls
    for (let again = true; again; ) {
      again = false
      for (let end = current.length; end > 1 && !again; end--) {
        for (const row of this.rows) {
          if (!endsWith(current, end, row)) continue
          const start = end - row.pattern.length
          const part = current.slice(start, end)
          if (!(row.matches?.(part) ?? true)) continue
          const [{ inputs }] = part
          const [first, ...others] = row.fuse(part)
          const begun = pendingCall(first.operation, [inputs[0], ...first.inputs.slice(1)], first.attributes)
          current = [...current.slice(0, start), begun, ...others, ...current.slice(end)]
          again = true
          break
        }
      }
    }
    return current
  }
}

/** Whether the calls before `end` are of a row's operations: asked of every call, so nothing is made for it. */
function endsWith(calls: readonly Pending[], end: number, { pattern }: Fusion): boolean {
  const start = end - pattern.length
  if (start < 0) return false
  for (let i = 0; i < pattern.length; i++) if (calls[start + i].operation !== pattern[i]) return false
  return true
}

/** Gives a result that was held back its values. */
function become(result: Tensor, computed: Tensor): void {
  // It takes the place of what was computed, also in the scope that has both.
  computed.scope = undefined
  result.become(computed)
}
