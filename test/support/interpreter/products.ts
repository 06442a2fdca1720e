/** Twins of the matrix products. */
import { permute, reshape } from './rearrange.js'
import { broadcast, expand, need, type Value, value, zip } from './value.js'

/** [..., m, k]·[..., k, n]; a vector is a row (left) or a column (right), and that dimension goes again. */
export function matmul(a: Value, b: Value): Value {
  need(a.shape.length > 0 && b.shape.length > 0, 'at least one dimension')
  const left = a.shape.length === 1 ? reshape(a, [1, a.shape[0]]) : a
  const right = b.shape.length === 1 ? reshape(b, [b.shape[0], 1]) : b
  const [m, k] = left.shape.slice(-2)
  const [inner, n] = right.shape.slice(-2)
  need(k === inner, `inner sizes ${k} and ${inner}`)
  const batch = broadcast(left.shape.slice(0, -2), right.shape.slice(0, -2))
  const [x, y] = [expand(left, [...batch, m, k]).data, expand(right, [...batch, k, n]).data]
  const z = value([...batch, m, n])
  for (let at = 0; at < z.data.length; at++) {
    const [column, row] = [at % n, Math.floor(at / n)]
    const matrix = Math.floor(row / m)
    let sum = 0
    for (let i = 0; i < k; i++) sum += x[row * k + i] * y[(matrix * k + i) * n + column]
    z.data[at] = sum
  }
  const columns = b.shape.length === 1 ? [] : [n]
  return reshape(z, [...batch, ...(a.shape.length === 1 ? [] : [m]), ...columns])
}

/** `x·Wᵀ + b`. */
export function linear(x: Value, weight: Value, bias: Value | null = null): Value {
  need(x.shape.length > 0 && weight.shape.length === 2, 'a matrix of weights')
  need(!bias || (bias.shape.length === 1 && bias.shape[0] === weight.shape[0]), 'a bias of the size [out]')
  const y = matmul(x, permute(weight, [1, 0]))
  return bias ? zip(y, bias, (p, q) => p + q) : y
}
