/** The operations of layers as calls of the file's functions. */
import { ArgumentError } from '../errors.js'
import { broadcastStrides, type Shape, sizeOf } from '../tensor/shape.js'
import { float, int, ints, type Lowered, type Program, read, rowsOf, startsOf, write } from './program.js'

type Pair = readonly [number, number]

const refused = ({ by, name }: Lowered, why: string) =>
  new ArgumentError(`${by}: the operation '${name}' ${why}, which has no form in a file`)

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
  if (name !== 'avgPool2d') {
    const kernelName = name === 'maxPool2d' ? 'max_pool2d' : 'max_pool2d_indices'
    program.call(kernelName, read(x), write(y), ...[...sizes, ...(dilation ?? [1, 1])].map(int))
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
    const [n, c] = x.shape
    const sizes = [n, c, sizeOf(x.shape.slice(2))].map(int)
    if ((attributes as { training: boolean }).training) {
      program.call('normalise_batch', read(x), read(weight), read(bias), write(y), ...sizes, float(eps))
      return
    }
    if (!mean || !variance) return
    // What depends on the input, as in a net that makes its own statistics, is computed with there.
    if ([weight, bias, mean, variance].some((value) => value && !value.constant)) {
      const given = [weight, bias, mean, variance].map(read)
      program.call('normalise_by', read(x), ...given, write(y), ...sizes, float(eps))
      return
    }
    const [gamma, beta, m, v] = [weight, bias, mean, variance].map((value) => value?.constant?.values)
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
  const { batch, t, s, e, ev, causal, boolean, scale, p } = attributes as Readonly<Record<string, number>> & {
    causal: boolean
    boolean: boolean
  }
  if (p > 0) throw refused(operation, 'has dropout that counts in evaluation')
  const room = program.buffer([s])
  const sizes = [batch, t, s, e, ev, Number(causal)].map(int)
  const all = [read(q), read(k), read(v), write(y), write(room), ...sizes, float(scale)]
  if (!mask) {
    program.call('attention', ...all)
    return
  }
  const strides = broadcastStrides(mask.shape, [...y.shape.slice(0, -1), s])
  const starts = startsOf(y.shape.slice(0, -2), strides.slice(0, -2))
  program.call(
    'attention_masked',
    ...all,
    read(mask),
    int(Number(boolean)),
    ints([...strides.slice(-2), ...starts]),
  )
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
