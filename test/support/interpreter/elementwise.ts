/** What elementwise twins need beyond Math. */
import { asValue, broadcast, expand, kink, map, need, type Shape, type Value, value, zip } from './value.js'

/** The larger of two, broadcast. Where they are equal their gradients meet. */
export function maximum(a: Value | number, b: Value | number): Value {
  return zip(a, b, (x, y) => {
    kink(x - y)
    return Math.max(x, y)
  })
}

/** The smaller of two, broadcast. Where they are equal their gradients meet. */
export function minimum(a: Value | number, b: Value | number): Value {
  return zip(a, b, (x, y) => {
    kink(x - y)
    return Math.min(x, y)
  })
}

/** A place at which values jump: as a kink, but a tie, too, may go either way. */
const jump = (gap: number) => kink(gap === 0 ? Number.MIN_VALUE : gap)

/** 1 where the comparison holds, else 0; broadcast. */
export const compare = (holds: (x: number, y: number) => boolean) => (a: Value | number, b: Value | number) =>
  zip(a, b, (x, y) => {
    jump(x - y)
    return holds(x, y) ? 1 : 0
  })

/** A function that jumps from step to step, each 1 long; `first` is where one begins. */
export const steps = (f: (x: number) => number, first: number) => (x: Value) =>
  map(x, (v) => {
    jump(v - first - Math.round(v - first))
    return f(v)
  })

/** The nearest whole number, of two the even one. */
export const round = (x: number): number => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x))

export function sign(x: Value): Value {
  return map(x, (v) => {
    jump(v)
    return Math.sign(v)
  })
}

/** `a` where the condition is not 0, else `b`; broadcast. */
export function where(condition: Value, a: Value | number, b: Value | number): Value {
  const shape = [a, b].reduce<Shape>((all, x) => broadcast(all, asValue(x).shape), condition.shape)
  const [c, x, y] = [condition, asValue(a), asValue(b)].map((each) => expand(each, shape).data)
  return value(
    shape,
    c.map((v, i) => (v !== 0 ? x[i] : y[i])),
  )
}

export interface ClampOptions {
  min?: number
  max?: number
}

export function clamp(
  x: Value,
  { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY }: ClampOptions,
): Value {
  return map(
    x,
    (v) => Math.min(Math.max(v, min), max),
    [min, max].filter((bound) => Number.isFinite(bound)),
  )
}

/** `x` above 0, `weight · x` below; a weight for each channel (dimension 1), or one. */
export function prelu(x: Value, weight: Value): Value {
  const channels = x.shape[1] ?? 1
  need(weight.data.length === 1 || weight.data.length === channels, 'a weight for each channel')
  const shape = weight.data.length === 1 ? [] : [channels, ...x.shape.slice(2).map(() => 1)]
  return zip(x, value(shape, weight.data), (v, w) => {
    kink(v)
    return v > 0 ? v : w * v
  })
}

/** `ln(1 + e^(beta x)) / beta`. */
export function softplus(x: Value, { beta = 1, threshold = 20 }: { beta?: number; threshold?: number } = {}) {
  return map(x, (v) => {
    jump(beta * v - threshold)
    return beta * v > threshold ? v : Math.log1p(Math.exp(beta * v)) / beta
  })
}

export const mish = (x: number): number => x * Math.tanh(Math.log1p(Math.exp(x)))

export const hardswish = (x: number): number => (x * Math.min(Math.max(x + 3, 0), 6)) / 6

/** `1 / (1 + e⁻ˣ)`. */
export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))

/** `x · Φ(x)`, exactly: https://pytorch.org/docs/stable/generated/torch.nn.GELU.html */
export const gelu = (x: number): number => (x / 2) * (1 + erf(x / Math.SQRT2))

/** `gelu` by the tangent. */
export const geluTanh = (x: number): number =>
  (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))

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
