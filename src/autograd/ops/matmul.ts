/** Matrix products. */
import type { Dimensions } from '../../bindings/call.js'
import { matmul as kernel, type Matmul } from '../../bindings/kernels.generated.js'
import { ShapeError } from '../../errors.js'
import { scoped } from '../../tensor/scope.js'
import { broadcastShapes, broadcastStrides, type Shape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkOptionalTensor, checkTensor } from '../arguments.js'
import { defineOperation, unchanged } from '../operation.js'
import { sumOver, sumTo } from '../strided.js'
import { run } from '../tape.js'
import { reshape } from './rearrange.js'

type Form = Matmul['form']

const ONE: Dimensions = [[], [], []]

/** `A·B`, `A·Bᵀ` or `Aᵀ·B` of matrices in rows, or of a batch of them, into `c`. */
function product(form: Form, a: Tensor, b: Tensor, c: Tensor, bias?: Tensor): Tensor {
  const rank = c.shape.length
  const [m, n] = [c.shape[rank - 2], c.shape[rank - 1]]
  const [rows, cols] = [a.shape[a.shape.length - 2], a.shape[a.shape.length - 1]]
  const k = form === 'TN' ? rows : cols
  const dims = batchOf(a, b, c)
  kernel({ form, m, n, k, a: a.storage, b: b.storage, bias: bias?.storage, c: c.storage, dims })
  return c
}

/** The batch, and how far apart the operands' matrices are in it. */
function batchOf(a: Tensor, b: Tensor, c: Tensor): Dimensions {
  if (c.shape.length === 2) return ONE
  const batch = c.shape.slice(0, -2)
  const strides = ({ shape }: Tensor) => {
    const [rows, cols] = shape.slice(-2)
    return broadcastStrides(shape.slice(0, -2), batch).map((stride) => stride * rows * cols)
  }
  return [batch, strides(a), strides(b)]
}

/** [..., m, k]·[..., k, n]: the leading dimensions are a batch, and broadcast. */
const matmulOperation = defineOperation<undefined>({
  name: 'matmul',
  inputs: { a: 'rows', b: 'rows' },
  output: 'rows',
  gradients: { a: ['b'], b: ['a'] },
  shape: ([a, b]) => [
    ...broadcastShapes('matmul', a.shape.slice(0, -2), b.shape.slice(0, -2)),
    ...a.shape.slice(-2, -1),
    ...b.shape.slice(-1),
  ],
  forward: ({ inputs: [a, b], output }) => void product('NN', a, b, output),
  repeats: unchanged,
  backward(call) {
    const { dy } = call
    const [a, b] = call.inputs
    for (const i of [0, 1]) {
      if (!call.wants(i)) continue
      const shape = call.shapeOf(i)
      // One gradient for each matrix of the result, summed where an operand was broadcast.
      const full: Shape = [...dy.shape.slice(0, -2), ...shape.slice(-2)]
      const gradient = call.temporary(full)
      if (i === 0) product('NT', dy, b, gradient)
      else product('TN', a, dy, gradient)
      call.pass(i, sumTo(call, gradient, shape))
    }
  },
})

/**
 * The matrix product. https://pytorch.org/docs/stable/generated/torch.matmul.html
 *
 * [m, k]·[k, n] → [m, n]; vectors count as a row (left) or a column (right), and that dimension goes again;
 * leading dimensions are a batch and broadcast.
 * @throws {ShapeError} when the inner sizes differ, or for a tensor of no dimension
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  checkTensor('matmul', 'left operand', a)
  checkTensor('matmul', 'right operand', b)
  if (a.shape.length === 0 || b.shape.length === 0) {
    throw new ShapeError(
      `matmul: expected tensors of at least one dimension, got [${a.shape}] and [${b.shape}]`,
    )
  }
  const [inner, other] = [a.shape[a.shape.length - 1], b.shape[Math.max(0, b.shape.length - 2)]]
  if (inner !== other) {
    throw new ShapeError(
      `matmul: the inner sizes of [${a.shape}] and [${b.shape}] differ: ${inner} and ${other}`,
    )
  }
  if (a.shape.length > 1 && b.shape.length > 1) return run(matmulOperation, [a, b], undefined)
  return scoped(() => {
    const left = a.shape.length === 1 ? reshape(a, [1, inner]) : a
    const right = b.shape.length === 1 ? reshape(b, [inner, 1]) : b
    const y = run(matmulOperation, [left, right], undefined)
    const shape = [...y.shape]
    if (right !== b) shape.pop()
    if (left !== a) shape.splice(shape.length - (right !== b ? 1 : 2), 1)
    return reshape(y, shape)
  })
}

const linearOperation = defineOperation<undefined>({
  name: 'linear',
  inputs: { x: 'rows', weight: 'rows', bias: 'rows' },
  output: 'rows',
  gradients: { x: ['weight'], weight: ['x'], bias: [] },
  shape([x, weight, bias]) {
    if (weight.shape.length !== 2)
      throw new ShapeError(`linear: expected a weight of shape [out, in], got [${weight.shape}]`)
    const [out, features] = weight.shape
    if (x.shape[1] !== features) {
      throw new ShapeError(
        `linear: expected an input of ${features} features (weight [${weight.shape}]), got ${x.shape[1]}`,
      )
    }
    if (bias && (bias.shape.length !== 1 || bias.shape[0] !== out)) {
      throw new ShapeError(`linear: expected a bias of shape [${out}], got [${bias.shape}]`)
    }
    return [x.shape[0], out]
  },
  forward: ({ inputs: [x, weight, bias], output }) => void product('NT', x, weight, output, bias),
  repeats: unchanged,
  backward(call) {
    const { dy } = call
    const [x, weight] = call.inputs
    const [dx, dweight, dbias] = [call.gradient(0), call.gradient(1), call.gradient(2)]
    if (dx) product('NN', dy, weight, dx)
    if (dweight) product('TN', dy, x, dweight)
    if (dbias) sumOver(dy, 0, 0, 1, dbias)
  },
})

/**
 * `x·Wᵀ + b`. https://pytorch.org/docs/stable/generated/torch.nn.functional.linear.html
 *
 * @param x [..., in]
 * @param weight [out, in]
 * @param bias [out] or null
 * @returns [..., out]
 * @throws {ShapeError} when the sizes do not fit
 */
export function linear(x: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  checkTensor('linear', 'input', x)
  checkTensor('linear', 'weight', weight)
  checkOptionalTensor('linear', 'bias', bias)
  if (x.shape.length === 0)
    throw new ShapeError('linear: expected an input of at least one dimension, got a single value')
  const inputs = (matrix: Tensor) => [matrix, weight, bias ?? undefined]
  if (x.shape.length === 2) return run(linearOperation, inputs(x), undefined)
  const rows = x.shape.slice(0, -1)
  const features = x.shape[x.shape.length - 1]
  return scoped(() => {
    const matrix = reshape(x, [rows.reduce((product, size) => product * size, 1), features])
    const y = run(linearOperation, inputs(matrix), undefined)
    return reshape(y, [...rows, y.shape[1]])
  })
}
