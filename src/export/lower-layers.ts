/** The operations of layers as calls of the file's functions. */
import { ArgumentError } from '../errors.js'
import { type Shape, sizeOf } from '../tensor/shape.js'
import { float, int, type Lowered, type Program, read, rowsOf, type Value, write } from './program.js'

type Pair = readonly [number, number]

const refused = ({ by, name }: Lowered, why: string) =>
  new ArgumentError(`${by}: the operation '${name}' ${why}, which has no form in a file`)

/** @throws {ArgumentError} for what depends on the input */
function constantOf(operation: Lowered, value: Value | undefined, what: string): Float32Array | undefined {
  if (value === undefined) return undefined
  if (!value.constant) throw refused(operation, `takes ${what} that depends on the input`)
  return value.constant.values
}

export function lowerConvolution(program: Program, operation: Lowered): void {
  const { name, attributes, given, y } = operation
  const { stride, before, dilation, groups } = attributes as {
    stride: Pair
    before: Pair
    dilation: Pair
    groups: number
  }
  const [x, w, b] = given
  const [n, c, height, width] = x.shape
  const [, oc, oh, ow] = y.shape
  const sizes = [n, c, height, width, oc, oh, ow, w.shape[2], w.shape[3]]
  const moves = [...stride, ...before, ...dilation, groups, c / groups, oc / groups]
  const kernel = name === 'conv2d' ? 'conv2d' : 'conv_transpose2d'
  const per = oc / groups
  const taps = sizeOf(w.shape.slice(2))
  // A transposed convolution's weight is [in, out of a group, …].
  const transposed = {
    count: oc,
    of: (i: number) => Math.floor(i / (taps * per * (c / groups))) * per + (Math.floor(i / taps) % per),
  }
  const { suffix, args } = program.weight(w, kernel === 'conv2d' ? rowsOf(w) : transposed)
  program.call(`${kernel}${suffix}`, read(x), ...args, read(b), write(y), ...[...sizes, ...moves].map(int))
}

export function lowerPool(program: Program, { name, attributes, given: [x], y }: Lowered): void {
  const { kernel, stride, padding, dilation, countIncludePad, divisorOverride } = attributes as {
    kernel: Pair
    stride: Pair
    padding: Pair
    dilation?: Pair
    countIncludePad?: boolean
    divisorOverride?: number
  }
  const planes = x.shape[0] * x.shape[1]
  const sizes = [planes, x.shape[2], x.shape[3], y.shape[2], y.shape[3], ...kernel, ...stride, ...padding]
  if (name === 'maxPool2d') {
    program.call('max_pool2d', read(x), write(y), ...[...sizes, ...(dilation ?? [1, 1])].map(int))
  } else {
    const more = [Number(countIncludePad ?? true), divisorOverride ?? 0]
    program.call('avg_pool2d', read(x), write(y), ...[...sizes, ...more].map(int))
  }
}

export function lowerNorm(program: Program, operation: Lowered): void {
  const { name, attributes, inputs, y } = operation
  const [x, weight, bias, mean, variance] = inputs
  if (!x) return
  const { eps } = attributes as { eps: number }
  if (name === 'batchNorm') {
    if ((attributes as { training: boolean }).training) {
      throw refused(operation, 'normalises with the batch (it has no running statistics)')
    }
    const [n, c] = x.shape
    const of = (value: Value | undefined) => constantOf(operation, value, 'a weight or statistics')
    const [gamma, beta, m, v] = [weight, bias, mean, variance].map(of)
    // In float64, rounded once.
    const scale = Float64Array.from(
      { length: c },
      (_, i) => (gamma?.[i] ?? 1) / Math.sqrt((v?.[i] ?? 1) + eps),
    )
    const shift = scale.map((s, i) => (beta?.[i] ?? 0) - (m?.[i] ?? 0) * s)
    const constants = [scale, shift].map((values) => ({
      shape: [c],
      constant: { values: Float32Array.from(values) },
    }))
    const sizes = [n, c, sizeOf(x.shape.slice(2))].map(int)
    program.call('affine', read(x), ...constants.map(read), write(y), ...sizes)
    return
  }
  const [rows, cols, inner, per, cycle] = normSizes(operation, x.shape)
  program.call(
    'normalise',
    read(x),
    read(weight),
    read(bias),
    write(y),
    ...[rows, cols, inner, per, cycle].map(int),
    float(eps),
  )
}

/** Rows, values of each, values that share a weight, weights of a row, and after how many they begin again. */
function normSizes({ name, attributes }: Lowered, shape: Shape): readonly number[] {
  if (name === 'layerNorm') {
    const { rows, cols } = attributes as { rows: number; cols: number }
    return [rows, cols, 1, cols, cols]
  }
  const { groups } = attributes as { groups: number }
  const [n, c] = shape
  const inner = sizeOf(shape.slice(2))
  return [n * groups, (c / groups) * inner, inner, c / groups, c]
}

export function lowerAttention(program: Program, operation: Lowered): void {
  const { attributes, inputs, y } = operation
  const [q, k, v, mask] = inputs
  const { batch, t, s, e, ev, causal, scale, p } = attributes as Readonly<Record<string, number>> & {
    causal: boolean
  }
  if (mask) throw refused(operation, 'takes a mask')
  if (p > 0) throw refused(operation, 'has dropout that counts in evaluation')
  const room = program.buffer([s])
  const sizes = [batch, t, s, e, ev, Number(causal)].map(int)
  program.call('attention', read(q), read(k), read(v), write(y), write(room), ...sizes, float(scale))
}

export function lowerRecurrent(program: Program, operation: Lowered): void {
  const { attributes, inputs, y } = operation
  const { cell, reverse } = attributes as { cell: string; reverse: boolean }
  const [x, weightIh, weightHh, biasIh, biasHh, h0, c0] = inputs
  if (!x || !weightIh || !weightHh) return
  const [t, n, features] = x.shape
  const [width, k] = weightHh.shape
  // The input's part of the gates, of all steps at once.
  const p = program.buffer([t * n, width])
  const ih = program.weight(weightIh, rowsOf(weightIh))
  const sizes = [t * n, features, width].map(int)
  program.call(`linear${ih.suffix}`, read(x), ...ih.args, read(biasIh), write(p), ...sizes)
  const hh = program.weight(weightHh, rowsOf(weightHh))
  const [h, c, q] = [[n, k], [n, k], [width]].map((shape) => program.buffer(shape))
  const kernel = cell === 'tanh' || cell === 'relu' ? `rnn_${cell}` : cell
  program.call(
    `${kernel}${hh.suffix}`,
    read(p),
    ...hh.args,
    read(biasHh),
    read(h0),
    read(c0),
    write(y),
    ...[h, c, q].map(write),
    ...[t, n, k, Number(reverse)].map(int),
  )
  if (cell !== 'lstm') return
  // Behind the states comes the last cell.
  const strides = [0, 0, 0, 0, 0, 1]
  const table = [0, t * n * k, 1, 1, 1, 1, 1, n * k, ...strides, ...strides]
  program.call('move', read(c), write(y), { ints: table })
}
