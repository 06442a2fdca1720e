/** Methods of Tensor that pick, rearrange and scan. They are added as those in methods.ts are. */
import type { Shape } from '../tensor/shape.js'
import { addMethods } from './add-methods.js'
import { at, type IndexItem } from './ops/at.js'
import { cumsum } from './ops/cumsum.js'
import { expand, repeat } from './ops/expand.js'
import { flip, gather, type IndexList, indexSelect, scatterAdd } from './ops/indexing.js'
import { chunk, split, squeeze, unsqueeze } from './ops/joining.js'
import { type ProdOptions, prod } from './ops/prod.js'
import { argmin, type ReduceOptions } from './ops/reduce.js'
import { argsort, type Sorted, type SortOptions, sort, type TopkOptions, topk } from './ops/sort.js'
import { tril, triu } from './ops/triangle.js'

declare module '../tensor/tensor.js' {
  interface Tensor {
    /**
     * The part that NumPy's square brackets give: `x.at(0, [1, 3], null, -1)` or `x.at('0, 1:3, :, -1')` is
     * `x[0, 1:3, :, -1]`. A copy. (Named after the method of JavaScript's arrays that also counts from the end.)
     * https://numpy.org/doc/stable/user/basics.indexing.html
     *
     * @param indices one for each dimension; what is missing at the end, or in the place of `'...'`, is taken whole.
     *   A number (−1 is the last) drops its dimension; a range `[start, end, step]` is Python's, `[null, null, -1]`
     *   turns it round; null is all; `'newaxis'` is a new dimension of size 1; text is as in Python
     * @throws {ShapeError} for more indices than dimensions
     * @throws {ArgumentError} for a number that is out of range, a step of 0, or what is no index
     */
    at(...indices: IndexItem[]): Tensor
    /**
     * Picks along dimension `dim`, with an index for each element of the result, which has the shape of `index`.
     * https://pytorch.org/docs/stable/generated/torch.gather.html
     *
     * @param index whole numbers, of as many dimensions; no larger than this tensor but in dimension `dim`
     * @throws {ShapeError} for an index of another shape
     * @throws {ArgumentError} for an index that is not there, which the message names
     */
    gather(dim: number, index: Tensor): Tensor
    /**
     * A copy with the elements of `src` added where `index` says along dimension `dim`, the opposite of `gather`.
     * https://pytorch.org/docs/stable/generated/torch.scatter_add.html
     *
     * @param index whole numbers, as of `gather`
     * @param src at least as large as `index` in every dimension
     * @throws {ShapeError} for an index or source of another shape
     * @throws {ArgumentError} for an index that is not there, which the message names
     */
    scatterAdd(dim: number, index: Tensor, src: Tensor): Tensor
    /**
     * The slices `index` of dimension `dim`, in that order.
     * https://pytorch.org/docs/stable/generated/torch.index_select.html
     *
     * @param index [count], a tensor or an array of whole numbers
     * @throws {ShapeError} for indices of another shape
     * @throws {ArgumentError} for an index that is not there, which the message names
     */
    indexSelect(dim: number, index: IndexList): Tensor
    /** A copy with the opposite order along dimension `dims`, or several. @throws {ArgumentError} for one that is not there */
    flip(dims: number | readonly number[]): Tensor
    /** Parts of one size along dimension `dim` (default 0), or of the given `sizes`; copies. @throws {ShapeError} for sizes with another sum */
    split(sizes: number | readonly number[], dim?: number): Tensor[]
    /** As many parts as `chunks` along dimension `dim` (default 0), or fewer; copies. @throws {ArgumentError} for a dimension that is not there */
    chunk(chunks: number, dim?: number): Tensor[]
    /** The same values without dimensions of size 1: all, or `dim`, or several. @throws {ArgumentError} for one that is not there */
    squeeze(dim?: number | readonly number[]): Tensor
    /** The same values with a new dimension of size 1 at `dim`; −1 is the last. @throws {ArgumentError} for one that the result does not have */
    unsqueeze(dim: number): Tensor
    /** A copy, repeated to `shape` along dimensions of size 1 and new ones at the front; −1 leaves a size. @throws {ShapeError} where it does not fit */
    expand(shape: Shape): Tensor
    /** A copy, as often along each dimension as `sizes` say. @throws {ArgumentError} for fewer numbers than dimensions */
    repeat(sizes: readonly number[]): Tensor
    /** The lower triangle of each matrix, up to a `diagonal` (default 0); 0 elsewhere. @throws {ShapeError} for less than two dimensions */
    tril(diagonal?: number): Tensor
    /** The upper triangle of each matrix, from a `diagonal` (default 0) on; 0 elsewhere. @throws {ShapeError} for less than two dimensions */
    triu(diagonal?: number): Tensor
    /** Each element and all before it along dimension `dim`, summed. @throws {ArgumentError} for one that is not there */
    cumsum(dim: number): Tensor
    /** The product over one dimension, or all; its gradient is exact with zeros too. @throws {ArgumentError} for a dimension that is not there */
    prod(options?: ProdOptions): Tensor
    /** The index of the smallest value (the first of equals) over one dimension, or in the flattened tensor; errors as of `max`. */
    argmin(options?: ReduceOptions): Tensor
    /**
     * The values in order along a dimension (default the last), and where they were; equals stay in their order.
     * https://pytorch.org/docs/stable/generated/torch.sort.html
     *
     * @returns `{ values, indices }`
     * @throws {ArgumentError} for a dimension that is not there
     */
    sort(options?: SortOptions): Sorted
    /** The indices of `sort`. @throws {ArgumentError} for a dimension that is not there */
    argsort(options?: SortOptions): Tensor
    /**
     * The `k` largest (or smallest) values along a dimension (default the last) in order, and where they were.
     * https://pytorch.org/docs/stable/generated/torch.topk.html
     *
     * @returns `{ values, indices }`
     * @throws {ArgumentError} for more than there are, or a dimension that is not there
     */
    topk(k: number, options?: TopkOptions): Sorted
  }
}

const OPERATIONS = {
  at,
  gather,
  scatterAdd,
  indexSelect,
  flip,
  split,
  chunk,
  squeeze,
  unsqueeze,
  expand,
  repeat,
  tril,
  triu,
  cumsum,
  prod,
  argmin,
  sort,
  argsort,
  topk,
} as const

addMethods(OPERATIONS)
