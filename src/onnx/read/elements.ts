/** Operators on elements. */
import { add, div, maximum, minimum, mul, sub } from '../../autograd/ops/arithmetic.js'
import { clamp } from '../../autograd/ops/clamp.js'
import { eq, ge, gt, le, lt, ne } from '../../autograd/ops/compare.js'
import { gelu } from '../../autograd/ops/gelu.js'
import * as unary from '../../autograd/ops/unary.generated.js'
import { pow } from '../../autograd/ops/unary.js'
import { where } from '../../autograd/ops/where.js'
import type { Tensor } from '../../tensor/tensor.js'
import { TYPES } from '../proto.js'
import { broadcast, combined, expanded, Host, type Kind, mapped, tensorOf, type Val } from './host.js'
import type { Operator, Use } from './node.js'
import { kindOfType } from './values.js'

/** A function of the elements of a tensor; of plain numbers, where those have one. */
const of =
  (tensor: (x: Tensor, use: Use) => Tensor, plain?: (value: number) => number, kind?: Kind): Operator =>
  (use) => {
    const x = use.val(0)
    if (x instanceof Host && plain) return mapped(x, plain, kind ?? x.kind)
    return tensor(tensorOf(x), use)
  }

/** Of whole numbers, the quotient is one. */
function quotient(use: Use): Val {
  const both = use.isWhole(0) && use.isWhole(1)
  const [a, b] = [use.val(0), use.val(1)]
  if (a instanceof Host && b instanceof Host)
    return combined(
      a,
      b,
      (x, y) => (both ? Math.trunc(x / y) : x / y),
      both ? 'whole' : 'float',
      use.node.text,
    )
  const y = div(tensorOf(a), tensorOf(b))
  return both ? use.asWhole(truncated(y)) : y
}

export const truncated = (x: Tensor): Tensor => mul(unary.floor(unary.abs(x)), unary.sign(x))

const two =
  (
    tensor: (a: Tensor, b: Tensor) => Tensor,
    plain: (x: number, y: number) => number,
    kind?: Kind,
  ): Operator =>
  (use) => {
    let result = use.val(0)
    // Max, Min and Sum take any number.
    for (let i = 1; i < use.inputs.length; i++) {
      const other = use.val(i)
      if (result instanceof Host && other instanceof Host) {
        const float = result.kind === 'float' || other.kind === 'float'
        result = combined(result, other, plain, kind ?? (float ? 'float' : 'whole'), use.node.text)
      } else result = tensor(tensorOf(result), tensorOf(other))
    }
    const all = use.inputs.every((_, i) => use.isWhole(i))
    return result instanceof Host || !all ? result : use.asWhole(result)
  }

const compare = (
  tensor: (a: Tensor, b: Tensor) => Tensor,
  plain: (x: number, y: number) => boolean,
): Operator => two(tensor, (x, y) => Number(plain(x, y)), 'boolean')

const truth = (x: Tensor) => ne(x, 0)

/** Halves go to the even side. */
function toEven(x: number): number {
  const near = Math.round(x)
  return Math.abs(x - Math.trunc(x)) === 0.5 && near % 2 !== 0 ? near - 1 : near
}

function power(use: Use): Val {
  const exponent = use.val(1)
  const x = use.val(0)
  if (x instanceof Host && exponent instanceof Host)
    return combined(x, exponent, (a, b) => a ** b, x.kind, use.node.text)
  if (exponent instanceof Host && exponent.size === 1) {
    const y = pow(tensorOf(x), exponent.values[0])
    // A rank may come with it.
    return broadcastTo(y, broadcast(y.shape, exponent.shape, use.node.text))
  }
  if (x instanceof Host && x.size === 1 && x.values[0] > 0)
    return unary.exp(mul(tensorOf(exponent), Math.log(x.values[0])))
  throw use.node.fail('its exponent is no single number')
}

const broadcastTo = (x: Tensor, shape: readonly number[]): Tensor =>
  shape.length === x.shape.length ? x : tensorReshape(x, shape)

function tensorReshape(x: Tensor, shape: readonly number[]): Tensor {
  return add(
    x,
    tensorOf(
      new Host(
        shape.map(() => 1),
        [0],
        'float',
      ),
    ),
  )
}

function cast(use: Use): Val {
  const kind = kindOfType(use.node.int('to', TYPES.float))
  if (!kind) throw use.node.fail(`it casts to type ${use.node.int('to', 0)}, which is not read`)
  return castTo(use, kind)
}

export function castTo(use: Use, kind: Kind): Val {
  const x = use.val(0)
  if (x instanceof Host) {
    if (kind === 'boolean') return mapped(x, (value) => Number(value !== 0), kind)
    return mapped(x, kind === 'whole' ? Math.trunc : (value) => value, kind)
  }
  if (kind === 'float') return use.isWhole(0) ? add(x, 0) : x
  if (use.isWhole(0) && kind === 'whole') return x
  return use.asWhole(kind === 'boolean' ? truth(x) : truncated(x))
}

function clip(use: Use): Val {
  const [least, most] = [
    use.numbersOr(1)?.[0] ?? use.node.float('min', -Infinity),
    use.numbersOr(2)?.[0] ?? use.node.float('max', Infinity),
  ]
  const x = use.val(0)
  if (x instanceof Host) return mapped(x, (value) => Math.min(Math.max(value, least), most))
  const bounds = {
    ...(least > -Infinity ? { min: least } : {}),
    ...(most < Infinity ? { max: most } : {}),
  }
  return Object.keys(bounds).length === 0 ? x : clamp(x, bounds)
}

function choose(use: Use): Val {
  const [condition, a, b] = [use.val(0), use.val(1), use.val(2)]
  if (condition instanceof Host && a instanceof Host && b instanceof Host) {
    const shape = broadcast(broadcast(condition.shape, a.shape, use.node.text), b.shape, use.node.text)
    const [which, left, right] = [condition, a, b].map((x) => expanded(x, shape, use.node.text))
    return new Host(
      shape,
      Float64Array.from(which.values, (value, i) => (value !== 0 ? left.values[i] : right.values[i])),
      a.kind,
    )
  }
  return where(tensorOf(condition), tensorOf(a), tensorOf(b))
}

/** Whole numbers: as Python's, or with the sign of the dividend. */
function modulo(use: Use): Val {
  const fmod = use.node.int('fmod', 0) === 1
  return two(
    (a, b) => sub(a, mul(fmod ? truncated(div(a, b)) : unary.floor(div(a, b)), b)),
    (x, y) => (fmod ? x % y : x - Math.floor(x / y) * y),
  )(use) as Val
}

/** Of either sign, or of one. */
function infinite(use: Use): Val {
  const counts = [1, -1].filter(
    (sign) => use.node.int(sign > 0 ? 'detect_positive' : 'detect_negative', 1) === 1,
  )
  if (counts.length === 0) throw use.node.fail('it finds infinities of no sign')
  const what = (x: Tensor) => (counts.length === 2 ? unary.abs(x) : mul(x, counts[0]))
  return of(
    (x) => eq(what(x), Number.POSITIVE_INFINITY),
    (x) => Number(counts.some((sign) => x === sign * Number.POSITIVE_INFINITY)),
    'boolean',
  )(use) as Val
}

export const ELEMENTS: Readonly<Record<string, Operator>> = {
  Abs: of(unary.abs, Math.abs),
  Neg: of(unary.neg, (x) => -x),
  Sqrt: of(unary.sqrt, Math.sqrt),
  Exp: of(unary.exp, Math.exp),
  Log: of(unary.log, Math.log),
  Sin: of(unary.sin, Math.sin),
  Cos: of(unary.cos, Math.cos),
  Floor: of(unary.floor, Math.floor),
  Ceil: of(unary.ceil, Math.ceil),
  Round: of(unary.round, toEven),
  Sign: of(unary.sign, Math.sign),
  Reciprocal: of(unary.reciprocal, (x) => 1 / x),
  Erf: of(unary.erf),
  Relu: of(unary.relu),
  Sigmoid: of(unary.sigmoid),
  Tanh: of(unary.tanh),
  HardSwish: of(unary.hardswish),
  Mish: of(unary.mish),
  Softplus: of((x) => unary.softplus(x)),
  Softsign: of((x) => div(x, add(unary.abs(x), 1))),
  Elu: of((x, { node }) => unary.elu(x, { alpha: node.float('alpha', 1) })),
  LeakyRelu: of((x, { node }) => unary.leakyRelu(x, { negativeSlope: node.float('alpha', 0.01) })),
  Selu: of((x, { node }) =>
    mul(
      unary.elu(x, { alpha: node.float('alpha', 1.6732631921768188) }),
      node.float('gamma', 1.0507010221481323),
    ),
  ),
  Celu: of((x, { node }) => {
    const alpha = node.float('alpha', 1)
    return mul(unary.elu(div(x, alpha)), alpha)
  }),
  HardSigmoid: of((x, { node }) =>
    clamp(add(mul(x, node.float('alpha', 0.2)), node.float('beta', 0.5)), { min: 0, max: 1 }),
  ),
  Gelu: of((x, { node }) =>
    gelu(x, { approximate: node.text8('approximate', 'none') === 'tanh' ? 'tanh' : 'none' }),
  ),
  ThresholdedRelu: of((x, { node }) => mul(x, gt(x, node.float('alpha', 1)))),
  Tan: of((x) => div(unary.sin(x), unary.cos(x)), Math.tan),
  IsInf: infinite,
  IsNaN: of(
    (x) => ne(x, x),
    (x) => Number(Number.isNaN(x)),
    'boolean',
  ),
  Not: of(
    (x) => eq(x, 0),
    (x) => Number(x === 0),
    'boolean',
  ),
  PRelu: (use) => {
    const [x, slope] = [use.tensor(0), use.tensor(1)]
    return sub(unary.relu(x), mul(slope, unary.relu(unary.neg(x))))
  },
  Add: two(add, (x, y) => x + y),
  Sub: two(sub, (x, y) => x - y),
  Mul: two(mul, (x, y) => x * y),
  Div: quotient,
  Mod: modulo,
  Max: two(maximum, Math.max),
  Min: two(minimum, Math.min),
  Sum: two(add, (x, y) => x + y),
  Mean: (use) => {
    const sum = two(add, (x, y) => x + y)(use) as Val
    return div(tensorOf(sum), use.inputs.length)
  },
  Pow: power,
  Equal: compare(eq, (x, y) => x === y),
  Less: compare(lt, (x, y) => x < y),
  LessOrEqual: compare(le, (x, y) => x <= y),
  Greater: compare(gt, (x, y) => x > y),
  GreaterOrEqual: compare(ge, (x, y) => x >= y),
  And: compare(
    (a, b) => mul(truth(a), truth(b)),
    (x, y) => x !== 0 && y !== 0,
  ),
  Or: compare(
    (a, b) => maximum(truth(a), truth(b)),
    (x, y) => x !== 0 || y !== 0,
  ),
  Xor: compare(
    (a, b) => ne(truth(a), truth(b)),
    (x, y) => (x !== 0) !== (y !== 0),
  ),
  Where: choose,
  Cast: cast,
  CastLike: (use) => castTo(use, use.isWhole(1) ? 'whole' : 'float'),
  Clip: clip,
  Identity: (use) => use.val(0),
}
