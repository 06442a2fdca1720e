/** Twin of attention. */
import { expand, need, type Value, value } from './value.js'

export interface AttentionOptions {
  attnMask?: Value | null
  maskType?: 'boolean' | 'additive'
  isCausal?: boolean
  scale?: number
}

/** `softmax(scale · q·kᵀ + mask)·v`; 0 where nothing is seen. */
export function scaledDotProductAttention(
  q: Value,
  k: Value,
  v: Value,
  options: AttentionOptions = {},
): Value {
  const [t, e] = q.shape.slice(-2)
  const [s, ev] = v.shape.slice(-2)
  const lead = q.shape.slice(0, -2)
  const fits = (x: Value, sizes: readonly number[]) => String(x.shape) === String([...lead, ...sizes])
  need(q.shape.length >= 2 && fits(k, [s, e]) && fits(v, [s, ev]), 'sizes that fit')
  const { attnMask, maskType, isCausal = false, scale = 1 / Math.sqrt(e) } = options
  need(!(attnMask && isCausal), 'one kind of mask')
  const mask = attnMask && expand(attnMask, [...lead, t, s]).data
  const y = value([...lead, t, ev])
  for (let row = 0; row * ev < y.data.length; row++) {
    const [b, i] = [Math.floor(row / t), row % t]
    const scores = Array.from({ length: s }, (_, j) => {
      if (isCausal && j > i) return Number.NEGATIVE_INFINITY
      const added = mask ? mask[row * s + j] : 0
      if (maskType === 'boolean' && mask && added === 0) return Number.NEGATIVE_INFINITY
      let score = 0
      for (let c = 0; c < e; c++) score += q.data[row * e + c] * k.data[(b * s + j) * e + c]
      return score * scale + (maskType === 'additive' ? added : 0)
    })
    const largest = Math.max(...scores)
    if (largest === Number.NEGATIVE_INFINITY) continue
    const weights = scores.map((score) => Math.exp(score - largest))
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    for (let c = 0; c < ev; c++) {
      for (let j = 0; j < s; j++) y.data[row * ev + c] += (weights[j] / total) * v.data[(b * s + j) * ev + c]
    }
  }
  return y
}
