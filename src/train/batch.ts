/** What a batch is, how a net is run on it, and what losses are asked of it: alike in all loops over a net. */
import { isPlainObject, kindOf } from '../check.js'
import { ArgumentError, ShapeError } from '../errors.js'
import { callForward, isLibrary } from '../nn/layer.js'
import type { AnyModule } from '../nn/module.js'
import { eachTensor } from '../tensor/scope.js'
import { inLoss } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import type { Loss } from './loss.js'

/** A tensor, or several: in an array, or by name in a plain object, at any depth. */
export type Tensors = Tensor | readonly Tensors[] | { readonly [name: string]: Tensors }

/**
 * [inputs, target, …]. The inputs are what the net's `forward` is called with: a tensor; an array of its arguments; or an
 * object, which is its one argument, as PyTorch's keyword arguments. The target, and what comes after it, go to the loss
 * as they are.
 */
export type Batch = readonly Tensors[]

/** @throws {ArgumentError} for what is no [inputs, …] with a tensor in the inputs */
export function checkBatch(
  name: string,
  batch: unknown,
  cure = "a collate of the DataLoader's can make one of it",
): Batch {
  if (Array.isArray(batch) && firstTensor(batch[0])) return batch
  const got = Array.isArray(batch)
    ? batch.length > 0
      ? `an array whose first is ${kindOf(batch[0])}`
      : 'an empty array'
    : isPlainObject(batch)
      ? `an object of ${Object.keys(batch).join(', ')}`
      : kindOf(batch)
  throw new ArgumentError(
    `${name}: a batch is an array [x, y], x one input, or several in an array or object; this is ${got}; ${cure}`,
  )
}

/** What a forward is called with. */
export function argumentsOf(inputs: Tensors): readonly unknown[] {
  return Array.isArray(inputs) ? inputs : [inputs]
}

/** What the net gives for the inputs. */
export function predict(net: AnyModule, inputs: Tensors): unknown {
  return callForward(net as AnyModule<readonly unknown[]>, ...argumentsOf(inputs))
}

/** The loss of a batch. @throws {ArgumentError} @throws {ShapeError} for what is no single number */
export function lossOf(name: string, loss: Loss<never, never>, given: readonly unknown[]): Tensor {
  const value = inLoss(() => callForward(loss as Callable, ...given))
  return checkLoss(name, "the loss's forward", value)
}

type Callable = { forward(...given: readonly unknown[]): unknown; readonly libraryForward?: unknown }

/** @throws {ArgumentError} @throws {ShapeError} for what is no single number */
export function checkLoss(name: string, giver: string, value: unknown): Tensor {
  if (!(value instanceof Tensor)) {
    throw new ArgumentError(`${name}: ${giver} gives a tensor with one element, got ${kindOf(value)}`)
  }
  if (value.size === 1) return value
  throw new ShapeError(
    `${name}: the loss gives one number for a batch, got shape [${value.shape}]; take its mean() or sum()`,
  )
}

/** How many samples there are: what the first tensor has in front. @throws {ArgumentError} @throws {ShapeError} */
export function samplesOf(name: string, inputs: unknown): number {
  const x = firstTensor(inputs)
  if (!x) throw new ArgumentError(`${name}: the loader gives ${kindOf(inputs)}, in which there is no tensor`)
  if (x.shape.length > 0) return x.shape[0]
  throw new ShapeError(
    `${name}: the first tensor of a batch has the samples in front, [N, …], and here it has no dimension`,
  )
}

function firstTensor(value: unknown): Tensor | undefined {
  let first: Tensor | undefined
  eachTensor(value, (x) => {
    first ??= x
  })
  return first
}

/** Why steps of a net and such losses are not to be compiled, if so. */
export function whyNotCompiled(
  net: AnyModule,
  { losses, step, compile }: { losses: readonly object[]; step: boolean; compile: boolean | undefined },
): string | undefined {
  if (compile === true) return undefined
  if (compile === false) return 'compile is false'
  const own = net.namedModules().find(([, module]) => !isLibrary(module))
  const what = step
    ? 'the step'
    : own
      ? `the net's ${own[1].constructor.name}${own[0] && ` (${own[0]})`}`
      : losses.every((loss) => isLibrary(loss as Parameters<typeof isLibrary>[0]))
        ? undefined
        : 'the loss'
  return (
    what &&
    `${what} has ${step ? 'a function' : 'a forward'} of its own, whose JavaScript a replay leaves out; allow that with compile: true`
  )
}
