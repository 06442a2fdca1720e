/**
 * What fills a tensor with first values, in place and unrecorded, and gives it: https://pytorch.org/docs/stable/nn.init.html
 * Random numbers are from the stream that `manualSeed` starts. (PyTorch's `sparse_` is not here.)
 */
import { log } from '../autograd/ops/unary.generated.js'
import { noGrad } from '../autograd/tape.js'
import { checkNumber, checkOptions, kindOf } from '../check.js'
import { ArgumentError, ShapeError } from '../errors.js'
import { fromValues } from '../tensor/create.js'
import { fillNormal, fillUniform } from '../tensor/random.js'
import { type Shape, sizeOf } from '../tensor/shape.js'
import { empty, Tensor } from '../tensor/tensor.js'
import { inverseErf, normalShare } from './normal.js'
import { orthonormalColumns } from './orthonormal.js'

/** What a layer's weights are followed by. */
export type Nonlinearity =
  | 'linear'
  | 'conv1d'
  | 'conv2d'
  | 'conv3d'
  | 'sigmoid'
  | 'tanh'
  | 'relu'
  | 'leaky_relu'
  | 'selu'

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

/** What `xavierUniform_`, `xavierNormal_` and `orthogonal_` take. */
export interface GainOptions {
  /** What the values are scaled by; see `calculateGain`. Default 1. */
  gain?: number
}

/** What `kaimingUniform_` and `kaimingNormal_` take. */
export interface KaimingOptions {
  /** The negative slope of the leaky ReLU that follows. Default 0. */
  a?: number
  /** Whether the variance is kept forwards ('fan_in', default) or backwards ('fan_out'). */
  mode?: 'fan_in' | 'fan_out'
  /** Default 'leaky_relu'. */
  nonlinearity?: Nonlinearity
}

/** What `dirac_` takes. */
export interface DiracOptions {
  /** Of the convolution. Default 1. */
  groups?: number
}

/** In rows, as what is filled must be. @throws {ArgumentError} for what is no tensor */
function rows(name: string, x: Tensor): Tensor {
  if (!(x instanceof Tensor)) {
    throw new ArgumentError(`${name}: expected the tensor to fill, such as layer.weight, got ${kindOf(x)}`)
  }
  return x.toRows_()
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

/** Inputs and outputs of a weight [out, in, ...kernel]. @throws {ShapeError} below two dimensions */
function fans(name: string, { shape }: { shape: Shape }): [fanIn: number, fanOut: number] {
  if (shape.length < 2) {
    throw new ShapeError(
      `${name}: expected a weight [out, in, …], of at least two dimensions, got [${shape}]`,
    )
  }
  const field = sizeOf(shape.slice(2))
  return [shape[1] * field, shape[0] * field]
}

function gainOf(name: string, x: Tensor, options: GainOptions): number {
  rows(name, x)
  checkOptions(name, options, ['gain'])
  const { gain = 1 } = options
  checkNumber(name, 'gain', gain, { least: 0 })
  return gain
}

/**
 * Uniform numbers in ±gain · √(6 / (fanIn + fanOut)) (Glorot and Bengio, 2010).
 *
 * @param x [out, in, ...kernel]
 * @throws {ShapeError} below two dimensions
 */
export function xavierUniform_(x: Tensor, options: GainOptions = {}): Tensor {
  const gain = gainOf('xavierUniform_', x, options)
  const [into, out] = fans('xavierUniform_', x)
  const bound = gain * Math.sqrt(6 / Math.max(1, into + out))
  return fillUniform(x, -bound, bound)
}

/** Fills `x` with normal numbers of std gain · √(2 / (fanIn + fanOut)); else as `xavierUniform_`. @throws {ShapeError} below two dimensions */
export function xavierNormal_(x: Tensor, options: GainOptions = {}): Tensor {
  const gain = gainOf('xavierNormal_', x, options)
  const [into, out] = fans('xavierNormal_', x)
  return fillNormal(x, 0, gain * Math.sqrt(2 / Math.max(1, into + out)))
}

/** The standard deviation that keeps the variance. */
function kaimingStd(name: string, x: Tensor, options: KaimingOptions): number {
  rows(name, x)
  checkOptions(name, options, ['a', 'mode', 'nonlinearity'])
  const { a = 0, mode = 'fan_in', nonlinearity = 'leaky_relu' } = options
  checkNumber(name, 'a', a, { least: -Number.MAX_VALUE })
  if (mode !== 'fan_in' && mode !== 'fan_out') {
    throw new ArgumentError(`${name}: mode is 'fan_in' or 'fan_out', got ${kindOf(mode)}`)
  }
  const gain = gainBefore(name, nonlinearity, a)
  const [into, out] = fans(name, x)
  return gain / Math.sqrt(Math.max(1, mode === 'fan_in' ? into : out))
}

/**
 * Uniform numbers in ±gain · √(3 / fan) (He et al., 2015), where `gain` is `calculateGain(nonlinearity, a)`.
 *
 * @param x [out, in, ...kernel]
 * @throws {ShapeError} below two dimensions
 * @throws {ArgumentError} for an unknown mode or nonlinearity
 */
export function kaimingUniform_(x: Tensor, options: KaimingOptions = {}): Tensor {
  const bound = Math.sqrt(3) * kaimingStd('kaimingUniform_', x, options)
  return fillUniform(x, -bound, bound)
}

/** Fills `x` with normal numbers of std gain / √fan; else as `kaimingUniform_`. @throws {ShapeError} @throws {ArgumentError} */
export function kaimingNormal_(x: Tensor, options: KaimingOptions = {}): Tensor {
  return fillNormal(x, 0, kaimingStd('kaimingNormal_', x, options))
}

/**
 * Makes `x` a matrix with orthonormal rows or columns, whichever are fewer (Saxe et al., 2014), times `gain`; dimensions behind
 * the first count as one.
 *
 * @throws {ShapeError} below two dimensions
 */
export function orthogonal_(x: Tensor, options: GainOptions = {}): Tensor {
  const gain = gainOf('orthogonal_', x, options)
  fans('orthogonal_', x)
  if (x.size === 0) return x
  const [n] = x.shape
  const m = x.size / n
  const [long, short] = [Math.max(n, m), Math.min(n, m)]
  const noise = fillNormal(empty([long, short], 'rows', 'leaf'), 0, 1)
  const columns = orthonormalColumns(noise.toFloat32Array(), long, short)
  // columns[j] is a column of n or, lying down, a row of m.
  const values = Float32Array.from({ length: n * m }, (_, at) => {
    const [i, j] = [Math.floor(at / m), at % m]
    return gain * (n >= m ? columns[j][i] : columns[i][j])
  })
  return x.copy_(fromValues(values, x.shape))
}

/**
 * What weights before a nonlinearity are scaled by.
 * https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.calculate_gain
 *
 * @param nonlinearity by PyTorch's name
 * @param param the negative slope of 'leaky_relu', default 0.01
 * @throws {ArgumentError} for another name
 */
export function calculateGain(nonlinearity: Nonlinearity, param = 0.01): number {
  checkNumber('calculateGain', 'param', param, { least: -Number.MAX_VALUE })
  return gainBefore('calculateGain', nonlinearity, param)
}

function gainBefore(name: string, nonlinearity: Nonlinearity, slope: number): number {
  const gains: Readonly<Record<Nonlinearity, number>> = {
    linear: 1,
    conv1d: 1,
    conv2d: 1,
    conv3d: 1,
    sigmoid: 1,
    tanh: 5 / 3,
    relu: Math.SQRT2,
    leaky_relu: Math.sqrt(2 / (1 + slope ** 2)),
    selu: 3 / 4,
  }
  if (typeof nonlinearity === 'string' && Object.hasOwn(gains, nonlinearity)) return gains[nonlinearity]
  throw new ArgumentError(
    `${name}: nonlinearity is ${Object.keys(gains).join(', ')}; got ${kindOf(nonlinearity)}`,
  )
}
