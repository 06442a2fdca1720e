/** The operations that pick, sort and count as calls of the file's functions. */
import type { Ordered } from '../autograd/ops/sort.js'
import { reduceShape, sizeOf } from '../tensor/shape.js'
import { int, type Lowered, type Program, read, write } from './program.js'

type Lower = (program: Program, operation: Lowered) => void

/** By an index for each element, or one for each slice, along a dimension. */
const picks =
  (kernel: string): Lower =>
  (program, { attributes, given: [x, index], y }) => {
    const dim = attributes as number
    const sizes = [...reduceShape(x.shape, dim, dim), reduceShape(y.shape, dim, dim)[1]]
    program.call(kernel, read(x), read(index), write(y), ...sizes.map(int))
  }

export const LOWER_INDICES: Readonly<Record<string, Lower>> = {
  gather: picks('gather'),
  indexSelect: picks('index_select'),
  scatterAdd(program, { attributes, given: [x, index], y }) {
    const { dim } = attributes as { dim: number }
    const [outer, count, inner] = reduceShape(x.shape, dim, dim)
    const [, n] = reduceShape(y.shape, dim, dim)
    program.call('scatter_add', read(x), read(index), write(y), ...[outer, n, inner, count].map(int))
  },
  cumsum(program, { attributes, given: [x], y }) {
    const dim = attributes as number
    program.call('cumsum', read(x), write(y), ...reduceShape(x.shape, dim, dim).map(int))
  },
  triangle(program, { attributes, given: [x], y }) {
    const { upper, diagonal } = attributes as { upper: boolean; diagonal: number }
    const [rows, cols] = x.shape.slice(-2)
    const sizes = [sizeOf(x.shape.slice(0, -2)), rows, cols, Number(upper), diagonal]
    program.call('triangle', read(x), write(y), ...sizes.map(int))
  },
  argsort(program, { attributes, given: [x], y }) {
    const { dim, descending, count } = attributes as Ordered
    const [outer, n, inner] = reduceShape(x.shape, dim, dim)
    const room = program.buffer([n])
    const sizes = [outer, n, inner, count, Number(descending)]
    program.call('argsort', read(x), write(y), write(room), ...sizes.map(int))
  },
  oneHot(program, { attributes, given: [x], y }) {
    program.call('one_hot', read(x), write(y), int(sizeOf(x.shape)), int(attributes as number))
  },
  lastOnes(program, { given: [x], y }) {
    const cols = x.shape.at(-1) ?? 1
    program.call('last_ones', read(x), write(y), int(sizeOf(x.shape) / cols), int(cols))
  },
}
