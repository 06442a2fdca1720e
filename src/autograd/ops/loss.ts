/** What all losses do alike: shapes that fit each other, weights, and the reduction at the end. */
import { checkOptions, kindOf } from '../../check.js'
import { ArgumentError, ShapeError } from '../../errors.js'
import { scoped } from '../../tensor/scope.js'
import { type Shape, sameShape, sizeOf } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { mul } from './arithmetic.js'
import { expand } from './expand.js'
import { mean, sum } from './reduce.js'

/** What becomes of the losses of the elements: their mean, their sum, or nothing. */
export type Reduction = 'mean' | 'sum' | 'none'

/** What every loss takes besides tensors. */
export interface LossOptions {
  /** The mean (default) or the sum over all elements, or each one's loss. */
  reduction?: Reduction
}

const REDUCTIONS: readonly Reduction[] = ['mean', 'sum', 'none']

/** Checks the names of options, and the reduction, which it gives. @throws {ArgumentError} */
export function checkReduction<R extends string = Reduction>(
  name: string,
  options: { reduction?: R },
  more: readonly string[] = [],
  known = REDUCTIONS as readonly R[],
): R {
  checkOptions(name, options, [...more, 'reduction'])
  const { reduction = 'mean' as R } = options
  if (known.includes(reduction)) return reduction
  const all = known.map((each) => `'${each}'`)
  throw new ArgumentError(
    `${name}: reduction is ${all.slice(0, -1).join(', ')} or ${all.at(-1)}, not ${kindOf(reduction)}`,
  )
}

/**
 * Input and target in one shape. A single value (shape []) is repeated; nothing else is, as [N, 1] against [N]
 * would be [N, N], and the loss wrong in silence.
 *
 * @throws {ShapeError} where the shapes differ
 */
function matched(name: string, input: Tensor, target: Tensor): readonly [Tensor, Tensor] {
  checkTensor(name, 'input', input)
  checkTensor(name, 'target', target)
  const [a, b] = [input.shape, target.shape]
  if (sameShape(a, b)) return [input, target]
  if (a.length === 0) return [expand(input, b), target]
  if (b.length === 0) return [input, expand(target, a)]
  const became = broadcastOf(a, b)
  const would = became ? `, which would broadcast to [${became}]` : ''
  const [, ...rest] = a
  const cure =
    sizeOf(a) === sizeOf(b)
      ? `reshape one of them, as with target.reshape([${sizeOf(a) > 0 ? [-1, ...rest] : a}])`
      : 'give a target of the shape of the input, or a single value of shape []'
  throw new ShapeError(`${name}: the input has shape [${a}] and the target [${b}]${would}; ${cure}`)
}

/** What two shapes would be together; undefined where they do not broadcast. (In `fit`, `broadcastShapes` is stricter.) */
function broadcastOf(a: Shape, b: Shape): Shape | undefined {
  const rank = Math.max(a.length, b.length)
  const pairs = Array.from({ length: rank }, (_, d) => [
    a[d - rank + a.length] ?? 1,
    b[d - rank + b.length] ?? 1,
  ])
  return pairs.every(([x, y]) => x === y || x === 1 || y === 1)
    ? pairs.map(([x, y]) => (x === 1 ? y : x))
    : undefined
}

/** The loss of each element by `each`, weighted, and reduced. */
export function elementwiseLoss(
  name: string,
  input: Tensor,
  target: Tensor,
  reduction: Reduction,
  each: (input: Tensor, target: Tensor) => Tensor,
  weight?: Tensor | null,
): Tensor {
  return scoped(() => {
    const [x, y] = matched(name, input, target)
    if (weight) checkWeight(name, 'weight', weight, x.shape)
    const losses = each(x, y)
    return reduced(weight ? mul(losses, weight) : losses, reduction)
  })
}

/** Checks that a weight broadcasts to the losses. @throws {ArgumentError} for no tensor @throws {ShapeError} */
export function checkWeight(name: string, what: string, weight: Tensor, shape: Shape): void {
  checkTensor(name, what, weight)
  const became = broadcastOf(weight.shape, shape)
  if (became && sameShape(became, shape)) return
  throw new ShapeError(
    `${name}: a ${what} of shape [${weight.shape}] does not broadcast to the losses' shape [${shape}]`,
  )
}

/** The losses' mean or sum, or themselves. */
export function reduced(losses: Tensor, reduction: Reduction): Tensor {
  if (reduction === 'none') return losses
  return reduction === 'sum' ? sum(losses) : mean(losses)
}
