/** A net as it is now, for inference: a copy, folded, in evaluation mode, of which nothing is trained. */
import { checkBoolean, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import type { Shape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { BatchNorm } from './batch-norm.js'
import { copyOf } from './copy.js'
import { type FoldOptions, foldBatchNorm } from './fold.js'
import { guessInput } from './guess-input.js'
import { type AnyModule, Module } from './module.js'

/** Options of what makes a frozen copy. */
export interface FrozenCopyOptions<M> extends FoldOptions<M> {
  /**
   * Whether batch norm is folded into the layers beside it, which changes results by their last bits. Without it they are
   * those of `net.eval().forward`, to the bit. Default true.
   */
  fold?: boolean
}

/** A copy, and the shapes of what its forward takes, batch included, where they are known. */
export interface FrozenCopy {
  readonly copy: AnyModule
  readonly shapes: readonly Shape[] | undefined
}

/**
 * Makes the copy.
 *
 * @param name who asks, for errors
 * @throws {ArgumentError} for options of another kind, a net that can't be copied, or whose batch norm can't be folded
 *   without knowing the input
 */
export function frozenCopy<M extends AnyModule>(
  name: string,
  net: M,
  { fold = true, ...options }: FrozenCopyOptions<M>,
): FrozenCopy {
  checkBoolean(name, 'fold', fold)
  const { inputs, into } = options
  const shapes = inputs === undefined ? guessed(net) : shapesOf(inputs)
  const norms = net.namedModules().some(([, module]) => module instanceof BatchNorm)
  const copy: AnyModule =
    fold && (shapes || norms || inputs !== undefined)
      ? foldBatchNorm(net, options).net
      : copyFor(name, net, into)
  for (const parameter of copy.parameters()) parameter.requiresGrad = false
  return { copy, shapes }
}

function copyFor(name: string, net: AnyModule, into: AnyModule | undefined): AnyModule {
  if (into === undefined) return copyOf(net).eval()
  if (!(into instanceof Module) || (into as unknown) === net) {
    throw new ArgumentError(`${name}: into is another net of the same kind, got ${kindOf(into)}`)
  }
  into.loadStateDict(net.stateDict())
  return into.eval()
}

function guessed(net: AnyModule): readonly Shape[] | undefined {
  const x = guessInput(net)
  return x && [x.shape]
}

/** What `inputs` say of shapes; what they may not be, folding says. */
function shapesOf(inputs: FoldOptions<AnyModule>['inputs']): readonly Shape[] | undefined {
  if (inputs instanceof Tensor) return [inputs.shape]
  if (!Array.isArray(inputs)) return undefined
  const several: readonly unknown[] = inputs.some((one) => typeof one === 'object') ? inputs : [inputs]
  const are = several.every((one) => one instanceof Tensor || (Array.isArray(one) && one.length > 0))
  return are ? several.map((one) => (one instanceof Tensor ? one.shape : (one as Shape))) : undefined
}
