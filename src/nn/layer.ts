/** What layers share: how one is run, how its input is checked, how it is printed. */
import { checkTensor } from '../autograd/arguments.js'
import { unfused } from '../autograd/fuse.js'
import { ShapeError } from '../errors.js'
import { outside } from '../tensor/scope.js'
import type { Tensor } from '../tensor/tensor.js'

/** Something with a `forward`: a module, or a loss. */
interface Callable<Inputs extends readonly unknown[], Output> {
  forward(...inputs: Inputs): Output
  /** The `forward` that the library has written, where it has. */
  readonly libraryForward?: unknown
}

/**
 * Whether a `forward` is the library's own, which keeps neither what it is given nor what it gives. A derived
 * class's, or one that was put in its place, is a user's.
 */
export function isLibrary(module: Callable<never, unknown>): boolean {
  return module.libraryForward === module.forward
}

/** Runs a `forward`: the library's own in the scope at hand, a user's outside of it (see tensor/scope.ts). */
export function callForward<Inputs extends readonly unknown[], Output>(
  module: Callable<Inputs, Output>,
  ...inputs: Inputs
): Output {
  return isLibrary(module)
    ? module.forward(...inputs)
    : outside(inputs, () => unfused(inputs, () => module.forward(...inputs)))
}

/** A number as PyTorch prints an eps: `1e-5`. */
export function numberText(value: number): string {
  return value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential() : String(value)
}

/** A pair as PyTorch prints it: a number where both are the same. */
export function pairText(value: number | readonly number[]): string {
  return typeof value === 'number' ? String(value) : `[${value.join(', ')}]`
}

/** The names of the dimensions after the channels, by how many there are. */
const INNER = [[], ['L'], ['H', 'W'], ['D', 'H', 'W']]

/** Checks an input's rank and channels (dimension 1) for a layer. @throws {ShapeError} @throws {ArgumentError} */
export function checkInput(
  layer: string,
  x: Tensor,
  ranks: readonly number[],
  size: number,
  what: string,
): void {
  checkTensor(layer, 'input', x)
  if (!ranks.includes(x.shape.length) || x.shape[1] !== size) {
    const dims = ranks.map((rank) => `[N, ${[size, ...INNER[rank - 2]].join(', ')}]`)
    throw new ShapeError(
      `${layer}: expected an input of shape ${dims.join(' or ')} (${what}), got [${x.shape}]`,
    )
  }
}
