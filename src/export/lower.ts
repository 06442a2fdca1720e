/** Each operation as calls of the file's functions. */
import { ArgumentError } from '../errors.js'
import { broadcastStrides, type Shape, sameShape, sizeOf, stridesOf } from '../tensor/shape.js'
import { each, isBinary, isUnary, numbersOf } from './kernels-elementwise.js'
import { LOWER_INDICES } from './lower-indices.js'
import { lowerAttention, lowerConvolution, lowerNorm, lowerPool, lowerRecurrent } from './lower-layers.js'
import {
  float,
  int,
  ints,
  type Lowered,
  type Program,
  padded,
  read,
  rowsOf,
  startsOf,
  type Value,
  write,
} from './program.js'

type Lower = (program: Program, operation: Lowered) => void

/** Of an operation that names its attributes so. */
const attributesOf = <A>({ attributes }: Lowered) => attributes as A

/** @throws {ArgumentError} for more dimensions than the file's loops have */
function move(
  program: Program,
  { by, name }: Lowered,
  x: Value,
  y: Value,
  shape: Shape,
  [from, to]: readonly [
    readonly [start: number, strides: readonly number[]],
    readonly [number, readonly number[]],
  ],
): void {
  const who = `${by}: '${name}'`
  const [sizes, x0, y0] = [padded(who, shape, 1), padded(who, from[1], 0), padded(who, to[1], 0)]
  program.call('move', read(x), write(y), ints([from[0], to[0], ...sizes, ...x0, ...y0]))
}

const binary: Lower = (program, operation) => {
  const { name, given, y, by } = operation
  const [a, b] = given
  if (sameShape(a.shape, y.shape) && sameShape(b.shape, y.shape)) {
    program.call(each(name), read(a), read(b), write(y), int(sizeOf(y.shape)))
    return
  }
  const of = (x: Value) => padded(by, broadcastStrides(x.shape, y.shape), 0)
  const table = [...padded(`${by}: '${name}'`, y.shape, 1), ...of(a), ...of(b)]
  program.call(`${each(name)}_broadcast`, read(a), read(b), write(y), ints(table))
}

const unary: Lower = (program, { name, given: [x], attributes, y }) => {
  const numbers = name === 'pow' ? [attributes as number, 0] : (attributes as readonly number[])
  const more = numbersOf(name).map((_, i) => float(numbers[i]))
  program.call(each(name), read(x), write(y), int(sizeOf(y.shape)), ...more)
}

const reduce =
  (kernel: string): Lower =>
  (program, operation) => {
    const { first, last, scale } = attributesOf<{ first: number; last: number; scale?: number }>(operation)
    const [x] = operation.given
    const sizes = [x.shape.slice(0, first), x.shape.slice(first, last + 1), x.shape.slice(last + 1)]
    const more = scale === undefined ? [] : [float(scale)]
    program.call(kernel, read(x), write(operation.y), ...sizes.map((part) => int(sizeOf(part))), ...more)
  }

const rowwise =
  (kernel: string): Lower =>
  (program, { given: [x], y }) => {
    const cols = y.shape.at(-1) ?? 1
    program.call(kernel, read(x), write(y), int(sizeOf(y.shape) / cols), int(cols))
  }

const LOWER: Readonly<Record<string, Lower>> = {
  linear(program, { given: [x, w, b], y }) {
    const { suffix, args } = program.weight(w, rowsOf(w))
    const [n, k] = w.shape
    program.call(`linear${suffix}`, read(x), ...args, read(b), write(y), int(x.shape[0]), int(k), int(n))
  },
  matmul(program, { given: [a, b], y }) {
    const batch = y.shape.slice(0, -2)
    const [m, n] = y.shape.slice(-2)
    const [left, right] = [a, b].map(({ shape }) => {
      const matrix = sizeOf(shape.slice(-2))
      return startsOf(
        batch,
        broadcastStrides(shape.slice(0, -2), batch).map((stride) => stride * matrix),
      )
    })
    const count = sizeOf(batch)
    const table = left.flatMap((start, e) => [start, right[e]])
    const sizes = [count, m, a.shape.at(-1) ?? 1, n].map(int)
    program.call('matmul', read(a), read(b), write(y), ...sizes, ints(table))
  },
  resample(program, operation) {
    const { dim, outputs } = attributesOf<{ dim: number; outputs: number }>(operation)
    const [x, matrix] = operation.given
    const inner = sizeOf(x.shape.slice(dim + 1))
    const sizes = [sizeOf(x.shape.slice(0, dim)), x.shape[dim], inner, outputs].map(int)
    program.call('resample', read(x), read(matrix), write(operation.y), ...sizes)
  },
  permute(program, operation) {
    const order = attributesOf<readonly number[]>(operation)
    const [x] = operation.given
    const strides = stridesOf(x.shape)
    const from = [0, order.map((d) => strides[d])] as const
    move(program, operation, x, operation.y, operation.y.shape, [from, [0, stridesOf(operation.y.shape)]])
  },
  slice(program, operation) {
    const { dim, start } = attributesOf<{ dim: number; start: number }>(operation)
    const [x] = operation.given
    const strides = stridesOf(x.shape)
    const { y } = operation
    move(program, operation, x, y, y.shape, [
      [start * strides[dim], strides],
      [0, stridesOf(y.shape)],
    ])
  },
  at(program, operation) {
    const { start, strides } = attributesOf<{ start: number; strides: readonly number[] }>(operation)
    const { y } = operation
    move(program, operation, operation.given[0], y, y.shape, [
      [start, strides],
      [0, stridesOf(y.shape)],
    ])
  },
  expand(program, operation) {
    const [x] = operation.given
    const { y } = operation
    move(program, operation, x, y, y.shape, [
      [0, broadcastStrides(x.shape, y.shape)],
      [0, stridesOf(y.shape)],
    ])
  },
  clone(program, operation) {
    const { y } = operation
    move(program, operation, operation.given[0], y, y.shape, [
      [0, stridesOf(y.shape)],
      [0, stridesOf(y.shape)],
    ])
  },
  cat(program, operation) {
    const dim = attributesOf<number>(operation)
    const { y } = operation
    const strides = stridesOf(y.shape)
    let start = 0
    for (const x of operation.given) {
      if (sizeOf(x.shape) > 0) {
        const from = [0, stridesOf(x.shape)] as const
        move(program, operation, x, y, x.shape, [from, [start, strides]])
      }
      start += x.shape[dim] * strides[dim]
    }
  },
  pad(program, operation) {
    const { before, after, value } = attributesOf<{
      before: readonly number[]
      after: readonly number[]
      value: number
    }>(operation)
    const [x] = operation.given
    const { y } = operation
    program.call('fill', write(y), int(sizeOf(y.shape)), float(value))
    const shape = x.shape.map((size, d) => size + Math.min(0, before[d]) + Math.min(0, after[d]))
    const place = (of: Value, sign: number) => {
      const strides = stridesOf(of.shape)
      return [strides.reduce((at, s, d) => at + s * Math.max(0, sign * before[d]), 0), strides] as const
    }
    move(program, operation, x, y, shape, [place(x, -1), place(y, 1)])
  },
  where(program, { given, y, by }) {
    const of = (x: Value) => padded(by, broadcastStrides(x.shape, y.shape), 0)
    const table = [...padded(`${by}: 'where'`, y.shape, 1), ...given.flatMap(of)]
    program.call('where', ...given.map(read), write(y), ints(table))
  },
  sum: reduce('sum'),
  max: reduce('max'),
  argmax: reduce('argmax'),
  softmax: rowwise('softmax'),
  logSoftmax: rowwise('log_softmax'),
  embedding(program, { given: [x, w], y }) {
    const { suffix, args } = program.weight(w, rowsOf(w))
    const [rows, width] = w.shape
    program.call(`embedding${suffix}`, read(x), ...args, write(y), ...[sizeOf(x.shape), width, rows].map(int))
  },
  conv2d: lowerConvolution,
  convTranspose2d: lowerConvolution,
  maxPool2d: lowerPool,
  maxPoolIndices: lowerPool,
  avgPool2d: lowerPool,
  batchNorm: lowerNorm,
  groupNorm: lowerNorm,
  layerNorm: lowerNorm,
  scaledDotProductAttention: lowerAttention,
  recurrent: lowerRecurrent,
  ...LOWER_INDICES,
}

/** Writes an operation down. @throws {ArgumentError} for one that has no form in a file */
export function lower(program: Program, operation: Lowered): void {
  const { name, by } = operation
  const known = Object.hasOwn(LOWER, name)
    ? LOWER[name]
    : isUnary(name)
      ? unary
      : isBinary(name)
        ? binary
        : undefined
  if (!known) throw noForm(by, name)
  known(program, operation)
}

/** What is said of an operation without a form. */
export function noForm(by: string, name: string, why = ''): ArgumentError {
  return new ArgumentError(
    `${by}: the operation '${name}'${why} has no form in a file; compute what it gives before or after the net, or in other operations`,
  )
}
