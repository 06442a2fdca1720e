/** Initialisers whose scale comes from a weight's sizes and from what follows it: https://pytorch.org/docs/stable/nn.init.html */
import { checkNumber, checkOptions, kindOf } from '../check.js'
import { ArgumentError, ShapeError } from '../errors.js'
import { fromValues } from '../tensor/create.js'
import { fillNormal, fillUniform } from '../tensor/random.js'
import { type Shape, sizeOf } from '../tensor/shape.js'
import { empty, type Tensor } from '../tensor/tensor.js'
import { rows } from './filled.js'
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
