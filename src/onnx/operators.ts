/**
 * What each operation is in ONNX: one table. Forms are those of opset 17; where a later one says it otherwise, both are
 * written. https://onnx.ai/onnx/operators/
 */
import type { PlainReduction, TakenRange } from './attributes.js'
import { plus, type Size, type Sizes, sameSize } from './formula.js'
import { float } from './messages.js'
import { attentionOf } from './operators-attention.js'
import { AVERAGES, batchNormOf, groupNormOf, layerNormOf } from './operators-layers.js'
import { argsortOf, lastOnesOf, maxPoolIndicesOf, oneHotOf } from './operators-order.js'
import { recurrentOf } from './operators-recurrent.js'
import { NONE, type Writer } from './writer.js'
import type { Written } from './written.js'

/** Writes an operation; gives the name of its result. */
type Form = (written: Written<never>) => string

/** A table's row, with its attributes. */
const form = <A>(write: (written: Written<A>) => string): Form => write as unknown as Form

/** One node, of the same inputs. */
const plain = (opType: string): Form =>
  form(({ w, step, in: name }) =>
    w.add(
      opType,
      step.inputs.map((_, i) => name(i)),
    ),
  )

/** A function of the elements, of whose numbers the first may be an attribute. */
const unary = (opType: string, attribute?: string): Form =>
  form<readonly [number, number]>(({ w, in: name, attributes: [first] }) =>
    w.add(opType, [name(0)], attribute ? { [attribute]: float(first) } : {}),
  )

const compare = (opType: string): Form =>
  form(({ w, in: name }) => w.fromBoolean(w.add(opType, [name(0), name(1)])))

/** Axes are an input since opset 13 (sums) or 18 (all others). */
function reduce({ w, in: name }: Written, opType: string, { dims, keepdim }: PlainReduction<Size>): string {
  const keepdims = Number(keepdim)
  if (dims.length === 0) return name(0)
  return opType === 'ReduceSum' || w.opset >= 18
    ? w.add(opType, [name(0), w.ints(dims)], { keepdims })
    : w.add(opType, [name(0)], { axes: dims, keepdims })
}

interface Convolution {
  stride: readonly number[]
  before: readonly number[]
  after: readonly number[]
  dilation: readonly number[]
  groups: number
}

const conv = form<Convolution>(({ w, step, in: name, sizes, fixed, attributes }) => {
  const { stride, before, after, dilation, groups } = attributes
  return w.add('Conv', [name(0), name(1), step.inputs[2] ? name(2) : NONE], {
    kernel_shape: sizes(1).slice(2).map(fixed),
    strides: stride,
    pads: [...before, ...after],
    dilations: dilation,
    group: groups,
  })
})

/** An output padding is what is not cut off; where there is more of it, rows and columns of zeros. */
const convTranspose = form<Convolution & { outputPadding: readonly number[] }>(
  ({ w, step, in: name, sizes, fixed, attributes }) => {
    const { stride, before, after, dilation, groups, outputPadding } = attributes
    const more = outputPadding.map((size, d) => Math.max(0, size - after[d]))
    const padded = more.some((size) => size > 0)
    const y = w.add('ConvTranspose', [name(0), name(1), step.inputs[2] && !padded ? name(2) : NONE], {
      kernel_shape: sizes(1).slice(2).map(fixed),
      strides: stride,
      pads: [...before, ...after.map((size, d) => Math.max(0, size - outputPadding[d]))],
      dilations: dilation,
      group: groups,
    })
    if (!padded) return y
    const whole = w.add('Pad', [y, w.ints([0, 0, 0, 0, 0, 0, ...more])], { mode: 'constant' })
    if (!step.inputs[2]) return whole
    const channels = fixed(step.shape[1])
    return w.add('Add', [whole, w.reshape(name(2), [channels], [channels, 1, 1])])
  },
)

/** The bounds of a part: as far as the end where that is the end. */
function cut(
  w: Writer,
  x: string,
  cuts: readonly { dim: number; start: Size; end: Size; size: Size; step?: number }[],
): string {
  if (cuts.length === 0) return x
  const end = (one: (typeof cuts)[number]): Size => (sameSize(one.end, one.size) ? 2 ** 31 - 1 : one.end)
  return w.add('Slice', [
    x,
    w.sizes(cuts.map(({ start }) => start)),
    w.sizes(cuts.map(end)),
    w.ints(cuts.map(({ dim }) => dim)),
    ...(cuts.some(({ step = 1 }) => step !== 1) ? [w.ints(cuts.map(({ step = 1 }) => step))] : []),
  ])
}

export const OPERATORS: Readonly<Record<string, Form>> = {
  // Elements of one tensor.
  neg: plain('Neg'),
  abs: plain('Abs'),
  sqrt: plain('Sqrt'),
  exp: plain('Exp'),
  log: plain('Log'),
  relu: plain('Relu'),
  sigmoid: plain('Sigmoid'),
  tanh: plain('Tanh'),
  sin: plain('Sin'),
  cos: plain('Cos'),
  erf: plain('Erf'),
  floor: plain('Floor'),
  ceil: plain('Ceil'),
  round: plain('Round'),
  sign: plain('Sign'),
  reciprocal: plain('Reciprocal'),
  hardswish: plain('HardSwish'),
  rsqrt: form(({ w, in: name }) => w.add('Reciprocal', [w.add('Sqrt', [name(0)])])),
  log1p: form(({ w, in: name }) => w.add('Log', [w.add('Add', [name(0), w.number(1)])])),
  silu: form(({ w, in: name }) => w.add('Mul', [name(0), w.add('Sigmoid', [name(0)])])),
  mish: form(({ w, in: name }) => w.add('Mul', [name(0), w.add('Tanh', [w.add('Softplus', [name(0)])])])),
  relu6: form(({ w, in: name }) => w.add('Clip', [name(0), w.number(0), w.number(6)])),
  clamp: form<readonly [number, number]>(({ w, in: name, attributes: [least, most] }) =>
    w.add('Clip', [
      name(0),
      least === Number.NEGATIVE_INFINITY ? NONE : w.number(least),
      most === Number.POSITIVE_INFINITY ? NONE : w.number(most),
    ]),
  ),
  elu: unary('Elu', 'alpha'),
  leakyRelu: unary('LeakyRelu', 'alpha'),
  softplus: form<readonly [number, number]>(({ w, in: name, attributes: [beta, threshold] }) => {
    const scaled = beta === 1 ? name(0) : w.add('Mul', [name(0), w.number(beta)])
    const soft = w.add('Softplus', [scaled])
    const y = beta === 1 ? soft : w.add('Div', [soft, w.number(beta)])
    // From 20 on both are the same to the last bit.
    return threshold >= 20 ? y : w.add('Where', [w.add('Greater', [scaled, w.number(threshold)]), name(0), y])
  }),
  // x · Φ(x); and the formula with a tangent.
  gelu: form(({ w, in: name }) => {
    const erf = w.add('Erf', [w.add('Mul', [name(0), w.number(Math.SQRT1_2)])])
    return w.add('Mul', [w.add('Mul', [name(0), w.add('Add', [erf, w.number(1)])]), w.number(0.5)])
  }),
  geluTanh: form(({ w, in: name }) => {
    const cube = w.add('Mul', [w.add('Mul', [name(0), name(0)]), name(0)])
    const sum = w.add('Add', [name(0), w.add('Mul', [cube, w.number(0.044715)])])
    const tanh = w.add('Tanh', [w.add('Mul', [sum, w.number(Math.sqrt(2 / Math.PI))])])
    return w.add('Mul', [w.add('Mul', [name(0), w.add('Add', [tanh, w.number(1)])]), w.number(0.5)])
  }),
  pow: form<number>(({ w, in: name, attributes }) =>
    attributes === 2 ? w.add('Mul', [name(0), name(0)]) : w.add('Pow', [name(0), w.number(attributes)]),
  ),
  clone: plain('Identity'),
  // Elements of several.
  prelu: plain('PRelu'),
  add: plain('Add'),
  sub: plain('Sub'),
  mul: plain('Mul'),
  div: plain('Div'),
  maximum: plain('Max'),
  minimum: plain('Min'),
  eq: compare('Equal'),
  ne: form(({ w, in: name }) => w.fromBoolean(w.add('Not', [w.add('Equal', [name(0), name(1)])]))),
  lt: compare('Less'),
  le: compare('LessOrEqual'),
  gt: compare('Greater'),
  ge: compare('GreaterOrEqual'),
  where: form(({ w, in: name }) => w.add('Where', [w.toBoolean(name(0)), name(1), name(2)])),
  // Matrices.
  matmul: plain('MatMul'),
  // Of rows from the left, of columns from the right.
  resample: form<{ dim: 2 | 3 }>(({ w, in: name, attributes: { dim } }) =>
    dim === 2
      ? w.add('MatMul', [name(1), name(0)])
      : w.add('MatMul', [name(0), w.add('Transpose', [name(1)], { perm: [1, 0] })]),
  ),
  linear: form(({ w, step, in: name }) =>
    w.add('Gemm', [name(0), name(1), step.inputs[2] ? name(2) : NONE], { transB: 1 }),
  ),
  triangle: form<{ upper: boolean; diagonal: number }>(({ w, in: name, attributes: { upper, diagonal } }) =>
    w.add('Trilu', [name(0), w.ints([diagonal], [])], { upper: Number(upper) }),
  ),
  scaledDotProductAttention: form(attentionOf),
  // Shapes.
  reshape: form<Sizes>(({ w, in: name, sizes, attributes }) => w.reshape(name(0), sizes(0), attributes)),
  permute: form<readonly number[]>(({ w, in: name, attributes }) =>
    w.add('Transpose', [name(0)], { perm: attributes }),
  ),
  expand: form<Sizes>(({ w, in: name, sizes, attributes }) => {
    // 1 is what is there already.
    const more = attributes.length - sizes(0).length
    const to = attributes.map((size, d) => {
      const from = d < more ? 1 : sizes(0)[d - more]
      return sameSize(from, size) ? 1 : size
    })
    return w.add('Expand', [name(0), w.sizes(to)])
  }),
  cat: form<number>(({ w, step, in: name, attributes: axis }) =>
    w.add(
      'Concat',
      step.inputs.map((_, i) => name(i)),
      { axis },
    ),
  ),
  slice: form<{ dim: number; start: Size; end: Size }>(({ w, in: name, sizes, attributes }) =>
    cut(w, name(0), [{ ...attributes, size: sizes(0)[attributes.dim] }]),
  ),
  at: form<{ ranges: readonly TakenRange[]; gone: number[] }>(
    ({ w, in: name, sizes, fixed, attributes: { ranges, gone } }) => {
      const cuts = ranges.flatMap(({ start, count, step, whole }, dim) => {
        if (whole) return []
        const by = fixed(step)
        const end = by === 1 ? plus(start, count) : plus(start, (fixed(count) - 1) * by + 1)
        return [{ dim, start, end, step: by, size: sizes(0)[dim] }]
      })
      const y = cut(w, name(0), cuts)
      return gone.length > 0 ? w.add('Squeeze', [y, w.ints(gone)]) : y
    },
  ),
  pad: form<{ before: readonly number[]; after: readonly number[]; value: number }>(
    ({ w, in: name, fixed, attributes: { before, after, value } }) =>
      w.add('Pad', [name(0), w.ints([...before, ...after].map(fixed)), w.number(value)], {
        mode: 'constant',
      }),
  ),
  // Indices.
  embedding: form(({ w, value, in: name }) => w.add('Gather', [name(1), w.indexOf(value(0))], { axis: 0 })),
  indexSelect: form<number>(({ w, value, in: name, attributes: axis }) =>
    w.add('Gather', [name(0), w.indexOf(value(1))], { axis }),
  ),
  gather: form<number>(({ w, sizes, value, in: name, attributes: axis }) =>
    sizes(0).length === 0 ? name(0) : w.add('GatherElements', [name(0), w.indexOf(value(1))], { axis }),
  ),
  scatterAdd: form<{ dim: number; n: Size }>(({ w, step, value, in: name, attributes: { dim } }) => {
    const zeros = w.add('Expand', [w.number(0), w.sizes(step.shape)])
    return w.add('ScatterElements', [zeros, w.indexOf(value(1)), name(0)], { axis: dim, reduction: 'add' })
  }),
  argsort: form(argsortOf),
  oneHot: form(oneHotOf),
  maxPoolIndices: form(maxPoolIndicesOf),
  lastOnes: form(lastOnesOf),
  // Over dimensions.
  sum: form<PlainReduction<Size>>((written) => {
    const { w, attributes } = written
    const y = reduce(written, attributes.mean ? 'ReduceMean' : 'ReduceSum', attributes)
    const { divisor, scale } = attributes
    if (divisor !== 1) return w.add('Div', [y, w.count(divisor)])
    return scale === 1 ? y : w.add('Mul', [y, w.number(written.fixed(scale))])
  }),
  max: form<PlainReduction<Size>>((written) => reduce(written, 'ReduceMax', written.attributes)),
  argmax: form<PlainReduction<Size>>(({ w, step, in: name, sizes, attributes: { dims, keepdim } }) => {
    const flat = dims.length === 1 ? name(0) : w.add('Reshape', [name(0), w.ints([-1])])
    const axis = dims.length === 1 ? dims[0] : 0
    const keepdims = Number(keepdim && dims.length === 1)
    const index = w.fromWhole(w.add('ArgMax', [flat], { axis, keepdims }))
    return dims.length === 1 || sizes(0).length === 0 ? index : w.reshape(index, [], step.shape)
  }),
  cumsum: form<number>(({ w, in: name, sizes, attributes: axis }) =>
    sizes(0).length === 0 ? name(0) : w.add('CumSum', [name(0), w.ints([axis], [])]),
  ),
  softmax: form(({ w, in: name }) => w.add('Softmax', [name(0)], { axis: -1 })),
  logSoftmax: form(({ w, in: name }) => w.add('LogSoftmax', [name(0)], { axis: -1 })),
  // Windows.
  conv2d: conv,
  convTranspose2d: convTranspose,
  ...AVERAGES,
  // Norms.
  batchNorm: form(batchNormOf),
  layerNorm: form(layerNormOf),
  groupNorm: form(groupNormOf),
  // Sequences.
  recurrent: form(recurrentOf),
}
