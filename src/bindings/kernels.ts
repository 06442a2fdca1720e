/**
 * One typed function per kernel of the crate, under the kernel's name in camelCase. They check nothing:
 * the operations above have checked shapes. Storages become addresses here, right before the call.
 */
import { instance } from './instance.js'
import { bytes, type Layout, type Storage } from './memory.js'

const at = (storage: Storage | undefined): number => (storage ? storage.address : 0)
const wasm = () => instance().kernels

/** Floats of a 4-D array in lanes: blocks of 16 images, the last rounded up to a multiple of 4. */
export function lanesLength(n: number, image: number): number {
  return Math.ceil(n / 4) * 4 * image
}

// --- elementwise ---------------------------------------------------------------------------------------

type Forward = (x: Storage, y: Storage, n: number) => void
type Backward = (x: Storage, y: Storage, dy: Storage, dx: Storage, n: number) => void

export const negForward: Forward = (x, y, n) => wasm().neg_forward(x.address, y.address, n)
export const absForward: Forward = (x, y, n) => wasm().abs_forward(x.address, y.address, n)
export const sqrtForward: Forward = (x, y, n) => wasm().sqrt_forward(x.address, y.address, n)
export const expForward: Forward = (x, y, n) => wasm().exp_forward(x.address, y.address, n)
export const logForward: Forward = (x, y, n) => wasm().log_forward(x.address, y.address, n)
export const reluForward: Forward = (x, y, n) => wasm().relu_forward(x.address, y.address, n)
export const sigmoidForward: Forward = (x, y, n) => wasm().sigmoid_forward(x.address, y.address, n)
export const tanhForward: Forward = (x, y, n) => wasm().tanh_forward(x.address, y.address, n)

export const negBackward: Backward = (x, y, dy, dx, n) =>
  wasm().neg_backward(x.address, y.address, dy.address, dx.address, n)
export const absBackward: Backward = (x, y, dy, dx, n) =>
  wasm().abs_backward(x.address, y.address, dy.address, dx.address, n)
export const sqrtBackward: Backward = (x, y, dy, dx, n) =>
  wasm().sqrt_backward(x.address, y.address, dy.address, dx.address, n)
export const expBackward: Backward = (x, y, dy, dx, n) =>
  wasm().exp_backward(x.address, y.address, dy.address, dx.address, n)
export const logBackward: Backward = (x, y, dy, dx, n) =>
  wasm().log_backward(x.address, y.address, dy.address, dx.address, n)
export const reluBackward: Backward = (x, y, dy, dx, n) =>
  wasm().relu_backward(x.address, y.address, dy.address, dx.address, n)
export const sigmoidBackward: Backward = (x, y, dy, dx, n) =>
  wasm().sigmoid_backward(x.address, y.address, dy.address, dx.address, n)
export const tanhBackward: Backward = (x, y, dy, dx, n) =>
  wasm().tanh_backward(x.address, y.address, dy.address, dx.address, n)

export function powForward(x: Storage, exponent: number, y: Storage, n: number): void {
  wasm().pow_forward(x.address, exponent, y.address, n)
}

export function powBackward(x: Storage, exponent: number, dy: Storage, dx: Storage, n: number): void {
  wasm().pow_backward(x.address, exponent, dy.address, dx.address, n)
}

/** `y += x`, over all of `y`'s memory. */
export function accumulate(x: Storage, y: Storage): void {
  wasm().accumulate(x.address, y.address, y.size / 4)
}

/** Every float of `y`'s memory becomes `value`. */
export function fill(y: Storage, value: number): void {
  wasm().fill(y.address, y.size / 4, value)
}

/** The dimensions of a broadcast or strided copy: the shape, then each operand's strides. */
export type Dimensions = readonly [shape: readonly number[], a: readonly number[], b: readonly number[]]

let dimensionsAddress = 0
let dimensionsRank = 0
let dimensionsOwner: unknown

/** Writes dimensions where the kernels read them; the place is reused by the next call. */
function writeDimensions(dimensions: Dimensions): [address: number, rank: number] {
  const rank = dimensions[0].length
  const owner = instance()
  if (rank > dimensionsRank || dimensionsOwner !== owner) {
    dimensionsRank = Math.max(8, rank)
    dimensionsAddress = owner.kernels.allocate(3 * 4 * dimensionsRank) >>> 0
    dimensionsOwner = owner
  }
  const words = new Uint32Array(bytes().buffer, dimensionsAddress, 3 * rank)
  dimensions.forEach((values, i) => {
    words.set(values, i * rank)
  })
  return [dimensionsAddress, rank]
}

type Binary = (dimensions: Dimensions, a: Storage, b: Storage, y: Storage, n: number) => void

function binary(name: 'add' | 'sub' | 'mul' | 'div' | 'maximum' | 'maximum_share'): Binary {
  return (dimensions, a, b, y, n) => {
    const [address, rank] = writeDimensions(dimensions)
    const [aAt, bAt, yAt] = [a.address, b.address, y.address]
    wasm()[name](address, rank, aAt, a.size / 4, bAt, b.size / 4, yAt, n)
  }
}

export const add = binary('add')
export const sub = binary('sub')
export const mul = binary('mul')
export const div = binary('div')
export const maximum = binary('maximum')
export const maximumShare = binary('maximum_share')

// --- reductions ----------------------------------------------------------------------------------------

/** `[outer, n, inner]`, reduced over `n`. */
export type ReduceShape = readonly [outer: number, n: number, inner: number]

export function sumForward([outer, n, inner]: ReduceShape, x: Storage, scale: number, y: Storage): void {
  wasm().sum_forward(outer, n, inner, x.address, scale, y.address)
}

export function maxForward([outer, n, inner]: ReduceShape, x: Storage, y: Storage, index: Storage): void {
  wasm().max_forward(outer, n, inner, x.address, y.address, index.address)
}

export function maxBackward([outer, n, inner]: ReduceShape, index: Storage, dy: Storage, dx: Storage): void {
  wasm().max_backward(outer, n, inner, index.address, dy.address, dx.address)
}

// --- copies --------------------------------------------------------------------------------------------

/** Strides in floats; `xOffset` and `yOffset` too. */
export function copyStrided(
  dimensions: Dimensions,
  x: Storage,
  xOffset: number,
  y: Storage,
  yOffset: number,
): void {
  const [address, rank] = writeDimensions(dimensions)
  const [from, to] = [x.address + 4 * xOffset, y.address + 4 * yOffset]
  wasm().copy_strided(address, rank, from, x.size / 4 - xOffset, to, y.size / 4 - yOffset)
}

export function rowsToLanes(x: Storage, y: Storage, n: number, image: number): void {
  wasm().rows_to_lanes(n, image, x.address, y.address)
}

export function lanesToRows(x: Storage, y: Storage, n: number, image: number): void {
  wasm().lanes_to_rows(n, image, x.address, y.address)
}

// --- matmul --------------------------------------------------------------------------------------------

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
  const [aAt, bAt, biasAt, cAt] = [a.address, b.address, at(bias), c.address]
  wasm().matmul(
    MATMUL_FORMS[form],
    m,
    n,
    k,
    aAt + 4 * offsets[0],
    bAt + 4 * offsets[1],
    biasAt,
    cAt + 4 * offsets[2],
  )
}

// --- softmax and cross entropy -------------------------------------------------------------------------

export function softmaxForward(rows: number, cols: number, x: Storage, y: Storage): void {
  wasm().softmax_forward(rows, cols, x.address, y.address)
}

export function softmaxBackward(rows: number, cols: number, y: Storage, dy: Storage, dx: Storage): void {
  wasm().softmax_backward(rows, cols, y.address, dy.address, dx.address)
}

export function logSoftmaxForward(rows: number, cols: number, x: Storage, y: Storage): void {
  wasm().log_softmax_forward(rows, cols, x.address, y.address)
}

export function logSoftmaxBackward(rows: number, cols: number, y: Storage, dy: Storage, dx: Storage): void {
  wasm().log_softmax_backward(rows, cols, y.address, dy.address, dx.address)
}

/** The position of the first label that is no class, or −1; then nothing was written. */
export function crossEntropyForward(
  n: number,
  classes: number,
  logits: Storage,
  labels: Storage,
  logProbabilities: Storage,
  losses: Storage,
): number {
  return wasm().cross_entropy_forward(
    n,
    classes,
    logits.address,
    labels.address,
    logProbabilities.address,
    losses.address,
  )
}

/** `scale` is one float for all rows (`scales` = 1) or one per row. */
export function crossEntropyBackward(
  n: number,
  classes: number,
  logProbabilities: Storage,
  labels: Storage,
  scale: Storage,
  scales: number,
  dlogits: Storage,
): void {
  wasm().cross_entropy_backward(
    n,
    classes,
    logProbabilities.address,
    labels.address,
    scale.address,
    scales,
    dlogits.address,
  )
}

/** Rows whose largest logit is the label's. */
export function countCorrect(n: number, classes: number, logits: Storage, labels: Storage): number {
  return wasm().count_correct(n, classes, logits.address, labels.address)
}

// --- optimisers ----------------------------------------------------------------------------------------

/** Scalars of an SGD step; see `optim.SGD`. */
export interface SgdStep {
  lr: number
  momentum: number
  dampening: number
  weightDecay: number
  nesterov: boolean
  firstStep: boolean
}

export function sgdStep(p: Storage, g: Storage, momentumBuffer: Storage | undefined, s: SgdStep): void {
  wasm().sgd_step(
    p.size / 4,
    p.address,
    g.address,
    at(momentumBuffer),
    s.lr,
    s.momentum,
    s.dampening,
    s.weightDecay,
    Number(s.nesterov),
    Number(s.firstStep),
  )
  p.version++
}

/** Scalars of an Adam step; see `optim.Adam`. */
export interface AdamStep {
  lr: number
  beta1: number
  beta2: number
  eps: number
  weightDecay: number
  /** AdamW: the decay acts on the parameter, not through the gradient. */
  decoupled: boolean
  /** Counted from 1. */
  step: number
}

export function adamStep(p: Storage, g: Storage, m: Storage, v: Storage, s: AdamStep): void {
  wasm().adam_step(
    p.size / 4,
    p.address,
    g.address,
    m.address,
    v.address,
    s.lr,
    s.beta1,
    s.beta2,
    s.eps,
    s.weightDecay,
    Number(s.decoupled),
    s.step,
  )
  p.version++
}

// --- random numbers ------------------------------------------------------------------------------------

/** Where in the stream of random numbers to start: two words of the seed, two of the block counter. */
export type RandomState = readonly [seedLow: number, seedHigh: number, offsetLow: number, offsetHigh: number]

export function fillUniform(y: Storage, n: number, state: RandomState, low: number, high: number): void {
  wasm().fill_uniform(n, y.address, ...state, low, high)
}

export function fillNormal(y: Storage, n: number, state: RandomState, mean: number, std: number): void {
  wasm().fill_normal(n, y.address, ...state, mean, std)
}

export function fillBernoulli(y: Storage, n: number, state: RandomState, keep: number, scale: number): void {
  wasm().fill_bernoulli(n, y.address, ...state, keep, scale)
}

/** Writes `n` u32; gives the number of blocks used up. */
export function randomPermutation(y: Storage, n: number, state: RandomState): number {
  return wasm().random_permutation(n, y.address, ...state)
}

// --- gathering a batch ---------------------------------------------------------------------------------

/** `y[i][j] = source[indices[i]][j] · scale + shift`; the position of the first bad index, or −1. */
export function gatherU8(
  source: Storage,
  sourceRows: number,
  indices: Storage,
  count: number,
  row: number,
  scale: number,
  shift: number,
  y: Storage,
  first = 0,
): number {
  return wasm().gather_u8(
    source.address,
    sourceRows,
    indices.address + 4 * first,
    count,
    row,
    scale,
    shift,
    y.address,
  )
}

/** `y[i] = source[indices[i]]`; the position of the first bad index, or −1. */
export function gatherF32(
  source: Storage,
  sourceRows: number,
  indices: Storage,
  count: number,
  row: number,
  y: Storage,
  first = 0,
): number {
  return wasm().gather_f32(source.address, sourceRows, indices.address + 4 * first, count, row, y.address)
}

// --- convolution and pooling ---------------------------------------------------------------------------

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

/** `x` and `y` in lanes. */
export function conv2dForward(
  s: Conv2dShape,
  x: Storage,
  weight: Storage,
  bias: Storage | undefined,
  y: Storage,
): void {
  const [xAt, weightAt, biasAt, yAt] = [x.address, weight.address, at(bias), y.address]
  wasm().conv2d_forward(
    s.n,
    s.c,
    s.h,
    s.w,
    s.oc,
    ...s.kernel,
    ...s.stride,
    ...s.padding,
    xAt,
    weightAt,
    biasAt,
    yAt,
  )
}

/** `dy` and `dx` in lanes. */
export function conv2dBackwardInput(s: Conv2dShape, dy: Storage, weight: Storage, dx: Storage): void {
  const [dyAt, weightAt, dxAt] = [dy.address, weight.address, dx.address]
  wasm().conv2d_backward_input(
    s.n,
    s.c,
    s.h,
    s.w,
    s.oc,
    ...s.kernel,
    ...s.stride,
    ...s.padding,
    dyAt,
    weightAt,
    dxAt,
  )
}

/** `x` and `dy` in lanes. */
export function conv2dBackwardWeight(
  s: Conv2dShape,
  x: Storage,
  dy: Storage,
  dw: Storage,
  db: Storage | undefined,
): void {
  const [xAt, dyAt, dwAt, dbAt] = [x.address, dy.address, dw.address, at(db)]
  wasm().conv2d_backward_weight(
    s.n,
    s.c,
    s.h,
    s.w,
    s.oc,
    ...s.kernel,
    ...s.stride,
    ...s.padding,
    xAt,
    dyAt,
    dwAt,
    dbAt,
  )
}

/** Sizes of a pooling: input [n, c, h, w]. */
export type MaxPool2dShape = Omit<Conv2dShape, 'oc'>

/** `x` and `y` in lanes. */
export function maxPool2dForward(s: MaxPool2dShape, x: Storage, y: Storage): void {
  wasm().max_pool2d_forward(s.n, s.c, s.h, s.w, ...s.kernel, ...s.stride, ...s.padding, x.address, y.address)
}

/** All in lanes. */
export function maxPool2dBackward(s: MaxPool2dShape, x: Storage, y: Storage, dy: Storage, dx: Storage): void {
  const [xAt, yAt, dyAt, dxAt] = [x.address, y.address, dy.address, dx.address]
  wasm().max_pool2d_backward(s.n, s.c, s.h, s.w, ...s.kernel, ...s.stride, ...s.padding, xAt, yAt, dyAt, dxAt)
}

// --- batch normalisation -------------------------------------------------------------------------------

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

const LAYOUTS = { rows: 0, lanes: 1 } as const

export function batchNormStatistics(
  h: BatchNormShape,
  x: Storage,
  mean: Storage,
  residual: Storage,
  variance: Storage,
): void {
  const [xAt, meanAt, residualAt, varAt] = [x.address, mean.address, residual.address, variance.address]
  wasm().batch_norm_statistics(LAYOUTS[h.layout], h.n, h.c, h.s, xAt, meanAt, residualAt, varAt)
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
  const [meanAt, varAt] = [mean.address, variance.address]
  wasm().batch_norm_update_running(c, meanAt, varAt, count, momentum, runningMean.address, runningVar.address)
  runningMean.version++
  runningVar.version++
}

export function batchNormForward(
  h: BatchNormShape,
  x: Storage,
  { mean, residual, var: variance, eps }: BatchNormStatistics,
  weight: Storage | undefined,
  bias: Storage | undefined,
  y: Storage,
): void {
  const [xAt, meanAt, residualAt, varAt] = [x.address, mean.address, at(residual), variance.address]
  const [weightAt, biasAt, yAt] = [at(weight), at(bias), y.address]
  wasm().batch_norm_forward(
    LAYOUTS[h.layout],
    h.n,
    h.c,
    h.s,
    xAt,
    meanAt,
    residualAt,
    varAt,
    eps,
    weightAt,
    biasAt,
    yAt,
  )
}

export function batchNormBackward(
  h: BatchNormShape,
  x: Storage,
  dy: Storage,
  { mean, residual, var: variance, eps }: BatchNormStatistics,
  weight: Storage | undefined,
  training: boolean,
  dx: Storage | undefined,
  dweight: Storage,
  dbias: Storage,
): void {
  const [xAt, dyAt, meanAt, residualAt, varAt] = [
    x.address,
    dy.address,
    mean.address,
    at(residual),
    variance.address,
  ]
  const [weightAt, dxAt, dweightAt, dbiasAt] = [at(weight), at(dx), dweight.address, dbias.address]
  wasm().batch_norm_backward(
    LAYOUTS[h.layout],
    h.n,
    h.c,
    h.s,
    xAt,
    dyAt,
    meanAt,
    residualAt,
    varAt,
    eps,
    weightAt,
    Number(training),
    dxAt,
    dweightAt,
    dbiasAt,
  )
}
