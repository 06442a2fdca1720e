/** Batch norm folded into the layers beside it: for inference, it is one more multiplication of their weights. */
import { isRecording, noGrad } from '../autograd/tape.js'
import { checkNumber, checkOptions, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { keepingStream, randn } from '../tensor/random.js'
import { eachTensor } from '../tensor/scope.js'
import { checkShape, type Shape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { copyOf } from './copy.js'
import { type Fold, type Kept, planFolds } from './fold-plan.js'
import { applyFold } from './fold-weights.js'
import { guessInput } from './guess-input.js'
import { keepModes } from './modes.js'
import { type AnyModule, Module } from './module.js'
import { trace } from './trace.js'

/** Options of foldBatchNorm. */
export interface FoldOptions<M> {
  /**
   * What the net's forward takes, by which it is looked at: a shape, batch included, or a tensor (as of indices), or an
   * array of them, one for each argument. Default: a shape that the first layers and the net's forward accept.
   */
  inputs?: Shape | Tensor | readonly (Shape | Tensor)[]
  /**
   * A net of the same kind that gets the values and is folded, instead of a copy: for a class with private #fields,
   * which can't be copied.
   */
  into?: M
  /** How far the results may be apart, as a share of the largest value. Default 1e-5. */
  tolerance?: number
}

/** A batch norm layer that is gone. */
export interface FoldedLayer {
  /** Where it was; now an `nn.Identity`. */
  path: string
  /** The layer that has its factors now. */
  into: string
  /** Whether that one stands before it or after. */
  side: 'before' | 'after'
}

/** What `foldBatchNorm` gives. */
export class FoldedNet<M extends AnyModule = AnyModule> {
  /** @internal */
  constructor(
    /** The new net, in evaluation mode. */
    readonly net: M,
    /** The layers that are gone. */
    readonly folded: readonly FoldedLayer[],
    /** Those that stayed, each with its reason. */
    readonly kept: readonly Kept[],
  ) {}

  /** A line for each batch norm layer. */
  toString(): string {
    const lines = [
      ...this.folded.map(({ path, into, side }) => `${path}: folded into ${into}, ${side} it`),
      ...this.kept.map(({ path, reason }) => `${path}: stays: ${reason}`),
    ]
    return lines.length > 0 ? lines.join('\n') : 'there is no batch norm in this net'
  }

  /** What console.log prints in Node, Bun and Deno. @internal */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}

/**
 * A new net without batch norm, for inference. With s = weight / √(runningVar + eps) and t = bias − runningMean · s, a
 * Linear, Conv1d, Conv2d or ConvTranspose2d before batch norm becomes
 *
 *   W' = s · W,  b' = s · b + t
 *
 * and a Linear, or a convolution without padding, after it
 *
 *   W' = W · s,  b' = b + Σ W · t
 *
 * computed in float64 (Jacob et al., 2017, https://arxiv.org/abs/1712.05877, section 3.2). Which layers stand beside
 * each other is seen by running the net's forward, so it may be written in any way. What can't be folded stays, and the
 * result names it with its reason: something between or beside, padding after it, no running statistics. In the end the
 * new net is compared with the old one, and what takes its results further apart than `tolerance` is put back. The net
 * that was given is left as it was.
 *
 * ```ts
 * const { net: fast, kept } = foldBatchNorm(net)
 * ```
 *
 * @param net any net
 * @returns the new net, in evaluation mode, and what became of each layer
 * @throws {ArgumentError} for what is no module, an option that is unknown, a net whose input can't be guessed (give
 *   `inputs`) or that can't be copied (give `into`), and within noGrad
 */
export function foldBatchNorm<M extends AnyModule>(net: M, options: FoldOptions<M> = {}): FoldedNet<M> {
  const name = 'foldBatchNorm'
  if (!(net instanceof Module)) throw new ArgumentError(`${name}: expected a Module, got ${kindOf(net)}`)
  checkOptions(name, options, ['inputs', 'into', 'tolerance'])
  const { tolerance = 1e-5, into } = options
  checkNumber(name, 'tolerance', tolerance, { least: 0 })
  if (into !== undefined && (!(into instanceof Module) || into === net)) {
    throw new ArgumentError(`${name}: into is another net of the same kind, got ${kindOf(into)}`)
  }
  if (!isRecording()) throw new ArgumentError(`${name}: call it outside of noGrad: it looks at the graph`)
  const inputs = inputsOf(net, options.inputs)
  const { folds, kept } = planFolds(net, trace(net, inputs, floatingInput(inputs, options.inputs)))
  for (const x of inputs) if (x.requiresGrad) x.requiresGrad = false
  const restore = keepModes(net)
  const expected = evaluate(net, inputs)
  restore()
  const copy = copyFor(net, into)
  const differs = () => apart(expected, evaluate(copy, inputs))
  let unfit: string | undefined
  try {
    if (differs() > tolerance) unfit = 'its copy gives other results'
  } catch (error) {
    unfit = error instanceof Error ? error.message : String(error)
  }
  if (unfit !== undefined) {
    throw new ArgumentError(
      `${name}: ${net.constructor.name} can't be copied (${unfit}), as where a class has private #fields; give { into: … }, a new net of the same kind`,
    )
  }
  const { done, undone } = foldAll(copy, folds, () => {
    try {
      return differs() <= tolerance
    } catch {
      return false
    }
  })
  const stayed = undone.map(({ path, type, into }) => {
    const reason = `folded into '${into}', the net gives other results: its forward has another use for one of them`
    return { path, type, reason }
  })
  const order = net.namedModules().map(([path]) => path)
  const all = [...kept, ...stayed].sort((a, b) => order.indexOf(a.path) - order.indexOf(b.path))
  const folded = done.map(({ path, into, side }) => ({ path, into, side }))
  return new FoldedNet(copy, folded, all)
}

/** All folds or, where these together change the results, those that do not, one after the other. */
function foldAll(
  net: AnyModule,
  folds: readonly Fold[],
  fits: () => boolean,
): { done: Fold[]; undone: Fold[] } {
  const undo = folds.map((fold) => applyFold(net, fold))
  if (fits()) return { done: [...folds], undone: [] }
  for (const back of undo.reverse()) back()
  const [done, undone]: [Fold[], Fold[]] = [[], []]
  for (const fold of folds) {
    const back = applyFold(net, fold)
    if (fits()) done.push(fold)
    else {
      back()
      undone.push(fold)
    }
  }
  return { done, undone }
}

function copyFor<M extends AnyModule>(net: M, into: M | undefined): M {
  if (!into) return copyOf(net).eval()
  into.loadStateDict(net.stateDict())
  return into.eval()
}

/** @throws {ArgumentError} @throws {ShapeError} */
function inputsOf(net: AnyModule, inputs: FoldOptions<AnyModule>['inputs']): Tensor[] {
  const random = (shape: Shape) => keepingStream(() => randn(shape))
  if (inputs === undefined) {
    const guessed = guessInput(net)
    if (guessed) return [guessed]
    throw new ArgumentError(
      `foldBatchNorm: the shape of the input of ${net.constructor.name} can't be guessed; give it, as { inputs: [1, 3, 32, 32] }`,
    )
  }
  if (inputs instanceof Tensor) return [inputs]
  if (!Array.isArray(inputs)) {
    throw new ArgumentError(
      `foldBatchNorm: inputs are a shape, such as [1, 3, 32, 32], a tensor, or an array of them, got ${kindOf(inputs)}`,
    )
  }
  const several: readonly unknown[] = inputs.some((one) => typeof one === 'object') ? inputs : [inputs]
  return several.map((one) => {
    if (one instanceof Tensor) return one
    checkShape('foldBatchNorm', one as Shape)
    return random(one as Shape)
  })
}

/** The first input that is ours, and holds no indices: gradients may flow to it. */
function floatingInput(
  inputs: readonly Tensor[],
  given: FoldOptions<AnyModule>['inputs'],
): Tensor | undefined {
  const theirs: readonly unknown[] = Array.isArray(given) ? given : [given]
  return inputs.find(
    (x) => !theirs.includes(x) && x.toFloat32Array().some((value) => !Number.isInteger(value)),
  )
}

function evaluate(net: AnyModule, inputs: readonly Tensor[]): Float32Array[] {
  const results: Float32Array[] = []
  const output: unknown = keepingStream(() => noGrad(() => Reflect.apply(net.eval().forward, net, inputs)))
  eachTensor(output, (x) => results.push(x.toFloat32Array()))
  return results
}

/** The largest difference, as a share of the largest value; Infinity for results of other shapes. */
function apart(expected: readonly Float32Array[], got: readonly Float32Array[]): number {
  if (expected.length !== got.length) return Number.POSITIVE_INFINITY
  let worst = 0
  for (const [i, a] of expected.entries()) {
    const b = got[i]
    if (a.length !== b.length) return Number.POSITIVE_INFINITY
    let [difference, largest] = [0, 0]
    for (let j = 0; j < a.length; j++) {
      // Both NaN is the same; one of them is as far as can be.
      if (Object.is(a[j], b[j])) continue
      const one = Math.abs(a[j] - b[j])
      difference = Number.isNaN(one) ? Number.POSITIVE_INFINITY : Math.max(difference, one)
    }
    for (const value of a) largest = Math.max(largest, Math.abs(value))
    if (difference > 0) worst = Math.max(worst, difference / largest)
  }
  return worst
}
