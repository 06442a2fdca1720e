import { matmul as kernel } from '../../bindings/kernels.js'
import { ShapeError } from '../../errors.js'
import { broadcastShapes, broadcastStrides, type Shape, sizeOf } from '../shape.js'
import { type Call, type Operation, run } from '../tape.js'
import { empty, type Tensor, view } from '../tensor.js'
import { reshape } from './rearrange.js'
import { sum } from './reduce.js'

type Form = 'NN' | 'NT' | 'TN'

const matrixOperation: Operation<undefined> = {
  name: 'matmul',
  shape: ([a, b]) => [a.shape[0], b.shape[1]],
  forward(call) {
    product('NN', call.input(0), call.input(1), call.output)
  },
  backward(call, dy) {
    const [a, b] = [call.input(0), call.input(1)]
    const rows = call.in('rows', dy)
    return [
      call.needs(0) ? product('NT', rows, b, empty(a.shape)) : undefined,
      call.needs(1) ? product('TN', a, rows, empty(b.shape)) : undefined,
    ]
  },
}

/** `A·B`, `A·Bᵀ` or `Aᵀ·B` of matrices in rows, into `c`. */
function product(form: Form, a: Tensor, b: Tensor, c: Tensor, bias?: Tensor): Tensor {
  const k = form === 'TN' ? a.shape[0] : a.shape[1]
  kernel(form, [c.shape[0], c.shape[1], k], a.storage, b.storage, bias?.storage, c.storage)
  return c
}

/** Matrices of a batch: [..., m, k]·[..., k, n], the leading dimensions broadcast. */
const batchedOperation: Operation<undefined> = {
  name: 'matmul',
  shape: ([a, b]) => [
    ...broadcastShapes('matmul', a.shape.slice(0, -2), b.shape.slice(0, -2)),
    ...a.shape.slice(-2, -1),
    ...b.shape.slice(-1),
  ],
  forward(call) {
    each(call, call.output.shape, (a, b, y) => {
      const [m, k] = call.inputs[0].shape.slice(-2)
      const n = call.inputs[1].shape[call.inputs[1].shape.length - 1]
      const [A, B] = [call.input(0).storage, call.input(1).storage]
      kernel('NN', [m, n, k], A, B, undefined, call.output.storage, [a * m * k, b * k * n, y * m * n])
    })
  },
  backward(call, dy) {
    const rows = call.in('rows', dy)
    const [A, B] = [call.input(0), call.input(1)]
    const [m, k] = A.shape.slice(-2)
    const n = B.shape[B.shape.length - 1]
    const batch = dy.shape.slice(0, -2)
    // One gradient for each matrix of the result, summed below where an operand was broadcast.
    const dA = call.needs(0) ? empty([...batch, m, k]) : undefined
    const dB = call.needs(1) ? empty([...batch, k, n]) : undefined
    each(call, dy.shape, (a, b, y) => {
      if (dA)
        kernel('NT', [m, k, n], rows.storage, B.storage, undefined, dA.storage, [
          y * m * n,
          b * k * n,
          y * m * k,
        ])
      if (dB)
        kernel('TN', [k, n, m], A.storage, rows.storage, undefined, dB.storage, [
          a * m * k,
          y * m * n,
          y * k * n,
        ])
    })
    return [dA && sumBatch(dA, A.shape), dB && sumBatch(dB, B.shape)]
  },
}

/** Calls `f` with the places of the two operands' matrices for each matrix of the result. */
function each(call: Call<undefined>, shape: Shape, f: (a: number, b: number, y: number) => void): void {
  const batch = shape.slice(0, -2)
  const [aStrides, bStrides] = call.inputs.map((x) => broadcastStrides(x.shape.slice(0, -2), batch))
  for (let y = 0; y < sizeOf(batch); y++) {
    let [left, a, b] = [y, 0, 0]
    for (let d = batch.length - 1; d >= 0; d--) {
      a += (left % batch[d]) * aStrides[d]
      b += (left % batch[d]) * bStrides[d]
      left = Math.floor(left / batch[d])
    }
    f(a, b, y)
  }
}

/** `x` summed over the batch dimensions in which `shape` was broadcast. Takes `x` over. */
function sumBatch(x: Tensor, shape: Shape): Tensor {
  const offset = x.shape.length - shape.length
  const dims = x.shape
    .map((_, d) => d)
    .filter((d) => d < offset || (shape[d - offset] === 1 && x.shape[d] !== 1))
  if (dims.length === 0) return x
  const summed = sum(x, { dim: dims })
  const result = view(summed, shape)
  summed.dispose()
  x.dispose()
  return result
}

/**
 * The matrix product. https://pytorch.org/docs/stable/generated/torch.matmul.html
 *
 * [m, k]·[k, n] → [m, n]; vectors count as a row (left) or a column (right), and that dimension goes again;
 * leading dimensions are a batch and broadcast.
 * @throws {ShapeError} when the inner sizes differ, or for a tensor of no dimension
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  if (a.shape.length === 0 || b.shape.length === 0) {
    throw new ShapeError(
      `matmul: expected tensors of at least one dimension, got [${a.shape}] and [${b.shape}]`,
    )
  }
  const left = a.shape.length === 1 ? reshape(a, [1, -1]) : a
  const right = b.shape.length === 1 ? reshape(b, [-1, 1]) : b
  const [inner, other] = [left.shape[left.shape.length - 1], right.shape[right.shape.length - 2]]
  if (inner !== other) {
    throw new ShapeError(
      `matmul: the inner sizes of [${a.shape}] and [${b.shape}] differ: ${inner} and ${other}`,
    )
  }
  const plain = left.shape.length === 2 && right.shape.length === 2
  const y = run(plain ? matrixOperation : batchedOperation, [left, right], undefined)
  if (left === a && right === b) return y
  const shape = [...y.shape]
  if (right !== b) shape.pop()
  if (left !== a) shape.splice(shape.length - (right !== b ? 1 : 2), 1)
  return reshape(y, shape)
}

const linearOperation: Operation<undefined> = {
  name: 'linear',
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
  forward(call) {
    product(
      'NT',
      call.input(0),
      call.input(1),
      call.output,
      call.inputs.length > 2 ? call.input(2) : undefined,
    )
  },
  backward(call, dy) {
    const rows = call.in('rows', dy)
    const [x, weight] = [call.input(0), call.input(1)]
    const gradients = [
      call.needs(0) ? product('NN', rows, weight, empty(x.shape)) : undefined,
      call.needs(1) ? product('TN', rows, x, empty(weight.shape)) : undefined,
    ]
    if (call.inputs.length > 2) gradients.push(call.needs(2) ? sum(rows, { dim: 0 }) : undefined)
    return gradients
  },
}

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
  if (x.shape.length === 0)
    throw new ShapeError('linear: expected an input of at least one dimension, got a single value')
  const matrix = x.shape.length === 2 ? x : reshape(x, [-1, x.shape[x.shape.length - 1]])
  const y = run(linearOperation, bias ? [matrix, weight, bias] : [matrix, weight], undefined)
  return matrix === x ? y : reshape(y, [...x.shape.slice(0, -1), y.shape[1]])
}
