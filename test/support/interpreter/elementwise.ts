/** What elementwise twins need beyond Math. */
import { kink, type Value, zip } from './value.js'

/** The larger of two, broadcast. Where they are equal their gradients meet. */
export function maximum(a: Value | number, b: Value | number): Value {
  return zip(a, b, (x, y) => {
    kink(x - y)
    return Math.max(x, y)
  })
}

/** `1 / (1 + e⁻ˣ)`. */
export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))

/** `x · Φ(x)`, exactly: https://pytorch.org/docs/stable/generated/torch.nn.GELU.html */
export const gelu = (x: number): number => (x / 2) * (1 + erf(x / Math.SQRT2))

/**
 * The error function, to about 1e-15: its series near 0, and the continued fraction of erfc beyond.
 * https://dlmf.nist.gov/7.6.E2 and https://dlmf.nist.gov/7.9.E1
 */
export function erf(x: number): number {
  if (Math.abs(x) < 3) {
    let [term, sum] = [x, x]
    for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
      term *= (2 * x * x) / (2 * n + 1)
      sum += term
    }
    return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum
  }
  const z = Math.abs(x)
  let fraction = z
  for (let n = 60; n > 0; n--) fraction = z + n / 2 / fraction
  return Math.sign(x) * (1 - Math.exp(-z * z) / Math.sqrt(Math.PI) / fraction)
}
