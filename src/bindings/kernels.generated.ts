// Written by `cargo run --bin bindings` in crates/bnkernels from src/exports/mod.rs: change it there.
import { call, type Dimensions, type Memory, startRow, writeDimensions } from './call.js'

/** The numbers of the operations of `binary`. */
export const BINARY = {
  /** `a + b`. */
  add: 0,
  /** `a - b`. */
  sub: 1,
  /** `a · b`. */
  mul: 2,
  /** `a / b`. */
  div: 3,
  /** `max(a, b)`; NaN where either is. */
  maximum: 4,
  /** What share of the gradient `maximum` passes to `a`: 1, 0, or ½ where both are equal. */
  maximumShare: 5,
  /** `min(a, b)`; NaN where either is. */
  minimum: 6,
  /** 1 where `a = b`, else 0; as all comparisons. */
  eq: 7,
  /** 1 where `a ≠ b`; so with NaN. */
  ne: 8,
  /** 1 where `a < b`. */
  lt: 9,
  /** 1 where `a ≤ b`. */
  le: 10,
  /** 1 where `a > b`. */
  gt: 11,
  /** 1 where `a ≥ b`. */
  ge: 12,
  /** `b` where `a` is not 0; 0 where it is, whatever `b` is there. */
  keep: 13,
  /** `b` where `a` is 0; 0 where it is not, whatever `b` is there. */
  drop: 14,
  /** The one of `a` and `b` that `keep` and `drop` left: the bits that either has. */
  join: 15,
  /** `a` above 0, `b · a` below. */
  prelu: 16,
  /** The slope of `prelu` in `a`: 1 above 0, `b` below. */
  preluSlope: 17,
  /** The gradient of `prelu`'s `b`, of `a` and the result's `b`: 0 where `a` is above 0, else their product. */
  preluWeight: 18,
} as const

/** The arguments of `unaryForward`. */
export interface UnaryForward {
  readonly op: number
  readonly first: number
  readonly second: number
  /** Floats. */
  readonly x: Memory
  /** `x.length` floats; written. */
  readonly y: Memory
}

/**
 * `y = f(x)`, with the function of that number in the table of unary operations. `first` and `second` are the
 * numbers that it takes besides `x`, 0 where it takes fewer.
 */
export function unaryForward({ op, first, second, x, y }: UnaryForward): void {
  y.willChange()
  const xAt = x.address
  const yAt = y.address
  const row = startRow(0)
  row[2] = op
  row[3] = first
  row[4] = second
  row[5] = xAt
  row[6] = x.length
  row[7] = yAt
  row[8] = y.length
  call(row, 'unaryForward')
  y.version++
}

/** The arguments of `unaryBackward`. */
export interface UnaryBackward {
  readonly op: number
  readonly first: number
  readonly second: number
  /** `dy.length` floats. */
  readonly x?: Memory | undefined
  /** `dy.length` floats. */
  readonly y?: Memory | undefined
  /** Floats. */
  readonly dy: Memory
  /** `dy.length` floats; written. */
  readonly dx: Memory
}

/** `dx = f′(x) · dy`; `x` or `y` may be missing where the gradient does not read it. */
export function unaryBackward({ op, first, second, x, y, dy, dx }: UnaryBackward): void {
  dx.willChange()
  const xAt = x?.address ?? 0
  const yAt = y?.address ?? 0
  const dyAt = dy.address
  const dxAt = dx.address
  const row = startRow(1)
  row[2] = op
  row[3] = first
  row[4] = second
  row[5] = xAt
  row[6] = x?.length ?? 0
  row[7] = yAt
  row[8] = y?.length ?? 0
  row[9] = dyAt
  row[10] = dy.length
  row[11] = dxAt
  row[12] = dx.length
  call(row, 'unaryBackward')
  dx.version++
}

/** The arguments of `binary`. */
export interface Binary {
  readonly op: number
  /** Floats. */
  readonly a: Memory
  /** Floats. */
  readonly b: Memory
  /** Floats; written. */
  readonly y: Memory
  readonly dims: Dimensions
}

/**
 * `y = a ∘ b`, with the operation of that number in the table of binary ones. `dims` are the shape of `y`
 * and the strides with which `a` and `b` are read: 0 where one is repeated; the innermost are 0 or 1.
 */
export function binary({ op, a, b, y, dims }: Binary): void {
  y.willChange()
  const aAt = a.address
  const bAt = b.address
  const yAt = y.address
  const row = startRow(2)
  row[2] = op
  row[3] = aAt
  row[4] = a.length
  row[5] = bAt
  row[6] = b.length
  row[7] = yAt
  row[8] = y.length
  writeDimensions(row, 9, dims)
  call(row, 'binary')
  y.version++
}

/** The arguments of `powForward`. */
export interface PowForward {
  /** Floats. */
  readonly x: Memory
  readonly exponent: number
  /** `x.length` floats; written. */
  readonly y: Memory
}

/** `y = xᵉ`; NaN where a negative base meets a broken exponent. */
export function powForward({ x, exponent, y }: PowForward): void {
  y.willChange()
  const xAt = x.address
  const yAt = y.address
  const row = startRow(3)
  row[2] = xAt
  row[3] = x.length
  row[4] = exponent
  row[5] = yAt
  row[6] = y.length
  call(row, 'powForward')
  y.version++
}

/** The arguments of `powBackward`. */
export interface PowBackward {
  /** Floats. */
  readonly x: Memory
  readonly exponent: number
  /** `x.length` floats. */
  readonly dy: Memory
  /** `x.length` floats; written. */
  readonly dx: Memory
}

/** `dx = dy · e · xᵉ⁻¹`; 0 for the exponent 0. */
export function powBackward({ x, exponent, dy, dx }: PowBackward): void {
  dx.willChange()
  const xAt = x.address
  const dyAt = dy.address
  const dxAt = dx.address
  const row = startRow(4)
  row[2] = xAt
  row[3] = x.length
  row[4] = exponent
  row[5] = dyAt
  row[6] = dy.length
  row[7] = dxAt
  row[8] = dx.length
  call(row, 'powBackward')
  dx.version++
}

/** The arguments of `accumulate`. */
export interface Accumulate {
  /** Floats. */
  readonly x: Memory
  /** `x.length` floats; written. */
  readonly y: Memory
}

/** `y += x`. */
export function accumulate({ x, y }: Accumulate): void {
  y.willChange()
  const xAt = x.address
  const yAt = y.address
  const row = startRow(5)
  row[2] = xAt
  row[3] = x.length
  row[4] = yAt
  row[5] = y.length
  call(row, 'accumulate')
  y.version++
}

/** The arguments of `fill`. */
export interface Fill {
  /** Floats; written. */
  readonly y: Memory
  readonly value: number
}

/** Every float of `y` becomes `value`. */
export function fill({ y, value }: Fill): void {
  y.willChange()
  const yAt = y.address
  const row = startRow(6)
  row[2] = yAt
  row[3] = y.length
  row[4] = value
  call(row, 'fill')
  y.version++
}

/** The arguments of `sumForward`. */
export interface SumForward {
  readonly outer: number
  readonly n: number
  readonly inner: number
  /** `outer * n * inner` floats. */
  readonly x: Memory
  readonly scale: number
  /** `outer * inner` floats; written. */
  readonly y: Memory
}

/** `y[o][i] = scale · Σₙ x[o][n][i]`. */
export function sumForward({ outer, n, inner, x, scale, y }: SumForward): void {
  y.willChange()
  const xAt = x.address
  const yAt = y.address
  const row = startRow(7)
  row[2] = outer
  row[3] = n
  row[4] = inner
  row[5] = xAt
  row[6] = x.length
  row[7] = scale
  row[8] = yAt
  row[9] = y.length
  call(row, 'sumForward')
  y.version++
}

/** The arguments of `maxForward`. */
export interface MaxForward {
  readonly outer: number
  readonly n: number
  readonly inner: number
  /** `outer * n * inner` floats. */
  readonly x: Memory
  /** `outer * inner` floats; written. */
  readonly y: Memory
  /** `outer * inner` floats; written. */
  readonly index: Memory
}

/** `y[o][i] = maxₙ x[o][n][i]`, and at which `n`: the first; NaN counts as the largest. */
export function maxForward({ outer, n, inner, x, y, index }: MaxForward): void {
  y.willChange()
  index.willChange()
  const xAt = x.address
  const yAt = y.address
  const indexAt = index.address
  const row = startRow(8)
  row[2] = outer
  row[3] = n
  row[4] = inner
  row[5] = xAt
  row[6] = x.length
  row[7] = yAt
  row[8] = y.length
  row[9] = indexAt
  row[10] = index.length
  call(row, 'maxForward')
  y.version++
  index.version++
}

/** The arguments of `maxBackward`. */
export interface MaxBackward {
  readonly outer: number
  readonly n: number
  readonly inner: number
  /** `outer * inner` floats. */
  readonly index: Memory
  /** `outer * inner` floats. */
  readonly dy: Memory
  /** `outer * n * inner` floats; written. */
  readonly dx: Memory
}

/** `dx` is `dy` at the maxima and 0 elsewhere. */
export function maxBackward({ outer, n, inner, index, dy, dx }: MaxBackward): void {
  dx.willChange()
  const indexAt = index.address
  const dyAt = dy.address
  const dxAt = dx.address
  const row = startRow(9)
  row[2] = outer
  row[3] = n
  row[4] = inner
  row[5] = indexAt
  row[6] = index.length
  row[7] = dyAt
  row[8] = dy.length
  row[9] = dxAt
  row[10] = dx.length
  call(row, 'maxBackward')
  dx.version++
}

/** The arguments of `copyStrided`. */
export interface CopyStrided {
  readonly xStart: number
  readonly yStart: number
  /** Floats. */
  readonly x: Memory
  /** Floats; written. */
  readonly y: Memory
  readonly dims: Dimensions
}

/**
 * `y[yStart + Σ iₖ·yStrideₖ] = x[xStart + Σ iₖ·xStrideₖ]` for every index of the shape; other elements of `y`
 * stay. `dims` are the shape, the strides of `x` and those of `y`.
 */
export function copyStrided({ xStart, yStart, x, y, dims }: CopyStrided): void {
  y.willChange()
  const xAt = x.address
  const yAt = y.address
  const row = startRow(10)
  row[2] = xStart
  row[3] = yStart
  row[4] = xAt
  row[5] = x.length
  row[6] = yAt
  row[7] = y.length
  writeDimensions(row, 8, dims)
  call(row, 'copyStrided')
  y.version++
}

/** The arguments of `rowsToLanes`. */
export interface RowsToLanes {
  readonly n: number
  readonly image: number
  /** `n * image` floats. */
  readonly x: Memory
  /** `lanes(n, image)` floats; written. */
  readonly y: Memory
}

/** From rows to lanes; padding lanes become 0. */
export function rowsToLanes({ n, image, x, y }: RowsToLanes): void {
  y.willChange()
  const xAt = x.address
  const yAt = y.address
  const row = startRow(11)
  row[2] = n
  row[3] = image
  row[4] = xAt
  row[5] = x.length
  row[6] = yAt
  row[7] = y.length
  call(row, 'rowsToLanes')
  y.version++
}

/** The arguments of `clearPadding`. */
export interface ClearPadding {
  readonly n: number
  readonly image: number
  /** `lanes(n, image)` floats; written. */
  readonly y: Memory
}

/** The lanes past `n`, of an array in lanes, become 0. */
export function clearPadding({ n, image, y }: ClearPadding): void {
  y.willChange()
  const yAt = y.address
  const row = startRow(12)
  row[2] = n
  row[3] = image
  row[4] = yAt
  row[5] = y.length
  call(row, 'clearPadding')
  y.version++
}

/** The arguments of `lanesToRows`. */
export interface LanesToRows {
  readonly n: number
  readonly image: number
  /** `lanes(n, image)` floats. */
  readonly x: Memory
  /** `n * image` floats; written. */
  readonly y: Memory
}

/** From lanes to rows. */
export function lanesToRows({ n, image, x, y }: LanesToRows): void {
  y.willChange()
  const xAt = x.address
  const yAt = y.address
  const row = startRow(13)
  row[2] = n
  row[3] = image
  row[4] = xAt
  row[5] = x.length
  row[6] = yAt
  row[7] = y.length
  call(row, 'lanesToRows')
  y.version++
}

/** The arguments of `matmul`. */
export interface Matmul {
  readonly form: 'NN' | 'NT' | 'TN'
  readonly m: number
  readonly n: number
  readonly k: number
  /** Floats. */
  readonly a: Memory
  /** Floats. */
  readonly b: Memory
  /** `n` floats. */
  readonly bias?: Memory | undefined
  /** Floats; written. */
  readonly c: Memory
  readonly dims: Dimensions
}

/**
 * `C = op(A) op(B) + bias`, with `m` rows, `n` columns and sums over `k`: NN is `A·B`, NT `A·Bᵀ`, TN `Aᵀ·B`.
 * `dims` are the shape of a batch of such products, and how many elements lie between one matrix of an
 * operand and the next: 0 where it is repeated. No dimensions are one product.
 */
export function matmul({ form, m, n, k, a, b, bias, c, dims }: Matmul): void {
  c.willChange()
  const aAt = a.address
  const bAt = b.address
  const biasAt = bias?.address ?? 0
  const cAt = c.address
  const row = startRow(14)
  row[2] = form === 'NN' ? 0 : form === 'NT' ? 1 : 2
  row[3] = m
  row[4] = n
  row[5] = k
  row[6] = aAt
  row[7] = a.length
  row[8] = bAt
  row[9] = b.length
  row[10] = biasAt
  row[11] = bias?.length ?? 0
  row[12] = cAt
  row[13] = c.length
  writeDimensions(row, 14, dims)
  call(row, 'matmul')
  c.version++
}

/** The arguments of `softmaxForward`. */
export interface SoftmaxForward {
  readonly rows: number
  readonly cols: number
  /** `rows * cols` floats. */
  readonly x: Memory
  /** `rows * cols` floats; written. */
  readonly y: Memory
}

/** The softmax of each row. */
export function softmaxForward({ rows, cols, x, y }: SoftmaxForward): void {
  y.willChange()
  const xAt = x.address
  const yAt = y.address
  const row = startRow(15)
  row[2] = rows
  row[3] = cols
  row[4] = xAt
  row[5] = x.length
  row[6] = yAt
  row[7] = y.length
  call(row, 'softmaxForward')
  y.version++
}

/** The arguments of `softmaxBackward`. */
export interface SoftmaxBackward {
  readonly rows: number
  readonly cols: number
  /** `rows * cols` floats. */
  readonly y: Memory
  /** `rows * cols` floats. */
  readonly dy: Memory
  /** `rows * cols` floats; written. */
  readonly dx: Memory
}

/** `dx = y (dy - Σ dy y)`. */
export function softmaxBackward({ rows, cols, y, dy, dx }: SoftmaxBackward): void {
  dx.willChange()
  const yAt = y.address
  const dyAt = dy.address
  const dxAt = dx.address
  const row = startRow(16)
  row[2] = rows
  row[3] = cols
  row[4] = yAt
  row[5] = y.length
  row[6] = dyAt
  row[7] = dy.length
  row[8] = dxAt
  row[9] = dx.length
  call(row, 'softmaxBackward')
  dx.version++
}

/** The arguments of `logSoftmaxForward`. */
export interface LogSoftmaxForward {
  readonly rows: number
  readonly cols: number
  /** `rows * cols` floats. */
  readonly x: Memory
  /** `rows * cols` floats; written. */
  readonly y: Memory
}

/** The logarithm of the softmax of each row. */
export function logSoftmaxForward({ rows, cols, x, y }: LogSoftmaxForward): void {
  y.willChange()
  const xAt = x.address
  const yAt = y.address
  const row = startRow(17)
  row[2] = rows
  row[3] = cols
  row[4] = xAt
  row[5] = x.length
  row[6] = yAt
  row[7] = y.length
  call(row, 'logSoftmaxForward')
  y.version++
}

/** The arguments of `logSoftmaxBackward`. */
export interface LogSoftmaxBackward {
  readonly rows: number
  readonly cols: number
  /** `rows * cols` floats. */
  readonly y: Memory
  /** `rows * cols` floats. */
  readonly dy: Memory
  /** `rows * cols` floats; written. */
  readonly dx: Memory
}

/** `dx = dy - e^y Σ dy`. */
export function logSoftmaxBackward({ rows, cols, y, dy, dx }: LogSoftmaxBackward): void {
  dx.willChange()
  const yAt = y.address
  const dyAt = dy.address
  const dxAt = dx.address
  const row = startRow(18)
  row[2] = rows
  row[3] = cols
  row[4] = yAt
  row[5] = y.length
  row[6] = dyAt
  row[7] = dy.length
  row[8] = dxAt
  row[9] = dx.length
  call(row, 'logSoftmaxBackward')
  dx.version++
}

/** The arguments of `crossEntropyForward`. */
export interface CrossEntropyForward {
  readonly n: number
  readonly classes: number
  /** `n * classes` floats. */
  readonly logits: Memory
  /** `n` floats. */
  readonly labels: Memory
  /** `n * classes` floats; written. */
  readonly logProbabilities: Memory
  /** `n` floats; written. */
  readonly losses: Memory
}

/**
 * `losses[i] = -log_softmax(logits[i])[labels[i]]`. Gives the place of the first label that is no class
 * (then nothing was written), or -1.
 */
export function crossEntropyForward({ n, classes, logits, labels, logProbabilities, losses }: CrossEntropyForward): number {
  logProbabilities.willChange()
  losses.willChange()
  const logitsAt = logits.address
  const labelsAt = labels.address
  const logProbabilitiesAt = logProbabilities.address
  const lossesAt = losses.address
  const row = startRow(19)
  row[2] = n
  row[3] = classes
  row[4] = logitsAt
  row[5] = logits.length
  row[6] = labelsAt
  row[7] = labels.length
  row[8] = logProbabilitiesAt
  row[9] = logProbabilities.length
  row[10] = lossesAt
  row[11] = losses.length
  const result = call(row, 'crossEntropyForward')
  logProbabilities.version++
  losses.version++
  return result
}

/** The arguments of `crossEntropyBackward`. */
export interface CrossEntropyBackward {
  readonly n: number
  readonly classes: number
  /** `n * classes` floats. */
  readonly logProbabilities: Memory
  /** `n` floats. */
  readonly labels: Memory
  /** Floats. */
  readonly scale: Memory
  /** `n * classes` floats; written. */
  readonly dlogits: Memory
}

/** `dlogits[i] = (softmax(logits[i]) - onehot(labels[i])) scale[i]`; `scale` is one for each row, or one. */
export function crossEntropyBackward({ n, classes, logProbabilities, labels, scale, dlogits }: CrossEntropyBackward): void {
  dlogits.willChange()
  const logProbabilitiesAt = logProbabilities.address
  const labelsAt = labels.address
  const scaleAt = scale.address
  const dlogitsAt = dlogits.address
  const row = startRow(20)
  row[2] = n
  row[3] = classes
  row[4] = logProbabilitiesAt
  row[5] = logProbabilities.length
  row[6] = labelsAt
  row[7] = labels.length
  row[8] = scaleAt
  row[9] = scale.length
  row[10] = dlogitsAt
  row[11] = dlogits.length
  call(row, 'crossEntropyBackward')
  dlogits.version++
}

/** The arguments of `countCorrect`. */
export interface CountCorrect {
  readonly n: number
  readonly classes: number
  /** `n * classes` floats. */
  readonly logits: Memory
  /** `n` floats. */
  readonly labels: Memory
}

/** Gives how many rows have their largest logit at the label's place. */
export function countCorrect({ n, classes, logits, labels }: CountCorrect): number {
  const logitsAt = logits.address
  const labelsAt = labels.address
  const row = startRow(21)
  row[2] = n
  row[3] = classes
  row[4] = logitsAt
  row[5] = logits.length
  row[6] = labelsAt
  row[7] = labels.length
  const result = call(row, 'countCorrect')
  return result
}

/** The arguments of `sgdStep`. */
export interface SgdStep {
  /** Floats; written. */
  readonly p: Memory
  /** `p.length` floats. */
  readonly g: Memory
  /** `p.length` floats; written. */
  readonly momentumBuffer?: Memory | undefined
  readonly lr: number
  readonly momentum: number
  readonly dampening: number
  readonly weightDecay: number
  readonly nesterov: boolean
  readonly maximize: boolean
  readonly firstStep: boolean
}

/**
 * A step of stochastic gradient descent; see `optim.SGD`. `momentumBuffer` is given exactly when
 * `momentum` is not 0.
 */
export function sgdStep({ p, g, momentumBuffer, lr, momentum, dampening, weightDecay, nesterov, maximize, firstStep }: SgdStep): void {
  p.willChange()
  momentumBuffer?.willChange()
  const pAt = p.address
  const gAt = g.address
  const momentumBufferAt = momentumBuffer?.address ?? 0
  const row = startRow(22)
  row[2] = pAt
  row[3] = p.length
  row[4] = gAt
  row[5] = g.length
  row[6] = momentumBufferAt
  row[7] = momentumBuffer?.length ?? 0
  row[8] = lr
  row[9] = momentum
  row[10] = dampening
  row[11] = weightDecay
  row[12] = Number(nesterov)
  row[13] = Number(maximize)
  row[14] = Number(firstStep)
  call(row, 'sgdStep')
  p.version++
  if (momentumBuffer) momentumBuffer.version++
}

/** The arguments of `adamStep`. */
export interface AdamStep {
  /** Floats; written. */
  readonly p: Memory
  /** `p.length` floats. */
  readonly g: Memory
  /** `p.length` floats; written. */
  readonly m: Memory
  /** `p.length` floats; written. */
  readonly v: Memory
  /** `p.length` floats; written. */
  readonly largest?: Memory | undefined
  readonly lr: number
  readonly beta1: number
  readonly beta2: number
  readonly eps: number
  readonly weightDecay: number
  readonly decoupled: boolean
  readonly maximize: boolean
  readonly step: number
}

/**
 * A step of Adam or, `decoupled`, of AdamW; see `optim.Adam`. `largest` is given for amsgrad. `step` counts
 * from 1.
 */
export function adamStep({ p, g, m, v, largest, lr, beta1, beta2, eps, weightDecay, decoupled, maximize, step }: AdamStep): void {
  p.willChange()
  m.willChange()
  v.willChange()
  largest?.willChange()
  const pAt = p.address
  const gAt = g.address
  const mAt = m.address
  const vAt = v.address
  const largestAt = largest?.address ?? 0
  const row = startRow(23)
  row[2] = pAt
  row[3] = p.length
  row[4] = gAt
  row[5] = g.length
  row[6] = mAt
  row[7] = m.length
  row[8] = vAt
  row[9] = v.length
  row[10] = largestAt
  row[11] = largest?.length ?? 0
  row[12] = lr
  row[13] = beta1
  row[14] = beta2
  row[15] = eps
  row[16] = weightDecay
  row[17] = Number(decoupled)
  row[18] = Number(maximize)
  row[19] = step
  call(row, 'adamStep')
  p.version++
  m.version++
  v.version++
  if (largest) largest.version++
}

/** The arguments of `lerp`. */
export interface Lerp {
  /** Floats. */
  readonly x: Memory
  /** `x.length` floats; written. */
  readonly y: Memory
  readonly weight: number
}

/** `y += weight · (x - y)`. */
export function lerp({ x, y, weight }: Lerp): void {
  y.willChange()
  const xAt = x.address
  const yAt = y.address
  const row = startRow(27)
  row[2] = xAt
  row[3] = x.length
  row[4] = yAt
  row[5] = y.length
  row[6] = weight
  call(row, 'lerp')
  y.version++
}

/** The arguments of `fillUniform`. */
export interface FillUniform {
  /** Floats; written. */
  readonly y: Memory
  readonly seedLow: number
  readonly seedHigh: number
  readonly offsetLow: number
  readonly offsetHigh: number
  readonly low: number
  readonly high: number
}

/** Uniform in `low` ≤ y < `high`. Uses `ceil(y.length / 4)` blocks of the stream. */
export function fillUniform({ y, seedLow, seedHigh, offsetLow, offsetHigh, low, high }: FillUniform): void {
  y.willChange()
  const yAt = y.address
  const row = startRow(28)
  row[2] = yAt
  row[3] = y.length
  row[4] = seedLow
  row[5] = seedHigh
  row[6] = offsetLow
  row[7] = offsetHigh
  row[8] = low
  row[9] = high
  call(row, 'fillUniform')
  y.version++
}

/** The arguments of `fillNormal`. */
export interface FillNormal {
  /** Floats; written. */
  readonly y: Memory
  readonly seedLow: number
  readonly seedHigh: number
  readonly offsetLow: number
  readonly offsetHigh: number
  readonly mean: number
  readonly std: number
}

/** Normal. Uses `ceil(y.length / 4)` blocks of the stream. */
export function fillNormal({ y, seedLow, seedHigh, offsetLow, offsetHigh, mean, std }: FillNormal): void {
  y.willChange()
  const yAt = y.address
  const row = startRow(29)
  row[2] = yAt
  row[3] = y.length
  row[4] = seedLow
  row[5] = seedHigh
  row[6] = offsetLow
  row[7] = offsetHigh
  row[8] = mean
  row[9] = std
  call(row, 'fillNormal')
  y.version++
}

/** The arguments of `fillBernoulli`. */
export interface FillBernoulli {
  /** Floats; written. */
  readonly y: Memory
  readonly seedLow: number
  readonly seedHigh: number
  readonly offsetLow: number
  readonly offsetHigh: number
  readonly keep: number
  readonly scale: number
}

/** `scale` with the probability `keep`, else 0. Uses `ceil(y.length / 4)` blocks of the stream. */
export function fillBernoulli({ y, seedLow, seedHigh, offsetLow, offsetHigh, keep, scale }: FillBernoulli): void {
  y.willChange()
  const yAt = y.address
  const row = startRow(30)
  row[2] = yAt
  row[3] = y.length
  row[4] = seedLow
  row[5] = seedHigh
  row[6] = offsetLow
  row[7] = offsetHigh
  row[8] = keep
  row[9] = scale
  call(row, 'fillBernoulli')
  y.version++
}

/** The arguments of `randomPermutation`. */
export interface RandomPermutation {
  /** Words (u32); written. */
  readonly y: Memory
  readonly seedLow: number
  readonly seedHigh: number
  readonly offsetLow: number
  readonly offsetHigh: number
}

/** The numbers below `y.length` in random order. Gives how many blocks of the stream it used. */
export function randomPermutation({ y, seedLow, seedHigh, offsetLow, offsetHigh }: RandomPermutation): number {
  y.willChange()
  const yAt = y.address
  const row = startRow(31)
  row[2] = yAt
  row[3] = y.length
  row[4] = seedLow
  row[5] = seedHigh
  row[6] = offsetLow
  row[7] = offsetHigh
  const result = call(row, 'randomPermutation')
  y.version++
  return result
}

/** The arguments of `gatherU8`. */
export interface GatherU8 {
  readonly sourceRows: number
  readonly channels: number
  readonly plane: number
  readonly first: number
  readonly count: number
  /** `sourceRows * channels * plane` bytes. */
  readonly source: Memory
  /** Words (u32). */
  readonly indices: Memory
  /** `channels + channels` floats. */
  readonly norms: Memory
  /** `count * channels * plane` floats; written. */
  readonly y: Memory
}

/**
 * `y[i][c] = source[indices[first + i]][c] · scale[c] + shift[c]`, of bytes; `norms` has the scale and the shift
 * of each channel. Gives the place (from `first` on) of the first index that is no row (then nothing was
 * written), or -1.
 */
export function gatherU8({ sourceRows, channels, plane, first, count, source, indices, norms, y }: GatherU8): number {
  y.willChange()
  const sourceAt = source.address
  const indicesAt = indices.address
  const normsAt = norms.address
  const yAt = y.address
  const row = startRow(32)
  row[2] = sourceRows
  row[3] = channels
  row[4] = plane
  row[5] = first
  row[6] = count
  row[7] = sourceAt
  row[8] = source.length
  row[9] = indicesAt
  row[10] = indices.length
  row[11] = normsAt
  row[12] = norms.length
  row[13] = yAt
  row[14] = y.length
  const result = call(row, 'gatherU8')
  y.version++
  return result
}

/** The arguments of `gatherF32`. */
export interface GatherF32 {
  readonly sourceRows: number
  readonly width: number
  readonly first: number
  readonly count: number
  /** `sourceRows * width` floats. */
  readonly source: Memory
  /** Words (u32). */
  readonly indices: Memory
  /** `count * width` floats; written. */
  readonly y: Memory
}

/** `y[i] = source[indices[first + i]]`. Gives what `gatherU8` gives. */
export function gatherF32({ sourceRows, width, first, count, source, indices, y }: GatherF32): number {
  y.willChange()
  const sourceAt = source.address
  const indicesAt = indices.address
  const yAt = y.address
  const row = startRow(33)
  row[2] = sourceRows
  row[3] = width
  row[4] = first
  row[5] = count
  row[6] = sourceAt
  row[7] = source.length
  row[8] = indicesAt
  row[9] = indices.length
  row[10] = yAt
  row[11] = y.length
  const result = call(row, 'gatherF32')
  y.version++
  return result
}

/** The arguments of `indexSelectForward`. */
export interface IndexSelectForward {
  readonly outer: number
  readonly n: number
  readonly inner: number
  readonly count: number
  /** `outer * n * inner` floats. */
  readonly x: Memory
  /** `count` floats. */
  readonly index: Memory
  /** `outer * count * inner` floats; written. */
  readonly y: Memory
}

/**
 * `y[o][k][i] = x[o][index[k]][i]` for `count` values of `k`. Gives the place of the first index that is no row
 * (then nothing was written), or -1.
 */
export function indexSelectForward({ outer, n, inner, count, x, index, y }: IndexSelectForward): number {
  y.willChange()
  const xAt = x.address
  const indexAt = index.address
  const yAt = y.address
  const row = startRow(34)
  row[2] = outer
  row[3] = n
  row[4] = inner
  row[5] = count
  row[6] = xAt
  row[7] = x.length
  row[8] = indexAt
  row[9] = index.length
  row[10] = yAt
  row[11] = y.length
  const result = call(row, 'indexSelectForward')
  y.version++
  return result
}

/** The arguments of `indexSelectBackward`. */
export interface IndexSelectBackward {
  readonly outer: number
  readonly n: number
  readonly inner: number
  readonly count: number
  /** `outer * count * inner` floats. */
  readonly dy: Memory
  /** `count` floats. */
  readonly index: Memory
  /** `outer * n * inner` floats; written. */
  readonly dx: Memory
}

/** `dx[o][j][i] = Σ dy[o][k][i]` over the `k` with `index[k] = j`. Gives what `indexSelectForward` gives. */
export function indexSelectBackward({ outer, n, inner, count, dy, index, dx }: IndexSelectBackward): number {
  dx.willChange()
  const dyAt = dy.address
  const indexAt = index.address
  const dxAt = dx.address
  const row = startRow(35)
  row[2] = outer
  row[3] = n
  row[4] = inner
  row[5] = count
  row[6] = dyAt
  row[7] = dy.length
  row[8] = indexAt
  row[9] = index.length
  row[10] = dxAt
  row[11] = dx.length
  const result = call(row, 'indexSelectBackward')
  dx.version++
  return result
}

/** The arguments of `gatherForward`. */
export interface GatherForward {
  readonly outer: number
  readonly n: number
  readonly inner: number
  readonly count: number
  /** `outer * n * inner` floats. */
  readonly x: Memory
  /** `outer * count * inner` floats. */
  readonly index: Memory
  /** `outer * count * inner` floats; written. */
  readonly y: Memory
}

/** `y[o][k][i] = x[o][index[o][k][i]][i]` for `count` values of `k`. Gives what `indexSelectForward` gives. */
export function gatherForward({ outer, n, inner, count, x, index, y }: GatherForward): number {
  y.willChange()
  const xAt = x.address
  const indexAt = index.address
  const yAt = y.address
  const row = startRow(36)
  row[2] = outer
  row[3] = n
  row[4] = inner
  row[5] = count
  row[6] = xAt
  row[7] = x.length
  row[8] = indexAt
  row[9] = index.length
  row[10] = yAt
  row[11] = y.length
  const result = call(row, 'gatherForward')
  y.version++
  return result
}

/** The arguments of `gatherBackward`. */
export interface GatherBackward {
  readonly outer: number
  readonly n: number
  readonly inner: number
  readonly count: number
  /** `outer * count * inner` floats. */
  readonly dy: Memory
  /** `outer * count * inner` floats. */
  readonly index: Memory
  /** `outer * n * inner` floats; written. */
  readonly dx: Memory
}

/** `dx[o][j][i] = Σ dy[o][k][i]` over the `k` with `index[o][k][i] = j`. Gives what `indexSelectForward` gives. */
export function gatherBackward({ outer, n, inner, count, dy, index, dx }: GatherBackward): number {
  dx.willChange()
  const dyAt = dy.address
  const indexAt = index.address
  const dxAt = dx.address
  const row = startRow(37)
  row[2] = outer
  row[3] = n
  row[4] = inner
  row[5] = count
  row[6] = dyAt
  row[7] = dy.length
  row[8] = indexAt
  row[9] = index.length
  row[10] = dxAt
  row[11] = dx.length
  const result = call(row, 'gatherBackward')
  dx.version++
  return result
}

/** The arguments of `cumsum`. */
export interface Cumsum {
  readonly outer: number
  readonly n: number
  readonly inner: number
  readonly reverse: boolean
  /** `outer * n * inner` floats. */
  readonly x: Memory
  /** `outer * n * inner` floats; written. */
  readonly y: Memory
}

/** `y[o][k][i] = Σ x[o][j][i]` over the `j` up to `k`, or, `reverse`, from `k` on. */
export function cumsum({ outer, n, inner, reverse, x, y }: Cumsum): void {
  y.willChange()
  const xAt = x.address
  const yAt = y.address
  const row = startRow(38)
  row[2] = outer
  row[3] = n
  row[4] = inner
  row[5] = Number(reverse)
  row[6] = xAt
  row[7] = x.length
  row[8] = yAt
  row[9] = y.length
  call(row, 'cumsum')
  y.version++
}

/** The arguments of `triangle`. */
export interface Triangle {
  readonly batch: number
  readonly rows: number
  readonly cols: number
  readonly upper: boolean
  readonly diagonal: number
  /** `batch * rows * cols` floats. */
  readonly x: Memory
  /** `batch * rows * cols` floats; written. */
  readonly y: Memory
}

/** `y` is `x` where `col ≤ row + diagonal`, or, `upper`, where `col ≥ row + diagonal`; else 0. */
export function triangle({ batch, rows, cols, upper, diagonal, x, y }: Triangle): void {
  y.willChange()
  const xAt = x.address
  const yAt = y.address
  const row = startRow(39)
  row[2] = batch
  row[3] = rows
  row[4] = cols
  row[5] = Number(upper)
  row[6] = diagonal
  row[7] = xAt
  row[8] = x.length
  row[9] = yAt
  row[10] = y.length
  call(row, 'triangle')
  y.version++
}

/** The arguments of `conv2dForward`. */
export interface Conv2dForward {
  readonly n: number
  readonly c: number
  readonly h: number
  readonly w: number
  readonly oc: number
  readonly oh: number
  readonly ow: number
  readonly kh: number
  readonly kw: number
  readonly strideH: number
  readonly strideW: number
  readonly paddingH: number
  readonly paddingW: number
  readonly dilationH: number
  readonly dilationW: number
  readonly groups: number
  /** `lanes(n, c * h * w)` floats. */
  readonly x: Memory
  /** `oc * (c / groups) * kh * kw` floats. */
  readonly weight: Memory
  /** `oc` floats. */
  readonly bias?: Memory | undefined
  /** `lanes(n, oc * oh * ow)` floats; written. */
  readonly y: Memory
}

/**
 * `y = conv2d(x, weight) + bias`; `x` and `y` in lanes. `oh` and `ow` windows, each of which may end past the
 * image.
 */
export function conv2dForward({ n, c, h, w, oc, oh, ow, kh, kw, strideH, strideW, paddingH, paddingW, dilationH, dilationW, groups, x, weight, bias, y }: Conv2dForward): void {
  y.willChange()
  const xAt = x.address
  const weightAt = weight.address
  const biasAt = bias?.address ?? 0
  const yAt = y.address
  const row = startRow(40)
  row[2] = n
  row[3] = c
  row[4] = h
  row[5] = w
  row[6] = oc
  row[7] = oh
  row[8] = ow
  row[9] = kh
  row[10] = kw
  row[11] = strideH
  row[12] = strideW
  row[13] = paddingH
  row[14] = paddingW
  row[15] = dilationH
  row[16] = dilationW
  row[17] = groups
  row[18] = xAt
  row[19] = x.length
  row[20] = weightAt
  row[21] = weight.length
  row[22] = biasAt
  row[23] = bias?.length ?? 0
  row[24] = yAt
  row[25] = y.length
  call(row, 'conv2dForward')
  y.version++
}

/** The arguments of `conv2dBackwardInput`. */
export interface Conv2dBackwardInput {
  readonly n: number
  readonly c: number
  readonly h: number
  readonly w: number
  readonly oc: number
  readonly oh: number
  readonly ow: number
  readonly kh: number
  readonly kw: number
  readonly strideH: number
  readonly strideW: number
  readonly paddingH: number
  readonly paddingW: number
  readonly dilationH: number
  readonly dilationW: number
  readonly groups: number
  /** `lanes(n, oc * oh * ow)` floats. */
  readonly dy: Memory
  /** `oc * (c / groups) * kh * kw` floats. */
  readonly weight: Memory
  /** `c` floats. */
  readonly bias?: Memory | undefined
  /** `lanes(n, c * h * w)` floats; written. */
  readonly dx: Memory
}

/**
 * The gradient of the input, to which a bias may be added (it is a transposed convolution); `dy` and `dx` in
 * lanes.
 */
export function conv2dBackwardInput({ n, c, h, w, oc, oh, ow, kh, kw, strideH, strideW, paddingH, paddingW, dilationH, dilationW, groups, dy, weight, bias, dx }: Conv2dBackwardInput): void {
  dx.willChange()
  const dyAt = dy.address
  const weightAt = weight.address
  const biasAt = bias?.address ?? 0
  const dxAt = dx.address
  const row = startRow(41)
  row[2] = n
  row[3] = c
  row[4] = h
  row[5] = w
  row[6] = oc
  row[7] = oh
  row[8] = ow
  row[9] = kh
  row[10] = kw
  row[11] = strideH
  row[12] = strideW
  row[13] = paddingH
  row[14] = paddingW
  row[15] = dilationH
  row[16] = dilationW
  row[17] = groups
  row[18] = dyAt
  row[19] = dy.length
  row[20] = weightAt
  row[21] = weight.length
  row[22] = biasAt
  row[23] = bias?.length ?? 0
  row[24] = dxAt
  row[25] = dx.length
  call(row, 'conv2dBackwardInput')
  dx.version++
}

/** The arguments of `conv2dBackwardWeight`. */
export interface Conv2dBackwardWeight {
  readonly n: number
  readonly c: number
  readonly h: number
  readonly w: number
  readonly oc: number
  readonly oh: number
  readonly ow: number
  readonly kh: number
  readonly kw: number
  readonly strideH: number
  readonly strideW: number
  readonly paddingH: number
  readonly paddingW: number
  readonly dilationH: number
  readonly dilationW: number
  readonly groups: number
  /** `lanes(n, c * h * w)` floats. */
  readonly x: Memory
  /** `lanes(n, oc * oh * ow)` floats. */
  readonly dy: Memory
  /** `oc * (c / groups) * kh * kw` floats; written. */
  readonly dweight?: Memory | undefined
  /** `oc` floats; written. */
  readonly dbias?: Memory | undefined
}

/** The gradients of weight and bias; `x` and `dy` in lanes. */
export function conv2dBackwardWeight({ n, c, h, w, oc, oh, ow, kh, kw, strideH, strideW, paddingH, paddingW, dilationH, dilationW, groups, x, dy, dweight, dbias }: Conv2dBackwardWeight): void {
  dweight?.willChange()
  dbias?.willChange()
  const xAt = x.address
  const dyAt = dy.address
  const dweightAt = dweight?.address ?? 0
  const dbiasAt = dbias?.address ?? 0
  const row = startRow(42)
  row[2] = n
  row[3] = c
  row[4] = h
  row[5] = w
  row[6] = oc
  row[7] = oh
  row[8] = ow
  row[9] = kh
  row[10] = kw
  row[11] = strideH
  row[12] = strideW
  row[13] = paddingH
  row[14] = paddingW
  row[15] = dilationH
  row[16] = dilationW
  row[17] = groups
  row[18] = xAt
  row[19] = x.length
  row[20] = dyAt
  row[21] = dy.length
  row[22] = dweightAt
  row[23] = dweight?.length ?? 0
  row[24] = dbiasAt
  row[25] = dbias?.length ?? 0
  call(row, 'conv2dBackwardWeight')
  if (dweight) dweight.version++
  if (dbias) dbias.version++
}

/** The arguments of `conv2dBackward`. */
export interface Conv2dBackward {
  readonly n: number
  readonly c: number
  readonly h: number
  readonly w: number
  readonly oc: number
  readonly oh: number
  readonly ow: number
  readonly kh: number
  readonly kw: number
  readonly strideH: number
  readonly strideW: number
  readonly paddingH: number
  readonly paddingW: number
  readonly dilationH: number
  readonly dilationW: number
  readonly groups: number
  /** `lanes(n, c * h * w)` floats. */
  readonly x: Memory
  /** `lanes(n, oc * oh * ow)` floats. */
  readonly dy: Memory
  /** `oc * (c / groups) * kh * kw` floats. */
  readonly weight: Memory
  /** `lanes(n, c * h * w)` floats; written. */
  readonly dx: Memory
  /** `oc * (c / groups) * kh * kw` floats; written. */
  readonly dweight: Memory
  /** `oc` floats; written. */
  readonly dbias?: Memory | undefined
}

/** Both gradients of a convolution at once, which then share work, and the bias's; `x`, `dy` and `dx` in lanes. */
export function conv2dBackward({ n, c, h, w, oc, oh, ow, kh, kw, strideH, strideW, paddingH, paddingW, dilationH, dilationW, groups, x, dy, weight, dx, dweight, dbias }: Conv2dBackward): void {
  dx.willChange()
  dweight.willChange()
  dbias?.willChange()
  const xAt = x.address
  const dyAt = dy.address
  const weightAt = weight.address
  const dxAt = dx.address
  const dweightAt = dweight.address
  const dbiasAt = dbias?.address ?? 0
  const row = startRow(43)
  row[2] = n
  row[3] = c
  row[4] = h
  row[5] = w
  row[6] = oc
  row[7] = oh
  row[8] = ow
  row[9] = kh
  row[10] = kw
  row[11] = strideH
  row[12] = strideW
  row[13] = paddingH
  row[14] = paddingW
  row[15] = dilationH
  row[16] = dilationW
  row[17] = groups
  row[18] = xAt
  row[19] = x.length
  row[20] = dyAt
  row[21] = dy.length
  row[22] = weightAt
  row[23] = weight.length
  row[24] = dxAt
  row[25] = dx.length
  row[26] = dweightAt
  row[27] = dweight.length
  row[28] = dbiasAt
  row[29] = dbias?.length ?? 0
  call(row, 'conv2dBackward')
  dx.version++
  dweight.version++
  if (dbias) dbias.version++
}

/** The arguments of `maxPool2dForward`. */
export interface MaxPool2dForward {
  readonly n: number
  readonly c: number
  readonly h: number
  readonly w: number
  readonly oh: number
  readonly ow: number
  readonly kh: number
  readonly kw: number
  readonly strideH: number
  readonly strideW: number
  readonly paddingH: number
  readonly paddingW: number
  readonly dilationH: number
  readonly dilationW: number
  /** `lanes(n, c * h * w)` floats. */
  readonly x: Memory
  /** `c` floats. */
  readonly factors?: Memory | undefined
  /** `lanes(n, c * oh * ow)` floats; written. */
  readonly y: Memory
}

/**
 * The largest tap of each window; `x` and `y` in lanes. `oh` and `ow` windows, of which the last may end past
 * the padding. With `factors` the tap whose multiple by its channel's is the largest.
 */
export function maxPool2dForward({ n, c, h, w, oh, ow, kh, kw, strideH, strideW, paddingH, paddingW, dilationH, dilationW, x, factors, y }: MaxPool2dForward): void {
  y.willChange()
  const xAt = x.address
  const factorsAt = factors?.address ?? 0
  const yAt = y.address
  const row = startRow(44)
  row[2] = n
  row[3] = c
  row[4] = h
  row[5] = w
  row[6] = oh
  row[7] = ow
  row[8] = kh
  row[9] = kw
  row[10] = strideH
  row[11] = strideW
  row[12] = paddingH
  row[13] = paddingW
  row[14] = dilationH
  row[15] = dilationW
  row[16] = xAt
  row[17] = x.length
  row[18] = factorsAt
  row[19] = factors?.length ?? 0
  row[20] = yAt
  row[21] = y.length
  call(row, 'maxPool2dForward')
  y.version++
}

/** The arguments of `maxPool2dBackward`. */
export interface MaxPool2dBackward {
  readonly n: number
  readonly c: number
  readonly h: number
  readonly w: number
  readonly oh: number
  readonly ow: number
  readonly kh: number
  readonly kw: number
  readonly strideH: number
  readonly strideW: number
  readonly paddingH: number
  readonly paddingW: number
  readonly dilationH: number
  readonly dilationW: number
  /** `lanes(n, c * h * w)` floats. */
  readonly x: Memory
  /** `lanes(n, c * oh * ow)` floats. */
  readonly y: Memory
  /** `lanes(n, c * oh * ow)` floats. */
  readonly dy: Memory
  /** `lanes(n, c * h * w)` floats; written. */
  readonly dx: Memory
}

/** `dx` is `dy` at the tap that forward took; all in lanes. */
export function maxPool2dBackward({ n, c, h, w, oh, ow, kh, kw, strideH, strideW, paddingH, paddingW, dilationH, dilationW, x, y, dy, dx }: MaxPool2dBackward): void {
  dx.willChange()
  const xAt = x.address
  const yAt = y.address
  const dyAt = dy.address
  const dxAt = dx.address
  const row = startRow(45)
  row[2] = n
  row[3] = c
  row[4] = h
  row[5] = w
  row[6] = oh
  row[7] = ow
  row[8] = kh
  row[9] = kw
  row[10] = strideH
  row[11] = strideW
  row[12] = paddingH
  row[13] = paddingW
  row[14] = dilationH
  row[15] = dilationW
  row[16] = xAt
  row[17] = x.length
  row[18] = yAt
  row[19] = y.length
  row[20] = dyAt
  row[21] = dy.length
  row[22] = dxAt
  row[23] = dx.length
  call(row, 'maxPool2dBackward')
  dx.version++
}

/** The arguments of `batchNormStatistics`. */
export interface BatchNormStatistics {
  readonly layout: 'rows' | 'lanes'
  readonly n: number
  readonly c: number
  readonly s: number
  /** `laid(layout, n, c * s)` floats. */
  readonly x: Memory
  /** `c` floats; written. */
  readonly mean: Memory
  /** `c` floats; written. */
  readonly residual: Memory
  /** `c` floats; written. */
  readonly variance: Memory
}

/**
 * Mean and biased variance of each channel of `[n, c]` in rows (with `s` 1) or `[n, c, s]` in lanes.
 * The mean is the sum of `mean` and `residual`.
 */
export function batchNormStatistics({ layout, n, c, s, x, mean, residual, variance }: BatchNormStatistics): void {
  mean.willChange()
  residual.willChange()
  variance.willChange()
  const xAt = x.address
  const meanAt = mean.address
  const residualAt = residual.address
  const varianceAt = variance.address
  const row = startRow(53)
  row[2] = layout === 'rows' ? 0 : 1
  row[3] = n
  row[4] = c
  row[5] = s
  row[6] = xAt
  row[7] = x.length
  row[8] = meanAt
  row[9] = mean.length
  row[10] = residualAt
  row[11] = residual.length
  row[12] = varianceAt
  row[13] = variance.length
  call(row, 'batchNormStatistics')
  mean.version++
  residual.version++
  variance.version++
}

/** The arguments of `batchNormUpdateRunning`. */
export interface BatchNormUpdateRunning {
  readonly c: number
  readonly count: number
  /** `c` floats. */
  readonly mean: Memory
  /** `c` floats. */
  readonly variance: Memory
  readonly momentum: number
  readonly average: boolean
  /** `c` floats; written. */
  readonly runningMean: Memory
  /** `c` floats; written. */
  readonly runningVar: Memory
  /** `1` floats; written. */
  readonly tracked?: Memory | undefined
}

/**
 * `running = (1 - momentum) running + momentum batch`, of a batch with `count` values a channel; the
 * unbiased variance enters. `average`: instead of `momentum`, one over how many batches there were, with this.
 * `tracked` counts them.
 */
export function batchNormUpdateRunning({ c, count, mean, variance, momentum, average, runningMean, runningVar, tracked }: BatchNormUpdateRunning): void {
  runningMean.willChange()
  runningVar.willChange()
  tracked?.willChange()
  const meanAt = mean.address
  const varianceAt = variance.address
  const runningMeanAt = runningMean.address
  const runningVarAt = runningVar.address
  const trackedAt = tracked?.address ?? 0
  const row = startRow(54)
  row[2] = c
  row[3] = count
  row[4] = meanAt
  row[5] = mean.length
  row[6] = varianceAt
  row[7] = variance.length
  row[8] = momentum
  row[9] = Number(average)
  row[10] = runningMeanAt
  row[11] = runningMean.length
  row[12] = runningVarAt
  row[13] = runningVar.length
  row[14] = trackedAt
  row[15] = tracked?.length ?? 0
  call(row, 'batchNormUpdateRunning')
  runningMean.version++
  runningVar.version++
  if (tracked) tracked.version++
}

/** The arguments of `batchNormForward`. */
export interface BatchNormForward {
  readonly layout: 'rows' | 'lanes'
  readonly n: number
  readonly c: number
  readonly s: number
  /** `laid(layout, n, c * s)` floats. */
  readonly x: Memory
  /** `c` floats. */
  readonly mean: Memory
  /** `c` floats. */
  readonly residual?: Memory | undefined
  /** `c` floats. */
  readonly variance: Memory
  readonly eps: number
  /** `c` floats. */
  readonly weight?: Memory | undefined
  /** `c` floats. */
  readonly bias?: Memory | undefined
  /** `laid(layout, n, c * s)` floats; written. */
  readonly y: Memory
}

/** `y = (x - mean) / √(variance + eps) · weight + bias`; the mean is `mean + residual`. */
export function batchNormForward({ layout, n, c, s, x, mean, residual, variance, eps, weight, bias, y }: BatchNormForward): void {
  y.willChange()
  const xAt = x.address
  const meanAt = mean.address
  const residualAt = residual?.address ?? 0
  const varianceAt = variance.address
  const weightAt = weight?.address ?? 0
  const biasAt = bias?.address ?? 0
  const yAt = y.address
  const row = startRow(55)
  row[2] = layout === 'rows' ? 0 : 1
  row[3] = n
  row[4] = c
  row[5] = s
  row[6] = xAt
  row[7] = x.length
  row[8] = meanAt
  row[9] = mean.length
  row[10] = residualAt
  row[11] = residual?.length ?? 0
  row[12] = varianceAt
  row[13] = variance.length
  row[14] = eps
  row[15] = weightAt
  row[16] = weight?.length ?? 0
  row[17] = biasAt
  row[18] = bias?.length ?? 0
  row[19] = yAt
  row[20] = y.length
  call(row, 'batchNormForward')
  y.version++
}

/** The arguments of `batchNormBackward`. */
export interface BatchNormBackward {
  readonly layout: 'rows' | 'lanes'
  readonly n: number
  readonly c: number
  readonly s: number
  /** `laid(layout, n, c * s)` floats. */
  readonly x: Memory
  /** `laid(layout, n, c * s)` floats. */
  readonly dy: Memory
  /** `c` floats. */
  readonly mean: Memory
  /** `c` floats. */
  readonly residual?: Memory | undefined
  /** `c` floats. */
  readonly variance: Memory
  readonly eps: number
  /** `c` floats. */
  readonly weight?: Memory | undefined
  readonly training: boolean
  /** `laid(layout, n, c * s)` floats; written. */
  readonly dx?: Memory | undefined
  /** `c` floats; written. */
  readonly dweight?: Memory | undefined
  /** `c` floats; written. */
  readonly dbias?: Memory | undefined
}

/** The gradients; `training` says whether the statistics are those of `x`. */
export function batchNormBackward({ layout, n, c, s, x, dy, mean, residual, variance, eps, weight, training, dx, dweight, dbias }: BatchNormBackward): void {
  dx?.willChange()
  dweight?.willChange()
  dbias?.willChange()
  const xAt = x.address
  const dyAt = dy.address
  const meanAt = mean.address
  const residualAt = residual?.address ?? 0
  const varianceAt = variance.address
  const weightAt = weight?.address ?? 0
  const dxAt = dx?.address ?? 0
  const dweightAt = dweight?.address ?? 0
  const dbiasAt = dbias?.address ?? 0
  const row = startRow(56)
  row[2] = layout === 'rows' ? 0 : 1
  row[3] = n
  row[4] = c
  row[5] = s
  row[6] = xAt
  row[7] = x.length
  row[8] = dyAt
  row[9] = dy.length
  row[10] = meanAt
  row[11] = mean.length
  row[12] = residualAt
  row[13] = residual?.length ?? 0
  row[14] = varianceAt
  row[15] = variance.length
  row[16] = eps
  row[17] = weightAt
  row[18] = weight?.length ?? 0
  row[19] = Number(training)
  row[20] = dxAt
  row[21] = dx?.length ?? 0
  row[22] = dweightAt
  row[23] = dweight?.length ?? 0
  row[24] = dbiasAt
  row[25] = dbias?.length ?? 0
  call(row, 'batchNormBackward')
  if (dx) dx.version++
  if (dweight) dweight.version++
  if (dbias) dbias.version++
}

/** The arguments of `batchNormMaxPool2dBackward`. */
export interface BatchNormMaxPool2dBackward {
  readonly n: number
  readonly c: number
  readonly h: number
  readonly w: number
  /** `lanes(n, c * h * w)` floats. */
  readonly x: Memory
  /** `lanes(n, c * slides(h, 2.0, 2.0, 0.0) * slides(w, 2.0, 2.0, 0.0))` floats. */
  readonly z: Memory
  /** `lanes(n, c * slides(h, 2.0, 2.0, 0.0) * slides(w, 2.0, 2.0, 0.0))` floats. */
  readonly dy: Memory
  /** `c` floats. */
  readonly mean: Memory
  /** `c` floats. */
  readonly residual?: Memory | undefined
  /** `c` floats. */
  readonly variance: Memory
  readonly eps: number
  /** `c` floats. */
  readonly weight?: Memory | undefined
  readonly training: boolean
  /** `lanes(n, c * h * w)` floats; written. */
  readonly dx?: Memory | undefined
  /** `c` floats; written. */
  readonly dweight?: Memory | undefined
  /** `c` floats; written. */
  readonly dbias?: Memory | undefined
}

/**
 * The gradients of batch normalisation with windows of 2 × 2 after it; `z` is what `maxPool2dForward`
 * took by its weight.
 */
export function batchNormMaxPool2dBackward({ n, c, h, w, x, z, dy, mean, residual, variance, eps, weight, training, dx, dweight, dbias }: BatchNormMaxPool2dBackward): void {
  dx?.willChange()
  dweight?.willChange()
  dbias?.willChange()
  const xAt = x.address
  const zAt = z.address
  const dyAt = dy.address
  const meanAt = mean.address
  const residualAt = residual?.address ?? 0
  const varianceAt = variance.address
  const weightAt = weight?.address ?? 0
  const dxAt = dx?.address ?? 0
  const dweightAt = dweight?.address ?? 0
  const dbiasAt = dbias?.address ?? 0
  const row = startRow(57)
  row[2] = n
  row[3] = c
  row[4] = h
  row[5] = w
  row[6] = xAt
  row[7] = x.length
  row[8] = zAt
  row[9] = z.length
  row[10] = dyAt
  row[11] = dy.length
  row[12] = meanAt
  row[13] = mean.length
  row[14] = residualAt
  row[15] = residual?.length ?? 0
  row[16] = varianceAt
  row[17] = variance.length
  row[18] = eps
  row[19] = weightAt
  row[20] = weight?.length ?? 0
  row[21] = Number(training)
  row[22] = dxAt
  row[23] = dx?.length ?? 0
  row[24] = dweightAt
  row[25] = dweight?.length ?? 0
  row[26] = dbiasAt
  row[27] = dbias?.length ?? 0
  call(row, 'batchNormMaxPool2dBackward')
  if (dx) dx.version++
  if (dweight) dweight.version++
  if (dbias) dbias.version++
}
