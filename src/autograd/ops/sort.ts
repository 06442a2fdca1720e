/** Sorted values, and where they were. */
import { checkBoolean, checkNumber, checkOptions } from '../../check.js'
import { ArgumentError } from '../../errors.js'
import { adopt, scoped } from '../../tensor/scope.js'
import { dimension, reduceShape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { noteRecipe } from '../recipe-notes.js'
import { computeInJavaScript } from '../recording.js'
import { gather } from './indexing.js'

/** What `sort` and `argsort` take. */
export interface SortOptions {
  /** The dimension. Default −1, the last. */
  dim?: number
  /** Whether the largest comes first. Default false. */
  descending?: boolean
  /** Whether equals stay in their order. They do in any case. */
  stable?: boolean
}

/** What `topk` takes. */
export interface TopkOptions {
  /** The dimension. Default −1, the last. */
  dim?: number
  /** Whether the largest values are found (default), or the smallest. */
  largest?: boolean
  /** Whether they come in order. They do in any case. */
  sorted?: boolean
}

/** What `sort` and `topk` give. */
export interface Sorted {
  /** The values in order; gradients flow through them. */
  values: Tensor
  /** Where each of them was along the dimension. */
  indices: Tensor
}

/** The order of the floats, as that of their bits as whole numbers; NaN is the largest, and −0 is 0. */
function rank(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return 0xffffffff
  if (bits === 0x80000000) return 0x80000000
  return (bits & 0x80000000 ? ~bits : bits | 0x80000000) >>> 0
}

/** What the operation is called with: the first `count` in order are found. */
export interface Ordered {
  dim: number
  descending: boolean
  count: number
}

/** Where the first `count` in order are along dimension `dim`. */
function order(x: Tensor, dim: number, descending: boolean, count: number): Tensor {
  const sizes = reduceShape(x.shape, dim, dim)
  const shape = x.shape.map((size, d) => (d === dim ? count : size))
  const indices = computeInJavaScript([x], shape, (values) => places(values, sizes, descending, count))
  noteRecipe<Ordered>({ name: 'argsort' }, [x], { dim, descending, count }, indices)
  adopt(indices)
  return indices
}

function places(
  values: Float32Array,
  [outer, n, inner]: readonly [number, number, number],
  descending: boolean,
  count: number,
): Float32Array {
  const bits = new Uint32Array(values.buffer)
  const found = new Float32Array(outer * count * inner)
  // One number for each: the lower word is its place, which keeps equals in their order. WebAssembly's memory, and
  // so every machine that we run on, has the lower word first.
  const keys = new BigUint64Array(n)
  const words = new Uint32Array(keys.buffer)
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      for (let k = 0; k < n; k++) {
        const key = rank(bits[(o * n + k) * inner + i])
        words[2 * k] = k
        words[2 * k + 1] = descending ? ~key : key
      }
      keys.sort()
      for (let k = 0; k < count; k++) found[(o * count + k) * inner + i] = words[2 * k]
    }
  }
  return found
}

function checkSort(name: string, x: Tensor, options: SortOptions): { d: number; descending: boolean } {
  checkTensor(name, 'input', x)
  checkOptions(name, options, ['dim', 'descending', 'stable'])
  const { dim = -1, descending = false, stable = true } = options
  checkBoolean(name, 'descending', descending)
  checkBoolean(name, 'stable', stable)
  return { d: dimension(name, dim, x.shape.length), descending }
}

/** The picked values, beside where they were. */
function picked(x: Tensor, d: number, find: () => Tensor): Sorted {
  const [values, indices] = scoped(() => {
    const at = find()
    return [gather(x, d, at), at]
  })
  return { values, indices }
}

/**
 * The values in order along a dimension, and where they were. Equals stay in their order; NaN counts as the largest.
 * The values are read out to be compared. https://pytorch.org/docs/stable/generated/torch.sort.html
 *
 * @param x any shape
 * @param options dim, descending
 * @returns `{ values, indices }`, both of the shape of `x`
 * @throws {ArgumentError} for a dimension that is not there
 */
export function sort(x: Tensor, options: SortOptions = {}): Sorted {
  const { d, descending } = checkSort('sort', x, options)
  return picked(x, d, () => order(x, d, descending, x.shape[d] ?? 1))
}

/**
 * Where the values in order were along a dimension: the indices of `sort`.
 * https://pytorch.org/docs/stable/generated/torch.argsort.html
 *
 * @param x any shape
 * @param options dim, descending
 * @throws {ArgumentError} for a dimension that is not there
 */
export function argsort(x: Tensor, options: SortOptions = {}): Tensor {
  const { d, descending } = checkSort('argsort', x, options)
  return order(x, d, descending, x.shape[d] ?? 1)
}

/**
 * The `k` largest (or smallest) values along a dimension in order, and where they were. The first of equals come
 * first; NaN counts as the largest. The values are read out to be compared.
 * https://pytorch.org/docs/stable/generated/torch.topk.html
 *
 * @param x any shape
 * @param k how many, at most the dimension's size
 * @param options dim, largest
 * @returns `{ values, indices }`, both of the shape of `x` with `k` in dimension `dim`
 * @throws {ArgumentError} for more than there are, or a dimension that is not there
 */
export function topk(x: Tensor, k: number, options: TopkOptions = {}): Sorted {
  checkTensor('topk', 'input', x)
  checkNumber('topk', 'k', k, { least: 0, whole: true })
  checkOptions('topk', options, ['dim', 'largest', 'sorted'])
  const { dim = -1, largest = true, sorted = true } = options
  checkBoolean('topk', 'largest', largest)
  checkBoolean('topk', 'sorted', sorted)
  const d = dimension('topk', dim, x.shape.length)
  if (k > (x.shape[d] ?? 1)) {
    throw new ArgumentError(
      `topk: k is a whole number from 0 to the ${x.shape[d] ?? 1} of dimension ${d} of [${x.shape}], got ${k}`,
    )
  }
  return picked(x, d, () => order(x, d, largest, k))
}
