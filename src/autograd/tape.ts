/** Runs operations, and records those whose gradient may be asked for. */

import { recorder, reliesOn } from '../bindings/recording.js'
import { endStep, endStepIfLarge, holdSteps, makeRoom } from '../bindings/steps.js'
import { ArgumentError, OutOfMemoryError } from '../errors.js'
import { adopt } from '../tensor/scope.js'
import type { Shape } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { Call } from './call.js'
import type { Operation } from './operation.js'
import { noteRecipe } from './recipe-notes.js'

let recording = true
/** Calls recorded since the last `backward()`. */
let pending = 0

/** What may hold back a call, to run it together with the next (fusion.ts); undefined from it: not held back. */
export type Deferral = <A>(
  operation: Operation<A>,
  inputs: readonly (Tensor | undefined)[],
  attributes: A,
  shape: Shape,
) => Tensor | undefined

let deferral: Deferral | undefined

/** Lets `next` see every call before it runs; gives who did before. */
export function setDeferral(next: Deferral | undefined): Deferral | undefined {
  const before = deferral
  deferral = next
  return before
}

/**
 * The one way in which operations run: checks shapes at once, then computes, and records the call where a
 * gradient may be asked for. (Behind this seam a call could also join a list that runs later.)
 *
 * @param inputs in the declared order; undefined where an optional one is missing
 */
export function run<A>(
  operation: Operation<A>,
  inputs: readonly (Tensor | undefined)[],
  attributes: A,
): Tensor {
  const shape = operation.shape(inputs as readonly Tensor[], attributes)
  const held = deferral?.(operation, inputs, attributes, shape)
  if (held) {
    adopt(held)
    return held
  }
  return execute(operation, inputs, attributes, shape)
}

/** Runs a call whose shapes were found good. */
export function execute<A>(
  operation: Operation<A>,
  inputs: readonly (Tensor | undefined)[],
  attributes: A,
  shape: Shape,
): Tensor {
  endStepIfLarge()
  let call = new Call(operation, inputs, attributes, shape)
  let output: Tensor
  try {
    output = call.compute()
  } catch (error) {
    // A loop that ends no step may hold much that nobody needs: once more, with all else moved out.
    if (!(error instanceof OutOfMemoryError) || !makeRoom()) throw error
    call = new Call(operation, inputs, attributes, shape)
    output = call.compute()
  }
  if (recorder) for (const input of inputs) if (input && !input.producer) reliesOnLeaf(input)
  noteRecipe(operation, inputs, attributes, output)
  if (call.end(recording)) {
    output.requiresGrad = true
    output.producer = call
    pending++
  }
  adopt(output)
  return output
}

/** Whether a leaf has a gradient decides what is recorded. */
function reliesOnLeaf(leaf: Tensor): void {
  const { requiresGrad } = leaf
  // (What a step makes itself is another tensor each time, and gone.)
  if (requiresGrad) reliesOn(leaf, () => leaf.requiresGrad)
  else reliesOn(leaf, () => !leaf.requiresGrad)
}

/** Whether operations are recorded now. */
export function isRecording(): boolean {
  return recording
}

/**
 * Runs `fn` without recording: no gradients, and what only the library has seen is freed at once.
 * Synchronous, so that two loops can't switch it under each other.
 * https://pytorch.org/docs/stable/generated/torch.no_grad.html
 *
 * @returns what `fn` returns
 * @throws {ArgumentError} when `fn` is asynchronous, or no function
 */
export function noGrad<T>(fn: () => T): T {
  if (typeof fn !== 'function')
    throw new ArgumentError('noGrad: expected a function, as noGrad(() => net.forward(x))')
  const before = recording
  recording = false
  try {
    const result = fn()
    if (typeof (result as { then?: unknown } | undefined)?.then === 'function') {
      throw new ArgumentError(
        'noGrad: the function is asynchronous, but recording is switched off only while it runs; await first, and wrap the synchronous part',
      )
    }
    return result
  } finally {
    recording = before
    // The end of a step, unless this was a short look aside in the midst of a forward.
    if (before && pending === 0) endStep()
  }
}

/** Runs a backward: no step ends in it, and one ends after it, whether it succeeds or not. */
export function whileDifferentiating(fn: () => void): void {
  const [held, recorded] = [holdSteps(true), recording]
  recording = false
  try {
    fn()
  } finally {
    holdSteps(held)
    recording = recorded
    pending = 0
    endStep()
  }
}
