/** What picks elements by index along a dimension, and what sums them there. Indices are whole numbers. */
import {
  gatherBackward,
  gatherForward,
  indexSelectBackward,
  indexSelectForward,
} from '../../bindings/kernels.generated.js'
import { accepts } from '../../bindings/recording.js'
import { kindOf } from '../../check.js'
import { ArgumentError, ShapeError } from '../../errors.js'
import { fromValues } from '../../tensor/create.js'
import { scoped } from '../../tensor/scope.js'
import { dimension, reduceShape, type Shape } from '../../tensor/shape.js'
import { Tensor } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { defineOperation, unchanged } from '../operation.js'
import { run } from '../tape.js'
import { add } from './arithmetic.js'
import { padTo } from './pad-constant.js'
import { reshape, slice } from './rearrange.js'

/** Indices: a tensor of whole numbers, or a list of them. */
export type IndexList = Tensor | ArrayLike<number>

const isNone = (bad: number) => bad < 0

/** @throws {ArgumentError} where a kernel found an index that is no element of `size`, at place `bad` of `index` */
export function checkFound(operation: string, bad: number, index: Tensor, size: number, where: string): void {
  if (accepts(bad, isNone)) return
  const place: number[] = []
  let rest = bad
  for (let d = index.shape.length - 1; d >= 0; d--) {
    place.unshift(rest % index.shape[d])
    rest = Math.floor(rest / index.shape[d])
  }
  const expected =
    size > 0 ? `expected a whole number from 0 to ${size - 1}` : 'there is nothing to pick from'
  throw new ArgumentError(
    `${operation}: index ${place.length === 1 ? place[0] : `[${place}]`} is ${index.storage.readFloat(bad)}, ${expected} (${where})`,
  )
}

/** An unrecorded tensor of a list of indices, to be released after its use. @throws {ArgumentError} for no list */
export function indexTensor(operation: string, index: IndexList): Tensor {
  if (index instanceof Tensor) return index.detach()
  const numbers = ArrayBuffer.isView(index)
    ? 'length' in index && !(index instanceof BigInt64Array) && !(index instanceof BigUint64Array)
    : Array.isArray(index) && index.every((at) => typeof at === 'number')
  if (!numbers) {
    throw new ArgumentError(
      `${operation}: the indices are a tensor or an array of whole numbers, got ${kindOf(index)}`,
    )
  }
  return fromValues(index, [index.length])
}

const indexSelectOperation = defineOperation<number>({
  name: 'indexSelect',
  inputs: { x: 'rows', index: 'rows' },
  output: 'rows',
  gradients: { x: ['index'] },
  shape: ([x, index], dim) => x.shape.map((size, d) => (d === dim ? index.size : size)),
  forward({ inputs: [x, index], output, attributes: dim }) {
    const [outer, n, inner] = reduceShape(x.shape, dim, dim)
    const arrays = { x: x.storage, index: index.storage, y: output.storage }
    const bad = indexSelectForward({ outer, n, inner, count: index.size, ...arrays })
    checkFound('indexSelect', bad, index, n, `dimension ${dim} of [${x.shape}]`)
  },
  repeats: unchanged,
  backward(call) {
    const dx = call.gradient(0)
    if (!dx) return
    const [, index] = call.inputs
    const [outer, n, inner] = reduceShape(dx.shape, call.attributes, call.attributes)
    const arrays = { dy: call.dy.storage, index: index.storage, dx: dx.storage }
    indexSelectBackward({ outer, n, inner, count: index.size, ...arrays })
  },
})

/**
 * The slices `index` of dimension `dim`, in that order. A copy.
 * https://pytorch.org/docs/stable/generated/torch.index_select.html
 *
 * @param x of at least one dimension
 * @param dim the dimension; −1 is the last
 * @param index [count], a tensor or an array of whole numbers from 0 to below the dimension's size
 * @returns the shape of `x` with `count` in dimension `dim`
 * @throws {ShapeError} for indices of another shape, or an `x` of no dimension
 * @throws {ArgumentError} for an index that is not there, which the message names, before anything is computed
 */
export function indexSelect(x: Tensor, dim: number, index: IndexList): Tensor {
  checkTensor('indexSelect', 'input', x)
  const d = dimension('indexSelect', dim, x.shape.length)
  if (x.shape.length === 0) {
    throw new ShapeError('indexSelect: a tensor of no dimension has nothing to pick from')
  }
  const own = indexTensor('indexSelect', index)
  try {
    if (own.shape.length !== 1) {
      throw new ShapeError(
        `indexSelect: expected indices of shape [count], got [${own.shape}]; flatten them, or use gather`,
      )
    }
    return run(indexSelectOperation, [x, own], d)
  } finally {
    own.release()
  }
}

/**
 * The elements in opposite order along some dimensions. A copy.
 * https://pytorch.org/docs/stable/generated/torch.flip.html
 *
 * @param x any shape
 * @param dims a dimension or several; −1 is the last
 * @throws {ArgumentError} for a dimension that is not there, or is named twice
 */
export function flip(x: Tensor, dims: number | readonly number[]): Tensor {
  checkTensor('flip', 'input', x)
  const named = Array.isArray(dims) ? dims : [dims as number]
  const found = named.map((d) => dimension('flip', d, x.shape.length))
  if (new Set(found).size !== found.length) {
    throw new ArgumentError(`flip: a dimension is named twice in [${named}]`)
  }
  // There is nothing to turn round.
  if (x.shape.length === 0 || found.length === 0) return reshape(x, x.shape)
  return scoped(() =>
    found.reduce((y, d) => {
      const n = x.shape[d]
      return indexSelect(
        y,
        d,
        Float32Array.from({ length: n }, (_, i) => n - 1 - i),
      )
    }, x),
  )
}

/** Sizes of a call along dimension `dim`: of what is picked from, and how many are picked. */
function sizes(dim: number, from: Shape, index: Shape) {
  const [outer, n, inner] = reduceShape(from, dim, dim)
  return { outer, n, inner, count: reduceShape(index, dim, dim)[1] }
}

const gatherOperation = defineOperation<number>({
  name: 'gather',
  inputs: { x: 'rows', index: 'rows' },
  output: 'rows',
  gradients: { x: ['index'] },
  shape: ([, index]) => index.shape,
  forward({ inputs: [x, index], output, attributes: dim }) {
    const bad = gatherForward({
      x: x.storage,
      index: index.storage,
      y: output.storage,
      ...sizes(dim, x.shape, index.shape),
    })
    checkFound('gather', bad, index, x.shape[dim] ?? 1, `dimension ${dim}`)
  },
  repeats: unchanged,
  backward(call) {
    const dx = call.gradient(0)
    if (!dx) return
    const [, index] = call.inputs
    gatherBackward({
      dy: call.dy.storage,
      index: index.storage,
      dx: dx.storage,
      ...sizes(call.attributes, dx.shape, index.shape),
    })
  },
})

/** @throws {ShapeError} unless `index` has as many dimensions as `shape`, none but `dim` of which is larger */
function checkIndexShape(name: string, what: string, index: Tensor, shape: Shape, dim: number): void {
  const fits =
    index.shape.length === shape.length && index.shape.every((size, d) => d === dim || size <= shape[d])
  if (!fits) {
    throw new ShapeError(
      `${name}: the index [${index.shape}] must have the dimensions of the ${what} [${shape}], and be no larger${dim < 0 ? '' : ` but in dimension ${dim}`}`,
    )
  }
}

/** The first part of `x`, as large as `shape` in all dimensions but `dim`. */
function firstPart(x: Tensor, shape: Shape, dim: number): Tensor {
  return shape.reduce((y, size, d) => (d === dim || size === y.shape[d] ? y : slice(y, d, 0, size)), x)
}

/**
 * Picks along one dimension, with an index for each element: `y[i][j] = x[index[i][j]][j]` for `dim` 0,
 * `x[i][index[i][j]]` for 1, and so on.
 * https://pytorch.org/docs/stable/generated/torch.gather.html
 *
 * @param x any shape
 * @param dim the dimension; −1 is the last
 * @param index whole numbers, of as many dimensions as `x`; no larger than it but in dimension `dim`
 * @returns the shape of `index`
 * @throws {ShapeError} for an index of another shape
 * @throws {ArgumentError} for an index that is not there, which the message names, before anything is computed
 */
export function gather(x: Tensor, dim: number, index: Tensor): Tensor {
  checkTensor('gather', 'input', x)
  const d = dimension('gather', dim, x.shape.length)
  checkTensor('gather', 'index', index)
  checkIndexShape('gather', 'input', index, x.shape, d)
  const whole = index.shape.every((size, k) => k === d || size === x.shape[k])
  if (whole) return run(gatherOperation, [x, index], d)
  return scoped(() => run(gatherOperation, [firstPart(x, index.shape, d), index], d))
}

/** Sums into zeros: the opposite of gather. */
const scatterOperation = defineOperation<{ dim: number; n: number }>({
  name: 'scatterAdd',
  inputs: { src: 'rows', index: 'rows' },
  output: 'rows',
  gradients: { src: ['index'] },
  shape: ([src], { dim, n }) => src.shape.map((size, d) => (d === dim ? n : size)),
  forward({ inputs: [src, index], output, attributes: { dim, n } }) {
    const bad = gatherBackward({
      dy: src.storage,
      index: index.storage,
      dx: output.storage,
      ...sizes(dim, output.shape, index.shape),
    })
    checkFound('scatterAdd', bad, index, n, `dimension ${dim}`)
  },
  repeats: unchanged,
  backward(call) {
    const dsrc = call.gradient(0)
    if (!dsrc) return
    const [, index] = call.inputs
    gatherForward({
      x: call.dy.storage,
      index: index.storage,
      y: dsrc.storage,
      ...sizes(call.attributes.dim, call.dy.shape, index.shape),
    })
  },
})

/**
 * `x` with the elements of `src` added where `index` says: `y[index[i][j]][j] += src[i][j]` for `dim` 0,
 * `y[i][index[i][j]] += src[i][j]` for 1, and so on. Several that meet are summed in the order of `src`.
 * https://pytorch.org/docs/stable/generated/torch.Tensor.scatter_add_.html (which changes `x`; this does not)
 *
 * @param x any shape
 * @param dim the dimension; −1 is the last
 * @param index whole numbers, of as many dimensions as `x`; no larger than it but in dimension `dim`
 * @param src at least as large as `index` in every dimension; what is beyond it is left out
 * @returns the shape of `x`
 * @throws {ShapeError} for an index or source of another shape
 * @throws {ArgumentError} for an index that is not there, which the message names, before anything is computed
 */
export function scatterAdd(x: Tensor, dim: number, index: Tensor, src: Tensor): Tensor {
  checkTensor('scatterAdd', 'input', x)
  const d = dimension('scatterAdd', dim, x.shape.length)
  checkTensor('scatterAdd', 'index', index)
  checkTensor('scatterAdd', 'source', src)
  checkIndexShape('scatterAdd', 'input', index, x.shape, d)
  checkIndexShape('scatterAdd', 'source', index, src.shape, -1)
  return scoped(() => {
    const n = x.shape[d] ?? 1
    const sums = run(scatterOperation, [firstPart(src, index.shape, -1), index], { dim: d, n })
    return add(x, padTo(sums, x.shape))
  })
}
