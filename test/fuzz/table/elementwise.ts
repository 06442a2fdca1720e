/** The elementwise operations: a line each. */
import {
  erf,
  gelu,
  geluTanh,
  hardswish,
  maximum,
  minimum,
  mish,
  round,
  sigmoid,
  sign,
  softplus,
  steps,
} from '../../support/interpreter/elementwise.js'
import { map } from '../../support/interpreter/value.js'
import type { Draw } from '../draw.js'
import { binary, type Table, unary, unaryWith } from './entry.js'

/** Exponents; the first four are for any base, the others for one above 0. */
const EXPONENTS = [2, 3, 1, 0, -1, 0.5, 1.7, -2]

/** A function of whole steps. */
const stepwise = (f: (x: number) => number, first = 0) => ({
  draw: (d: Draw) => [d.value()],
  twin: steps(f, first),
})

export const elementwise: Table = {
  add: binary((a, b) => a + b),
  sub: binary((a, b) => a - b),
  mul: binary((a, b) => a * b),
  div: binary((a, b) => a / b, 'positive'),
  maximum: binary(Math.max, 'any', maximum),
  minimum: binary(Math.min, 'any', minimum),
  neg: unary((x) => -x),
  abs: unary(Math.abs, { kinks: [0] }),
  sqrt: unary(Math.sqrt, { from: 0.3 }),
  exp: unary(Math.exp, { from: -6, to: 3 }),
  log: unary(Math.log, { from: 0.3 }),
  relu: unary((x) => Math.max(x, 0), { kinks: [0] }),
  sigmoid: unary(sigmoid),
  tanh: unary(Math.tanh),
  gelu: unaryWith(
    (x, { approximate }: { approximate?: string }) => map(x, approximate === 'tanh' ? geluTanh : gelu),
    (d) => ({ approximate: d.pick(['none', 'tanh']) }),
  ),
  sin: unary(Math.sin, { from: -8, to: 8 }),
  cos: unary(Math.cos, { from: -8, to: 8 }),
  erf: unary(erf),
  floor: stepwise(Math.floor),
  ceil: stepwise(Math.ceil),
  round: stepwise(round, 0.5),
  sign: { draw: (d) => [d.value()], twin: sign },
  rsqrt: unary((x) => 1 / Math.sqrt(x), { from: 0.3 }),
  reciprocal: unary((x) => 1 / x, { from: 0.3 }),
  log1p: unary(Math.log1p, { from: -0.5, to: 0.5 }),
  silu: unary((x) => x * sigmoid(x)),
  hardswish: unary(hardswish, { kinks: [-3, 3] }),
  mish: unary(mish),
  relu6: unary((x) => Math.min(Math.max(x, 0), 6), { kinks: [0, 6] }),
  softplus: unaryWith(softplus, (d) => ({ beta: d.pick([1, 0.5, 2]), threshold: d.pick([20, 1.5]) })),
  elu: unaryWith(
    (x, { alpha = 1 }: { alpha?: number }) => map(x, (v) => (v > 0 ? v : alpha * Math.expm1(v)), [0]),
    (d) => ({ alpha: d.pick([1, 0.3, 2]) }),
  ),
  leakyRelu: unaryWith(
    (x, { negativeSlope = 0.01 }: { negativeSlope?: number }) =>
      map(x, (v) => (v > 0 ? v : negativeSlope * v), [0]),
    (d) => ({ negativeSlope: d.pick([0.01, 0.3, -0.5]) }),
  ),
  clone: unary((x) => x),
  pow: {
    draw: (d) => {
      const exponent = d.pick(EXPONENTS)
      const positive = EXPONENTS.indexOf(exponent) > 3
      return [positive ? d.within(0.3, 4) : d.within(-4, 4), exponent]
    },
    twin: unary((x, exponent) => x ** exponent).twin,
  },
}
