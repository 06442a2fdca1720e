/**
 * Attributes of an operation that runs on several shards of a batch: they were made for the first shard, of which another
 * one may have one sample fewer. That is seen in one dimension of an input, in front or elsewhere.
 */
import { isPlainObject } from '../check.js'
import { AutogradError } from '../errors.js'
import { type Shape, sizeOf } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import type { Operation } from './operation.js'

/** Operations whose attributes say nothing of the number of samples. (Others have none, a number or a word.) */
const ANY_SIZE = [
  ...['permute', 'conv2d', 'convTranspose2d', 'maxPool2d', 'avgPool2d', 'batchNorm', 'groupNorm'],
  ...['crossEntropy', 'binaryCrossEntropy', 'embedding', 'dropout', 'recurrent', 'resample', 'triangle'],
]

/** In which dimension a shard has `mine` of what the first one has `first`. */
interface Odd {
  readonly dim: number
  readonly first: number
  readonly mine: number
  readonly firstShape: Shape
  readonly shape: Shape
}

/** Attributes of one operation, for a shard; undefined where nobody knows. */
type Resize = (attributes: never, odd: Odd) => unknown

const resized = (shape: Shape, dim: number, size: number): Shape =>
  shape.map((own, d) => (d === dim ? size : own))

const multiplied = (value: number, { first, mine }: Odd) => (value / first) * mine

/** What a reduction has (ops/reduce.ts). */
interface Reduction {
  first: number
  last: number
  kept: Shape
  shape: Shape
  scale?: number
}

function reduction(attributes: Reduction, { dim, first: rows, mine }: Odd): Reduction {
  const { first, last, kept, shape, scale = 1 } = attributes
  if (dim >= first && dim <= last) {
    // A mean is over this shard's samples.
    const own = scale !== 1 && mine > 0 ? 1 / ((Math.round(1 / scale) / rows) * mine) : scale
    return { ...attributes, ...('scale' in attributes && { scale: own }) }
  }
  const gone = shape.length === kept.length || dim < first ? 0 : last - first + 1
  return { ...attributes, kept: resized(kept, dim, mine), shape: resized(shape, dim - gone, mine) }
}

/** The samples come to lie in the first dimension behind which there is no more than one sample. */
function reshape(target: Shape, odd: Odd): Shape | undefined {
  const { dim, first, mine, firstShape } = odd
  // A shard has one sample fewer at most.
  const sample = (first - mine) * sizeOf(firstShape.slice(dim + 1))
  const fits = (d: number) => sizeOf(target.slice(d + 1)) <= sample
  // (Where there is just one, it could be anywhere.)
  const before = sizeOf(firstShape.slice(0, dim))
  const exact = (d: number) => target[d] === 1 && sizeOf(target.slice(0, d)) === before && fits(d)
  const at = target.findIndex((_, d) => (mine === 0 && dim > 0 ? exact(d) : fits(d)))
  const own = resized(target, at, multiplied(target[at] ?? 0, odd))
  return at >= 0 && own.every(Number.isInteger) && sizeOf(own) === sizeOf(odd.shape) ? own : undefined
}

const RESIZE: Readonly<Record<string, Resize>> = {
  reshape,
  sum: reduction,
  max: reduction,
  argmax: reduction,
  expand(target: Shape, { dim, first, mine, firstShape }: Odd) {
    const at = target.length - firstShape.length + dim
    return target[at] === first ? resized(target, at, mine) : undefined
  },
  slice(cut: { dim: number; start: number; end: number }, { dim, first, mine }: Odd) {
    if (cut.dim !== dim) return cut
    return cut.start === 0 && cut.end === first ? { ...cut, end: mine } : undefined
  },
  pad: (padding: { before: Shape; after: Shape }, { dim }: Odd) =>
    padding.before[dim] === 0 && padding.after[dim] === 0 ? padding : undefined,
  layerNorm: (sizes: { rows: number }, odd: Odd) => ({ ...sizes, rows: multiplied(sizes.rows, odd) }),
  // (The sizes of a mask may be the samples', or not.)
  scaledDotProductAttention: (sizes: { batch: number; dims: readonly Shape[] }, odd: Odd) =>
    sizes.dims[0].length === 0 ? { ...sizes, batch: multiplied(sizes.batch, odd) } : undefined,
}

/**
 * Those of a shard: a copy, for an operation may keep something in them.
 *
 * @param inputs of the first shard
 * @param own the shard's
 * @throws {AutogradError} for an operation of which nobody knows whether they are right for a shard of another size
 */
export function attributesOf<A>(
  { name }: Operation<A>,
  attributes: A,
  inputs: readonly (Tensor | undefined)[],
  own: readonly (Tensor | undefined)[],
): A {
  const copy = isPlainObject(attributes) ? { ...attributes } : attributes
  const odd = oddOf(inputs, own)
  if (!odd) return copy
  if (Object.hasOwn(RESIZE, name)) {
    const changed = RESIZE[name](copy as never, odd)
    if (changed !== undefined) return changed as A
  } else {
    const numbers = Array.isArray(attributes) && attributes.length === 2
    if (Object(attributes) !== attributes || numbers || ANY_SIZE.includes(name)) return copy
  }
  throw new AutogradError(
    `in deterministic training the shards of a batch are computed at once, and where they do not come out even some have a sample fewer, with which '${name}' is not known to be right; take a batch size that the shards divide, and dropLast where the last batch is smaller`,
  )
}

function oddOf(
  inputs: readonly (Tensor | undefined)[],
  own: readonly (Tensor | undefined)[],
): Odd | undefined {
  for (const [i, x] of inputs.entries()) {
    const shape = own[i]?.shape
    if (!x || !shape) continue
    const dim = x.shape.findIndex((size, d) => size !== shape[d])
    if (dim >= 0) return { dim, first: x.shape[dim], mine: shape[dim], firstShape: x.shape, shape }
  }
  return undefined
}
