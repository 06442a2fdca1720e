/** Arguments of what picks, rearranges and scans, for grad-check.test.ts. */
import fc from 'fast-check'
import { arange, cat, nn, type Tensor, tensor } from 'simdgrad'

const { functional: F } = nn

/** As there: one function to check, with its inputs. */
interface Check {
  f: (...inputs: Tensor[]) => Tensor
  inputs: readonly (readonly [shape: readonly number[], kind: 'normal' | 'distinct'])[]
}

const between = (min: number, max: number) => fc.integer({ min, max })

/** A shape of at least one dimension, one of its dimensions, and a number to choose by. */
const along = fc
  .tuple(fc.array(between(1, 4), { minLength: 1, maxLength: 3 }), fc.nat(), fc.nat())
  .map(([shape, pick, seed]) => ({ shape, dim: pick % shape.length, seed }))

type Along = { shape: number[]; dim: number; seed: number }

const one = (f: (x: Tensor, at: Along) => Tensor, kind: 'normal' | 'distinct' = 'normal') =>
  along.map((at): Check => ({ f: (x) => f(x, at), inputs: [[at.shape, kind]] }))

/** Indices of a dimension, some of them twice. */
const indicesOf = ({ shape, dim, seed }: Along, count: number) =>
  Array.from({ length: count }, (_, i) => (seed + i * i) % shape[dim])

/** Indices of that shape along the dimension. */
const indexTensor = (at: Along) => {
  const size = at.shape.reduce((a, b) => a * b, 1)
  return tensor(indicesOf(at, size), { shape: at.shape })
}

/** Ways in which the same tensor comes back, each with weights of its own. */
const weighed = (parts: readonly Tensor[], dim: number) =>
  cat(
    parts.map((part, i) => part.mul(i + 1)),
    dim,
  )

export const INDEXING_METHODS: Readonly<Record<string, fc.Arbitrary<Check>>> = {
  at: one((x, { shape, dim, seed }) => {
    const ranges = shape.map((size, d): [number, number] | number =>
      d === dim ? seed % size : [0, 1 + (seed % size)],
    )
    return x.at(...ranges)
  }),
  gather: one((x, at) => x.gather(at.dim, indexTensor(at))),
  scatterAdd: along.map((at) => ({
    f: (x, src) => x.scatterAdd(at.dim, indexTensor(at), src),
    inputs: [
      [at.shape, 'normal'],
      [at.shape, 'normal'],
    ],
  })),
  indexSelect: one((x, at) => x.indexSelect(at.dim, indicesOf(at, 3))),
  flip: one((x, { dim }) => x.flip(dim)),
  split: one((x, { shape, dim, seed }) => weighed(x.split(1 + (seed % shape[dim]), dim), dim)),
  chunk: one((x, { dim, seed }) => weighed(x.chunk(1 + (seed % 3), dim), dim)),
  squeeze: one((x) => x.squeeze()),
  unsqueeze: one((x, { dim }) => x.unsqueeze(dim)),
  expand: one((x, { shape }) => x.unsqueeze(0).expand([2, ...shape])),
  repeat: one((x, { shape, seed }) => x.repeat(shape.map((_, d) => 1 + ((seed + d) % 2)))),
  tril: one((x, { shape, seed }) =>
    x
      .unsqueeze(0)
      .expand([3, ...shape])
      .tril((seed % 3) - 1),
  ),
  triu: one((x, { shape, seed }) =>
    x
      .unsqueeze(0)
      .expand([3, ...shape])
      .triu((seed % 3) - 1),
  ),
  cumsum: one((x, { dim }) => x.cumsum(dim)),
  prod: one((x, { dim, seed }) => (seed % 2 ? x.prod({ dim }) : x.prod())),
  sort: one((x, { dim, seed }) => x.sort({ dim, descending: seed % 2 === 0 }).values, 'distinct'),
  topk: one((x, { shape, dim, seed }) => x.topk(1 + (seed % shape[dim]), { dim }).values, 'distinct'),
}

/** No gradient flows to what they give, or to where it is. */
export const WITHOUT_GRADIENT = ['argmin', 'argsort']

export const INDEXING_FUNCTIONS: Readonly<Record<string, fc.Arbitrary<Check>>> = {
  stack: along.map(({ shape, dim }) => ({
    f: (a, b) => F.stack([a, b], dim),
    inputs: [
      [shape, 'normal'],
      [shape, 'normal'],
    ],
  })),
  einsum: fc.tuple(between(1, 4), between(1, 4), between(1, 4)).map(([i, j, k]) => ({
    f: (a, b) => F.einsum('ij,jk->ki', a, b),
    inputs: [
      [[i, j], 'normal'],
      [[j, k], 'normal'],
    ],
  })),
  embedding: fc.tuple(between(2, 5), between(1, 4)).map(([rows, columns]) => ({
    f: (weight) => F.embedding(tensor([0, 1, 1, rows - 1]), weight),
    inputs: [[[rows, columns], 'normal']],
  })),
  pad: fc
    .tuple(between(2, 4), between(2, 4), fc.constantFrom('constant', 'reflect', 'replicate'))
    .map(([h, w, mode]) => ({
      f: (x) => F.pad(x, mode === 'constant' ? [1, 2, -1, 1] : [1, 0], { mode }),
      inputs: [[mode === 'constant' ? [2, h, w] : [2, h, w], 'normal']],
    })),
  oneHot: fc.constant({
    f: (x: Tensor) => F.oneHot(arange(3), 3).mul(x),
    inputs: [[[3, 3], 'normal' as const]],
  }),
}
