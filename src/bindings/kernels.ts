/**
 * The kernels under the signatures that the operations use: a thin layer over the generated functions.
 */
import type { Memory } from './call.js'
import * as kernels from './kernels.generated.js'
import type { Layout, Storage } from './memory.js'

export type { Dimensions } from './call.js'

import type { Dimensions } from './call.js'

/** Floats of a 4-D array in lanes: blocks of 16 images, the last rounded up to a multiple of 4. */
export function lanesLength(n: number, image: number): number {
  return Math.ceil(n / 4) * 4 * image
}

type Forward = (x: Storage, y: Storage, n: number) => void
type Backward = (x: Storage, y: Storage, dy: Storage, dx: Storage, n: number) => void

const forward =
  (op: number): Forward =>
  (x, y) =>
    kernels.unaryForward({ op, x, y })
const backward =
  (op: number): Backward =>
  (x, y, dy, dx) =>
    kernels.unaryBackward({ op, x, y, dy, dx })

export const negForward = forward(0)
export const negBackward = backward(0)
export const absForward = forward(1)
export const absBackward = backward(1)
export const sqrtForward = forward(2)
export const sqrtBackward = backward(2)
export const expForward = forward(3)
export const expBackward = backward(3)
export const logForward = forward(4)
export const logBackward = backward(4)
export const reluForward = forward(5)
export const reluBackward = backward(5)
export const sigmoidForward = forward(6)
export const sigmoidBackward = backward(6)
export const tanhForward = forward(7)
export const tanhBackward = backward(7)

export function powForward(x: Storage, exponent: number, y: Storage, _n: number): void {
  kernels.powForward({ x, exponent, y })
}

export function powBackward(x: Storage, exponent: number, dy: Storage, dx: Storage, _n: number): void {
  kernels.powBackward({ x, exponent, dy, dx })
}

export function accumulate(x: Storage, y: Storage): void {
  kernels.accumulate({ x, y })
}

export function fill(y: Storage, value: number): void {
  kernels.fill({ y, value })
}

type Binary = (dimensions: Dimensions, a: Storage, b: Storage, y: Storage, n: number) => void

function binary(name: keyof typeof kernels.BINARY): Binary {
  const op = kernels.BINARY[name]
  return (dims, a, b, y) => kernels.binary({ op, a, b, y, dims })
}

export const add = binary('add')
export const sub = binary('sub')
export const mul = binary('mul')
export const div = binary('div')
export const maximum = binary('maximum')
export const maximumShare = binary('maximumShare')

/** `[outer, n, inner]`, reduced over `n`. */
export type ReduceShape = readonly [outer: number, n: number, inner: number]

export function sumForward([outer, n, inner]: ReduceShape, x: Storage, scale: number, y: Storage): void {
  kernels.sumForward({ outer, n, inner, x, scale, y })
}

export function maxForward([outer, n, inner]: ReduceShape, x: Storage, y: Storage, index: Storage): void {
  kernels.maxForward({ outer, n, inner, x, y, index })
}

export function maxBackward([outer, n, inner]: ReduceShape, index: Storage, dy: Storage, dx: Storage): void {
  kernels.maxBackward({ outer, n, inner, index, dy, dx })
}

/** Strides in floats; `xStart` and `yStart` too. */
export function copyStrided(dims: Dimensions, x: Storage, xStart: number, y: Storage, yStart: number): void {
  kernels.copyStrided({ xStart, yStart, x, y, dims })
}

export function rowsToLanes(x: Storage, y: Storage, n: number, image: number): void {
  kernels.rowsToLanes({ n, image, x, y })
}

export function lanesToRows(x: Storage, y: Storage, n: number, image: number): void {
  kernels.lanesToRows({ n, image, x, y })
}

/** Which operands are transposed: `C = A·B`, `A·Bᵀ` or `Aᵀ·B`. */
export const MATMUL_FORMS = { NN: 0, NT: 1, TN: 2 } as const

export function matmul(
  form: keyof typeof MATMUL_FORMS,
  [m, n, k]: readonly [m: number, n: number, k: number],
  a: Storage,
  b: Storage,
  bias: Storage | undefined,
  c: Storage,
  offsets: readonly [a: number, b: number, c: number] = [0, 0, 0],
): void {
  const part = (of: Storage, start: number, length: number): Memory => ({
    address: of.address + 4 * start,
    length,
    version: 0,
  })
  kernels.matmul({
    form,
    m,
    n,
    k,
    a: part(a, offsets[0], m * k),
    b: part(b, offsets[1], k * n),
    bias,
    c: part(c, offsets[2], m * n),
    dims: [[], [], []],
  })
}

export function softmaxForward(rows: number, cols: number, x: Storage, y: Storage): void {
  kernels.softmaxForward({ rows, cols, x, y })
}

export function softmaxBackward(rows: number, cols: number, y: Storage, dy: Storage, dx: Storage): void {
  kernels.softmaxBackward({ rows, cols, y, dy, dx })
}

export function logSoftmaxForward(rows: number, cols: number, x: Storage, y: Storage): void {
  kernels.logSoftmaxForward({ rows, cols, x, y })
}

export function logSoftmaxBackward(rows: number, cols: number, y: Storage, dy: Storage, dx: Storage): void {
  kernels.logSoftmaxBackward({ rows, cols, y, dy, dx })
}

export function crossEntropyForward(
  n: number,
  classes: number,
  logits: Storage,
  labels: Storage,
  logProbabilities: Storage,
  losses: Storage,
): number {
  return kernels.crossEntropyForward({ n, classes, logits, labels, logProbabilities, losses })
}

export function crossEntropyBackward(
  n: number,
  classes: number,
  logProbabilities: Storage,
  labels: Storage,
  scale: Storage,
  _scales: number,
  dlogits: Storage,
): void {
  kernels.crossEntropyBackward({ n, classes, logProbabilities, labels, scale, dlogits })
}

export function countCorrect(n: number, classes: number, logits: Storage, labels: Storage): number {
  return kernels.countCorrect({ n, classes, logits, labels })
}

/** Scalars of an SGD step; see `optim.SGD`. */
export type SgdStep = Omit<kernels.SgdStep, 'p' | 'g' | 'momentumBuffer'>

export function sgdStep(p: Storage, g: Storage, momentumBuffer: Storage | undefined, s: SgdStep): void {
  kernels.sgdStep({ p, g, momentumBuffer, ...s })
}

/** Scalars of an Adam step; see `optim.Adam`. */
export type AdamStep = Omit<kernels.AdamStep, 'p' | 'g' | 'm' | 'v'>

export function adamStep(p: Storage, g: Storage, m: Storage, v: Storage, s: AdamStep): void {
  kernels.adamStep({ p, g, m, v, ...s })
}

/** Where in the stream of random numbers to start: two words of the seed, two of the block counter. */
export type RandomState = readonly [seedLow: number, seedHigh: number, offsetLow: number, offsetHigh: number]

const stream = ([seedLow, seedHigh, offsetLow, offsetHigh]: RandomState) => ({
  seedLow,
  seedHigh,
  offsetLow,
  offsetHigh,
})

export function fillUniform(y: Storage, _n: number, state: RandomState, low: number, high: number): void {
  kernels.fillUniform({ y, ...stream(state), low, high })
}

export function fillNormal(y: Storage, _n: number, state: RandomState, mean: number, std: number): void {
  kernels.fillNormal({ y, ...stream(state), mean, std })
}

export function fillBernoulli(y: Storage, _n: number, state: RandomState, keep: number, scale: number): void {
  kernels.fillBernoulli({ y, ...stream(state), keep, scale })
}

export function randomPermutation(y: Storage, _n: number, state: RandomState): number {
  return kernels.randomPermutation({ y, ...stream(state) })
}

export function gatherU8(
  source: Storage,
  sourceRows: number,
  indices: Storage,
  count: number,
  width: number,
  scale: number,
  shift: number,
  y: Storage,
  first = 0,
): number {
  return kernels.gatherU8({ sourceRows, width, first, count, source, indices, scale, shift, y })
}

export function gatherF32(
  source: Storage,
  sourceRows: number,
  indices: Storage,
  count: number,
  width: number,
  y: Storage,
  first = 0,
): number {
  return kernels.gatherF32({ sourceRows, width, first, count, source, indices, y })
}

/** Sizes of a convolution: input [n, c, h, w], weight [oc, c, kh, kw]. */
export interface Conv2dShape {
  n: number
  c: number
  h: number
  w: number
  oc: number
  kernel: readonly [h: number, w: number]
  stride: readonly [h: number, w: number]
  padding: readonly [h: number, w: number]
}

const sizes = ({ n, c, h, w, kernel, stride, padding }: MaxPool2dShape) => ({
  n,
  c,
  h,
  w,
  kh: kernel[0],
  kw: kernel[1],
  strideH: stride[0],
  strideW: stride[1],
  paddingH: padding[0],
  paddingW: padding[1],
})

export function conv2dForward(
  s: Conv2dShape,
  x: Storage,
  weight: Storage,
  bias: Storage | undefined,
  y: Storage,
): void {
  kernels.conv2dForward({ ...sizes(s), oc: s.oc, x, weight, bias, y })
}

export function conv2dBackwardInput(s: Conv2dShape, dy: Storage, weight: Storage, dx: Storage): void {
  kernels.conv2dBackwardInput({ ...sizes(s), oc: s.oc, dy, weight, dx })
}

export function conv2dBackwardWeight(
  s: Conv2dShape,
  x: Storage,
  dy: Storage,
  dweight: Storage,
  dbias: Storage | undefined,
): void {
  kernels.conv2dBackwardWeight({ ...sizes(s), oc: s.oc, x, dy, dweight, dbias })
}

/** Sizes of a pooling: input [n, c, h, w]. */
export type MaxPool2dShape = Omit<Conv2dShape, 'oc'>

export function maxPool2dForward(
  s: MaxPool2dShape,
  x: Storage,
  factors: Storage | undefined,
  y: Storage,
): void {
  kernels.maxPool2dForward({ ...sizes(s), x, factors, y })
}

export function maxPool2dBackward(s: MaxPool2dShape, x: Storage, y: Storage, dy: Storage, dx: Storage): void {
  kernels.maxPool2dBackward({ ...sizes(s), x, y, dy, dx })
}

/** `[n, c]` in rows (and `s` is 1), or `[n, c, s]` in lanes. */
export interface BatchNormShape {
  layout: Layout
  n: number
  c: number
  s: number
}

/** What normalises each channel: the mean as the sum of two floats, and the biased variance. */
export interface BatchNormStatistics {
  mean: Storage
  /** What `mean` lacks; undefined where it is exact. */
  residual: Storage | undefined
  var: Storage
  eps: number
}

const named = ({ mean, residual, var: variance, eps }: BatchNormStatistics) => ({
  mean,
  residual,
  variance,
  eps,
})

export function batchNormStatistics(
  h: BatchNormShape,
  x: Storage,
  mean: Storage,
  residual: Storage,
  variance: Storage,
): void {
  kernels.batchNormStatistics({ ...h, x, mean, residual, variance })
}

/** Changes the running statistics in place. */
export function batchNormUpdateRunning(
  c: number,
  { mean, var: variance }: BatchNormStatistics,
  count: number,
  momentum: number,
  runningMean: Storage,
  runningVar: Storage,
): void {
  kernels.batchNormUpdateRunning({ c, count, mean, variance, momentum, runningMean, runningVar })
}

export function batchNormForward(
  h: BatchNormShape,
  x: Storage,
  statistics: BatchNormStatistics,
  weight: Storage | undefined,
  bias: Storage | undefined,
  y: Storage,
): void {
  kernels.batchNormForward({ ...h, x, ...named(statistics), weight, bias, y })
}

export function batchNormBackward(
  h: BatchNormShape,
  x: Storage,
  dy: Storage,
  statistics: BatchNormStatistics,
  weight: Storage | undefined,
  training: boolean,
  dx: Storage | undefined,
  dweight: Storage,
  dbias: Storage,
): void {
  kernels.batchNormBackward({ ...h, x, dy, ...named(statistics), weight, training, dx, dweight, dbias })
}

export function batchNormMaxPool2dBackward(
  s: MaxPool2dShape,
  x: Storage,
  z: Storage,
  dy: Storage,
  statistics: BatchNormStatistics,
  weight: Storage | undefined,
  training: boolean,
  dx: Storage | undefined,
  dweight: Storage,
  dbias: Storage,
): void {
  const { n, c, h, w } = s
  const rest = { weight, training, dx, dweight, dbias }
  kernels.batchNormMaxPool2dBackward({ n, c, h, w, x, z, dy, ...named(statistics), ...rest })
}
