/** The elementwise operations: a line each. */
import { gelu, maximum, sigmoid } from '../../support/interpreter/elementwise.js'
import { binary, type Table, unary } from './entry.js'

/** Exponents; the first four are for any base, the others for one above 0. */
const EXPONENTS = [2, 3, 1, 0, -1, 0.5, 1.7, -2]

export const elementwise: Table = {
  add: binary((a, b) => a + b),
  sub: binary((a, b) => a - b),
  mul: binary((a, b) => a * b),
  div: binary((a, b) => a / b, 'positive'),
  maximum: binary(Math.max, 'any', maximum),
  neg: unary((x) => -x),
  abs: unary(Math.abs, { kinks: [0] }),
  sqrt: unary(Math.sqrt, { from: 0.3 }),
  exp: unary(Math.exp, { from: -6, to: 3 }),
  log: unary(Math.log, { from: 0.3 }),
  relu: unary((x) => Math.max(x, 0), { kinks: [0] }),
  sigmoid: unary(sigmoid),
  tanh: unary(Math.tanh),
  gelu: unary(gelu),
  pow: {
    draw: (d) => {
      const exponent = d.pick(EXPONENTS)
      const positive = EXPONENTS.indexOf(exponent) > 3
      return [positive ? d.within(0.3, 4) : d.within(-4, 4), exponent]
    },
    twin: unary((x, exponent) => x ** exponent).twin,
  },
}
