/** Gradients as a function's result, in nobody's `grad`. */
import { checkBoolean, checkOptions, kindOf } from '../check.js'
import { ArgumentError, AutogradError } from '../errors.js'
import { Tensor } from '../tensor/tensor.js'
import { checkSeed, ownRows, walk } from './backward.js'
import { Call } from './call.js'

/** Options of `autograd.grad`. */
export interface GradOptions {
  /** The gradients of the outputs, of their shapes; null where an output has one element. Default: all null. */
  gradOutputs?: Tensor | readonly (Tensor | null)[]
  /** Whether the graph may be used again. Default false. */
  retainGraph?: boolean
  /** Whether an input on which no output depends has null as its gradient, and is no error. Default false. */
  allowUnused?: boolean
}

/** @throws {ArgumentError} unless it is a tensor, or an array of at least one */
function listOf(what: string, given: Tensor | readonly Tensor[]): readonly Tensor[] {
  const all: readonly unknown[] = Array.isArray(given) ? given : [given]
  const wrong = all.find((x) => !(x instanceof Tensor))
  if (wrong !== undefined || all.length === 0) {
    throw new ArgumentError(
      `grad: the ${what} are a tensor or an array of them, got ${all.length === 0 ? 'none' : kindOf(wrong)}`,
    )
  }
  return all as readonly Tensor[]
}

/**
 * The gradients of the sum of `outputs` with respect to each input; no `grad` is changed. An input may also be a result,
 * in the midst of the graph. (PyTorch's `create_graph` is not here: gradients have no graph of their own.)
 * https://pytorch.org/docs/stable/generated/torch.autograd.grad.html
 *
 * @param outputs a tensor or several; each has one element, or a gradient in `gradOutputs`
 * @param options gradients of the outputs, and whether the graph is retained
 * @param inputs a tensor or several, as they were when `outputs` was computed
 * @returns a gradient for each input, of its shape; null with `allowUnused` where there is none
 * @throws {AutogradError} where there is no graph, or no longer one, or an output does not depend on an input
 * @throws {ShapeError} for a gradient in `gradOutputs` that is missing or has another shape
 * @throws {ArgumentError} for what are no tensors, or an unknown option
 */
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options?: GradOptions & { allowUnused?: false },
): Tensor[]
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options: GradOptions,
): (Tensor | null)[]
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options: GradOptions = {},
): (Tensor | null)[] {
  const [roots, of] = [listOf('outputs', outputs), listOf('inputs', inputs)]
  checkOptions('grad', options, ['gradOutputs', 'retainGraph', 'allowUnused'])
  const { gradOutputs = [], retainGraph = false, allowUnused = false } = options
  checkBoolean('grad', 'retainGraph', retainGraph)
  checkBoolean('grad', 'allowUnused', allowUnused)
  const given = gradOutputs instanceof Tensor ? [gradOutputs] : gradOutputs
  if (!Array.isArray(given) || (given.length > 0 && given.length !== roots.length)) {
    const got = Array.isArray(given) ? given.length : kindOf(given)
    throw new ArgumentError(`grad: gradOutputs has one for each of ${roots.length} outputs, got ${got}`)
  }
  const seeds = roots.map((root, i) => [root, (given[i] as Tensor | null) ?? undefined] as const)
  for (const [root, cotangent] of seeds) checkSeed('grad', root, cotangent)
  of.forEach((x, i) => {
    if (x.requiresGrad) return
    throw new AutogradError(`grad: input ${i} (shape [${x.shape}]) does not require a gradient`)
  })
  const wanted = new Map<Call, Tensor>()
  for (const x of of) if (x.producer instanceof Call) wanted.set(x.producer, x)
  let results: (Tensor | null)[] = []
  walk(seeds, {
    retainGraph,
    wanted,
    end(found) {
      of.forEach((x, i) => {
        if (found.has(x) || allowUnused) return
        throw new AutogradError(
          `grad: no output depends on input ${i} (shape [${x.shape}]); with allowUnused: true its gradient is null`,
        )
      })
      for (const x of new Set(of)) {
        const gradient = found.get(x)
        if (gradient) found.set(x, ownRows(gradient))
      }
      results = of.map((x) => {
        const gradient = found.get(x)
        return gradient ? new Tensor(gradient.storage.retain(), x.shape) : null
      })
    },
  })
  return results
}
