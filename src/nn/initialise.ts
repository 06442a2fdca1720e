/**
 * What fills a tensor with first values, in place and unrecorded, and gives it: https://pytorch.org/docs/stable/nn.init.html
 * Random numbers are from the stream that `manualSeed` starts. (PyTorch's `sparse_` is not here.)
 */
import { log } from '../autograd/ops/unary.generated.js'
import { noGrad } from '../autograd/tape.js'
import { checkNumber, checkOptions } from '../check.js'
import { ArgumentError, ShapeError } from '../errors.js'
import { fromValues } from '../tensor/create.js'
import { fillNormal, fillUniform } from '../tensor/random.js'
import { sizeOf } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { rows } from './filled.js'
import { inverseErf, normalShare } from './normal.js'

export * from './initialise-scaled.js'

/** What `uniform_` takes. */
export interface UniformOptions {
  /** The least. Default 0. */
  a?: number
  /** What all are below. Default 1. */
  b?: number
}

/** What `normal_` takes. */
export interface NormalOptions {
  /** Default 0. */
  mean?: number
  /** The standard deviation. Default 1. */
  std?: number
}

/** What `truncNormal_` takes. */
export interface TruncNormalOptions extends NormalOptions {
  /** The least. Default −2. */
  a?: number
  /** The largest. Default 2. */
  b?: number
}

/** What `dirac_` takes. */
export interface DiracOptions {
  /** Of the convolution. Default 1. */
  groups?: number
}

/** Fills `x` with uniform numbers from [a, b). @throws {ArgumentError} unless a ≤ b */
export function uniform_(x: Tensor, options: UniformOptions = {}): Tensor {
  rows('uniform_', x)
  checkOptions('uniform_', options, ['a', 'b'])
  const { a = 0, b = 1 } = options
  checkNumber('uniform_', 'a', a, { least: -Number.MAX_VALUE })
  checkNumber('uniform_', 'b', b, { least: a })
  return fillUniform(x, a, b)
}

/** Fills `x` with normal numbers. @throws {ArgumentError} for a standard deviation below 0 */
export function normal_(x: Tensor, options: NormalOptions = {}): Tensor {
  rows('normal_', x)
  checkOptions('normal_', options, ['mean', 'std'])
  const { mean = 0, std = 1 } = options
  checkNumber('normal_', 'mean', mean, { least: -Number.MAX_VALUE })
  checkNumber('normal_', 'std', std, { least: 0 })
  return fillNormal(x, mean, std)
}

/**
 * Fills `x` with normal numbers, of those that lie in [a, b]: by the inverse of the normal distribution, from uniform ones.
 * https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.trunc_normal_
 *
 * @throws {ArgumentError} for a standard deviation that is not above 0, or an interval in which next to no normal
 *   number lies
 */
export function truncNormal_(x: Tensor, options: TruncNormalOptions = {}): Tensor {
  rows('truncNormal_', x)
  checkOptions('truncNormal_', options, ['mean', 'std', 'a', 'b'])
  const { mean = 0, std = 1, a = -2, b = 2 } = options
  checkNumber('truncNormal_', 'mean', mean, { least: -Number.MAX_VALUE })
  checkNumber('truncNormal_', 'std', std, { least: Number.MIN_VALUE })
  checkNumber('truncNormal_', 'a', a, { least: -Number.MAX_VALUE })
  checkNumber('truncNormal_', 'b', b, { least: a })
  const [low, high] = [normalShare((a - mean) / std), normalShare((b - mean) / std)]
  if (high - low < 1e-6) {
    throw new ArgumentError(
      `truncNormal_: next to none of the normal numbers of mean ${mean} and std ${std} lies from a = ${a} to b = ${b}`,
    )
  }
  fillUniform(x, 2 * low - 1, 2 * high - 1)
  const uniform = x.toFloat32Array()
  // The logarithm is the library's own, which gives the same bits everywhere.
  const logs = noGrad(() => {
    const squares = fromValues(
      Float32Array.from(uniform, (u) => Math.max((1 - u) * (1 + u), 1e-38)),
      [uniform.length],
    )
    return log(squares).toFloat32Array()
  })
  const values = uniform.map((u, i) => {
    const value = mean + std * Math.SQRT2 * inverseErf(u, -logs[i])
    return Math.min(b, Math.max(a, value))
  })
  return x.copy_(fromValues(values, x.shape))
}

/** Sets every element of `x` to `value`. @throws {ArgumentError} for what is no number */
export function constant_(x: Tensor, value: number): Tensor {
  rows('constant_', x)
  checkNumber('constant_', 'the value', value)
  return x.fill_(value)
}

/** Sets every element of `x` to 1. */
export function ones_(x: Tensor): Tensor {
  return rows('ones_', x).fill_(1)
}

/** Sets every element of `x` to 0. */
export function zeros_(x: Tensor): Tensor {
  return rows('zeros_', x).fill_(0)
}

/** Makes `x` 1 on the diagonal, else 0. @throws {ShapeError} for what is no matrix */
export function eye_(x: Tensor): Tensor {
  rows('eye_', x)
  if (x.shape.length !== 2) throw new ShapeError(`eye_: expected a matrix, got shape [${x.shape}]`)
  const [n, m] = x.shape
  const values = new Float32Array(n * m)
  for (let i = 0; i < Math.min(n, m); i++) values[i * m + i] = 1
  return x.copy_(fromValues(values, x.shape))
}

/**
 * A convolution that hands its input on: 1 in the kernel's centre, from channel i of each group to channel i; else 0.
 *
 * @param x [out, in / groups, ...kernel], of 1 to 3 dimensions of a kernel
 * @throws {ShapeError} for another rank, or out channels that the groups do not divide
 */
export function dirac_(x: Tensor, options: DiracOptions = {}): Tensor {
  rows('dirac_', x)
  checkOptions('dirac_', options, ['groups'])
  const { groups = 1 } = options
  checkNumber('dirac_', 'groups', groups, { least: 1, whole: true })
  const [out, channels, ...kernel] = x.shape
  if (kernel.length < 1 || kernel.length > 3) {
    throw new ShapeError(`dirac_: expected a convolution's weight, of 3 to 5 dimensions, got [${x.shape}]`)
  }
  if (out % groups !== 0) {
    throw new ShapeError(`dirac_: ${groups} groups do not divide the ${out} channels of [${x.shape}]`)
  }
  const size = sizeOf(kernel)
  const centre = kernel.reduce((at, length) => at * length + Math.floor(length / 2), 0)
  const values = new Float32Array(sizeOf(x.shape))
  for (let o = 0; size > 0 && o < out; o++) {
    const i = o % (out / groups)
    if (i < channels) values[(o * channels + i) * size + centre] = 1
  }
  return x.copy_(fromValues(values, x.shape))
}
