/** Clipping of gradients, in place: by the norm of all together, and by value. */
import { eachTime } from '../autograd/recording.js'
import { noGrad } from '../autograd/tape.js'
import { checkBoolean, checkOptions, kindOf } from '../check.js'
import { ArgumentError, NumericError } from '../errors.js'
import { fromValues } from '../tensor/create.js'
import { scoped } from '../tensor/scope.js'
import { Tensor } from '../tensor/tensor.js'
import { Module } from './module.js'

/** Options of `clipGradNorm_`. */
export interface ClipGradNormOptions {
  /** The p of the p-norm: a number above 0, or Infinity for the largest absolute value. Default 2. */
  normType?: number
  /** Whether a norm that is NaN or infinite throws. Default false: the gradients then become NaN or 0. */
  errorIfNonfinite?: boolean
}

/**
 * Scales all gradients, in place, so that the norm of all together is at most `maxNorm`; to be called between
 * `backward()` and `step()`. `clipGradNorm` is the same function.
 * https://pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html
 *
 * @param parameters such as `net.parameters()`; those without a gradient are passed over
 * @param maxNorm at least 0; Infinity leaves the gradients as they are, and tells the norm
 * @returns the norm before, a number (PyTorch gives a tensor); 0 where there is no gradient
 * @throws {ArgumentError} for what are no parameters, and an option that is unknown or out of range
 * @throws {NumericError} with `errorIfNonfinite`, for a norm that is NaN or infinite; nothing is changed then
 */
export function clipGradNorm_(
  parameters: Tensor | Iterable<Tensor>,
  maxNorm: number,
  options: ClipGradNormOptions = {},
): number {
  const name = 'clipGradNorm_'
  const tensors = tensorsOf(name, parameters)
  checkBound(name, 'maxNorm', maxNorm)
  checkOptions(name, options, ['normType', 'errorIfNonfinite'])
  const { normType = 2, errorIfNonfinite = false } = options
  if (typeof normType !== 'number' || !(normType > 0)) {
    throw new ArgumentError(`${name}: normType is a number above 0, or Infinity, got ${kindOf(normType)}`)
  }
  checkBoolean(name, 'errorIfNonfinite', errorIfNonfinite)
  let total = 0
  eachTime(() => {
    const gradients = gradientsOf(tensors)
    total = normOfAll(gradients, normType)
    if (errorIfNonfinite && !Number.isFinite(total)) {
      throw new NumericError(
        `${name}: the norm of the gradients is ${total}; look for NaN in the data, or take a smaller learning rate`,
      )
    }
    const share = maxNorm / (total + 1e-6)
    // NaN goes on, as in PyTorch.
    if (!(share >= 1)) replace(gradients, (gradient) => gradient.mul(share))
  })
  return total
}

/**
 * Brings each element of all gradients, in place, between −`clipValue` and `clipValue`. `clipGradValue` is the same
 * function. https://pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_value_.html
 *
 * @param parameters such as `net.parameters()`; those without a gradient are passed over
 * @param clipValue at least 0
 * @throws {ArgumentError} for what are no parameters, and a value that is no number of at least 0
 */
export function clipGradValue_(parameters: Tensor | Iterable<Tensor>, clipValue: number): void {
  const gradients = gradientsOf(tensorsOf('clipGradValue_', parameters))
  checkBound('clipGradValue_', 'clipValue', clipValue)
  replace(gradients, (gradient) => gradient.maximum(-clipValue).neg().maximum(-clipValue).neg())
}

/** @throws {ArgumentError} */
function checkBound(name: string, what: string, value: unknown): void {
  if (typeof value === 'number' && value >= 0) return
  throw new ArgumentError(`${name}: ${what} is a number of at least 0, got ${kindOf(value)}`)
}

/** The gradients that there are, without telling them seen. */
function gradientsOf(parameters: readonly Tensor[]): Tensor[] {
  return parameters.map(({ ownGradient }) => ownGradient).filter((gradient) => gradient !== undefined)
}

/** The parameters as a list: what is iterated over may have them only once. @throws {ArgumentError} for what are none */
function tensorsOf(name: string, parameters: Tensor | Iterable<Tensor>): Tensor[] {
  const given: unknown = parameters instanceof Tensor ? [parameters] : parameters
  if (typeof given !== 'object' || given === null || !(Symbol.iterator in given)) {
    const cure = given instanceof Module ? 'pass net.parameters()' : 'such as net.parameters()'
    throw new ArgumentError(`${name}: expected parameters, got ${kindOf(given)}; ${cure}`)
  }
  const tensors: Tensor[] = []
  for (const [i, parameter] of [...(given as Iterable<unknown>)].entries()) {
    if (!(parameter instanceof Tensor)) {
      throw new ArgumentError(`${name}: element ${i} of the parameters is no tensor but ${kindOf(parameter)}`)
    }
    tensors.push(parameter)
  }
  return tensors
}

/** The p-norm of all elements together; that of none is 0. */
function normOfAll(gradients: readonly Tensor[], p: number): number {
  return noGrad(() =>
    scoped(() => {
      const parts = gradients.filter(({ size }) => size > 0).map((gradient) => partOf(gradient, p))
      if (p === Number.POSITIVE_INFINITY) return parts.reduce((a, b) => Math.max(a, b), 0)
      const total = parts.reduce((a, b) => a + b, 0)
      if (p === 1) return total
      // The root of another power is computed in wasm, which rounds alike in every runtime.
      return p === 2
        ? Math.sqrt(total)
        : fromValues([total], [])
            .pow(1 / p)
            .item()
    }),
  )
}

/** What a gradient adds to the norm: Σ |x|ᵖ, or the largest |x|. */
function partOf(x: Tensor, p: number): number {
  if (p === 2) return x.mul(x).sum().item()
  const sizes = x.abs()
  if (p === Number.POSITIVE_INFINITY) return sizes.max().item()
  return (p === 1 ? sizes : sizes.pow(p)).sum().item()
}

/** All new values are computed before the first is written: memory may not suffice. */
function replace(tensors: readonly Tensor[], by: (x: Tensor) => Tensor): void {
  noGrad(() =>
    scoped(() => {
      const values = tensors.map(by)
      for (const x of [...tensors, ...values]) void x.storage.address
      for (const [i, x] of tensors.entries()) x.copy_(values[i])
    }),
  )
}
