/**
 * The normal distribution and its inverse, in additions, multiplications, divisions and roots only: these give the same
 * bits in every runtime, which JavaScript's exp and log do not.
 */

/** e^t for t ≥ 0, by its series, all of whose terms are positive. */
function exponential(t: number): number {
  let [sum, term] = [1, 1]
  for (let n = 1; term > sum * 1e-17; n++) {
    term *= t / n
    sum += term
  }
  return sum
}

/** erf(x) = 2/√π · e^(−x²) · Σ 2ⁿ x^(2n+1) / (1 · 3 · … · (2n+1)). (Abramowitz and Stegun, 7.1.6) */
function erf(x: number): number {
  const t = x * x
  // Beyond it, 1 to the last bit.
  if (t > 36) return Math.sign(x)
  let [sum, term] = [x, x]
  for (let n = 0; Math.abs(term) > Math.abs(sum) * 1e-17; n++) {
    term *= (2 * t) / (2 * n + 3)
    sum += term
  }
  return ((2 / Math.sqrt(Math.PI)) * sum) / exponential(t)
}

/** The share of standard normal numbers that lie below `z`. */
export function normalShare(z: number): number {
  return (1 + erf(z / Math.SQRT2)) / 2
}

const CENTRE = [
  2.81022636e-8, 3.43273939e-7, -3.5233877e-6, -4.39150654e-6, 0.00021858087, -0.00125372503, -0.00417768164,
  0.246640727, 1.50140941,
]
const TAIL = [
  -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047,
  1.00167406, 2.83297682,
]

/**
 * The x whose erf is `y`, to single precision (Giles, "Approximating the erfinv function", 2011).
 *
 * @param w −ln(1 − y²)
 */
export function inverseErf(y: number, w: number): number {
  const [coefficients, at] = w < 5 ? [CENTRE, w - 2.5] : [TAIL, Math.sqrt(w) - 3]
  return y * coefficients.reduce((sum, coefficient) => sum * at + coefficient, 0)
}
