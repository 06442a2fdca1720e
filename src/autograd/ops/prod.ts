/** Products over a dimension. */
import { checkBoolean, checkOptions, kindOf } from '../../check.js'
import { ArgumentError } from '../../errors.js'
import { scoped } from '../../tensor/scope.js'
import { dimension } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { add, mul } from './arithmetic.js'
import { reshape, slice } from './rearrange.js'
import { type ReduceOptions, sum } from './reduce.js'

/** What `prod` takes. */
export interface ProdOptions extends Pick<ReduceOptions, 'keepdim'> {
  /** A dimension, −1 being the last. Default: all. */
  dim?: number
}

/**
 * The product over a dimension, or over all. It is a tree of multiplications, so that its gradient is exact with
 * zeros too. https://pytorch.org/docs/stable/generated/torch.prod.html
 *
 * @param x any shape
 * @param options the dimension, and whether it stays with size 1
 * @returns [] or the shape without (keepdim: with size 1 in) the dimension; the product of nothing is 1
 * @throws {ArgumentError} for a dimension that is not there, or several
 */
export function prod(x: Tensor, options: ProdOptions = {}): Tensor {
  checkTensor('prod', 'input', x)
  checkOptions('prod', options, ['dim', 'keepdim'])
  const { dim, keepdim = false } = options
  checkBoolean('prod', 'keepdim', keepdim)
  if (dim !== undefined && typeof dim !== 'number') {
    throw new ArgumentError(`prod: dim is one dimension, or left out for all, got ${kindOf(dim)}`)
  }
  const d = dim === undefined ? 0 : dimension('prod', dim, x.shape.length)
  const reduced = (at: number) => dim === undefined || at === d
  const shape = keepdim
    ? x.shape.map((size, at) => (reduced(at) ? 1 : size))
    : x.shape.filter((_, at) => !reduced(at))
  return scoped(() => {
    const all = dim === undefined || x.shape.length === 0 ? reshape(x, [x.size]) : x
    return reshape(product(all, d), shape)
  })
}

/** The product over dimension `d`, which stays with size 1. */
function product(x: Tensor, d: number): Tensor {
  // The sum of nothing is 0, and has a gradient of nothing.
  if (x.shape[d] === 0) return add(sum(x, { dim: d, keepdim: true }), 1)
  let [current, rest]: [Tensor, Tensor | undefined] = [x, undefined]
  while (current.shape[d] > 1) {
    const n = current.shape[d]
    const half = Math.floor(n / 2)
    if (n % 2 === 1) {
      const last = slice(current, d, n - 1, n)
      rest = rest ? mul(rest, last) : last
    }
    current = mul(slice(current, d, 0, half), slice(current, d, half, 2 * half))
  }
  return rest ? mul(current, rest) : current
}
